//! Prints the SHA-256 of the input in hexadecimal, like the first field of `sha256sum`.

use std::io::Write;
use std::process::ExitCode;

use filter::{BUFFER_BYTES, read};
use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    filter::run(&[], |_, input, output| {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match read(input, &mut buffer)? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
        for byte in hash.finalize() {
            write!(output, "{byte:02x}")?;
        }
        writeln!(output)?;
        Ok(())
    })
}
