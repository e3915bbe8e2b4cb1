//! Decompresses like `gunzip`: all members, each checked against its CRC and length. Zeros may follow the last, as
//! tapes and block devices leave them, and nothing else may.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;

use filter::{BUFFER_BYTES, Failure};
use flate2::bufread::GzDecoder;

const FIRST_BYTE: u8 = 0x1f;

fn main() -> ExitCode {
    filter::run(&[], |_, input, output| {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        match input.fill_buf()?.first() {
            None => {
                return Err(Failure::input("The input is empty, and gzip data begins with the bytes 1f 8b"));
            }
            Some(&FIRST_BYTE) => {}
            Some(_) => {
                return Err(Failure::input(
                    "The input does not begin with the bytes 1f 8b: it is not gzip data",
                ));
            }
        }
        loop {
            copy_member(&mut input, output)?;
            match input.fill_buf()?.first() {
                None => return Ok(()),
                Some(&FIRST_BYTE) => {}
                Some(_) => return skip_zeros(&mut input),
            }
        }
    })
}

fn copy_member(input: &mut impl BufRead, output: &mut impl Write) -> Result<(), Failure> {
    let mut member = GzDecoder::new(input);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match member.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Failure::input("The gzip data ends before its last member does"));
            }
            Err(error) => return Err(Failure::input(format!("The gzip data is corrupt: {error}"))),
        }
    }
}

fn skip_zeros(input: &mut impl BufRead) -> Result<(), Failure> {
    loop {
        let bytes = input.fill_buf()?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(Failure::input("Something that is not gzip data follows the last member"));
        }
        let count = bytes.len();
        if count == 0 {
            return Ok(());
        }
        input.consume(count);
    }
}
