//! Numbers the lines of its input, from `start` on.
//!
//! A translator reads standard input and writes standard output. Parameters come as arguments, `start=1`. What it
//! prints to standard error is in the log, and any exit code but 0 is an error for whoever reads the file.

use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let start = start(std::env::args().skip(1))?;
    let input = io::stdin().lock();
    let output = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    number_lines(start, input, output).map_err(|error| error.to_string())
}

/// The parameter `start`. The manifest has its default, so it always comes.
fn start(args: impl Iterator<Item = String>) -> Result<i64, String> {
    let mut start = 1;
    for arg in args {
        let Some(value) = arg.strip_prefix("start=") else {
            return Err(format!("Expected start=NUMBER and got {arg}"));
        };
        start = value.parse().map_err(|_| format!("Parameter start is a whole number, not {value}"))?;
    }
    Ok(start)
}

/// Lines are bytes here, as a file need not be UTF-8. One is in memory at a time.
fn number_lines(start: i64, mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut number = start;
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        write!(output, "{number}\t")?;
        output.write_all(&line)?;
        line.clear();
        number += 1;
    }
    output.flush()
}
