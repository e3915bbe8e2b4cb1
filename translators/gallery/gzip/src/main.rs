//! Compresses like `gzip -n`: one member without name or time, so that equal input gives equal output.

use std::io::Write;
use std::process::ExitCode;

use filter::{BUFFER_BYTES, Failure, fill};
use flate2::{Compression, GzBuilder};

/// What RFC 1952 calls Unix. The library would say "unknown".
const OS_UNIX: u8 = 3;

fn main() -> ExitCode {
    filter::run(&["level"], |parameters, input, output| {
        let level = parameters.integer("level")?.unwrap_or(6);
        if !(1..=9).contains(&level) {
            return Err(Failure::parameters(format!(
                "Parameter level is 1 (fast) to 9 (small), not {level}"
            )));
        }
        let mut encoder =
            GzBuilder::new().mtime(0).operating_system(OS_UNIX).write(output, Compression::new(level as u32));
        let mut buffer = vec![0; BUFFER_BYTES];
        // Always in full buffers, as the result depends on how the input is cut.
        loop {
            let count = fill(input, &mut buffer)?;
            encoder.write_all(&buffer[..count])?;
            if count < buffer.len() {
                break;
            }
        }
        encoder.finish()?;
        Ok(())
    })
}
