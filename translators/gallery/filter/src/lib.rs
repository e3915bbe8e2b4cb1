//! What the Rust modules of the gallery share: parameters from the command line, and streams without a second buffer.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::os::fd::FromRawFd;
use std::process::ExitCode;

/// A read or write of this size costs far less than the work on it, and leaves the reader of the output not waiting.
pub const BUFFER_BYTES: usize = 128 * 1024;

/// Standard output, flushed when the module ends.
pub type Output = BufWriter<File>;

/// Why the module gives no answer. It is printed to standard error.
#[derive(Debug)]
pub enum Failure {
    /// The parameters make no sense.
    Parameters(String),
    /// The input makes no sense, or a stream failed.
    Input(String),
}

impl Failure {
    pub fn parameters(message: impl Display) -> Self {
        Self::Parameters(message.to_string())
    }

    pub fn input(message: impl Display) -> Self {
        Self::Input(message.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::input(error)
    }
}

/// Runs a module: parses `NAME=VALUE` arguments, of the names given, and prints why it failed.
///
/// What was written before a failure still leaves: it is true of the input up to there.
pub fn run(
    names: &[&str],
    body: impl FnOnce(&Parameters, &mut File, &mut Output) -> Result<(), Failure>,
) -> ExitCode {
    match try_run(names, body) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Input(message)) => {
            eprintln!("{message}");
            ExitCode::from(1)
        }
        Err(Failure::Parameters(message)) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn try_run(
    names: &[&str],
    body: impl FnOnce(&Parameters, &mut File, &mut Output) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let parameters = Parameters::parse(names, std::env::args_os().skip(1))?;
    // SAFETY: descriptors 0 and 1 are open when a command starts, and nothing else here uses them. Both are closed
    // when this returns, as the process ends then.
    let (mut input, output) = unsafe { (File::from_raw_fd(0), File::from_raw_fd(1)) };
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, output);
    let result = body(&parameters, &mut input, &mut output);
    io::Write::flush(&mut output)?;
    result
}

/// Reads what there is, up to the buffer's length. 0 is the end of the input.
pub fn read(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Reads until the buffer is full or the input ends, for what depends on how its input is cut. Less than the buffer's
/// length is the end.
pub fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut end = 0;
    while end < buffer.len() {
        match read(input, &mut buffer[end..])? {
            0 => break,
            count => end += count,
        }
    }
    Ok(end)
}

/// All of the input, for what cannot be done in one pass.
///
/// Large steps: the buffer is the last thing on the heap, so that growing it moves no bytes.
pub fn read_all(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let len = bytes.len();
        bytes.resize(len + BUFFER_BYTES.max(len / 4), 0);
        let count = fill(input, &mut bytes[len..])?;
        if len + count < bytes.len() {
            bytes.truncate(len + count);
            return Ok(bytes);
        }
    }
}

/// The parameters of the manifest, as they came: `n=10`.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(names: &[&str], args: impl Iterator<Item = std::ffi::OsString>) -> Result<Self, Failure> {
        let mut given: Vec<(String, String)> = Vec::new();
        for arg in args {
            let arg = arg
                .into_string()
                .map_err(|arg| Failure::parameters(format!("Parameter {arg:?} is not UTF-8")))?;
            let (name, value) = arg
                .split_once('=')
                .ok_or_else(|| Failure::parameters(format!("Expected NAME=VALUE and got {arg:?}")))?;
            if !names.contains(&name) {
                let known = names.join(", ");
                return Err(Failure::parameters(format!(
                    "There is no parameter {name:?}; there are: {known}"
                )));
            }
            if given.iter().any(|(other, _)| other == name) {
                return Err(Failure::parameters(format!("Parameter {name} is given twice")));
            }
            given.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(given))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of type boolean. What is not given is false.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        self.flag_or(name, false)
    }

    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.text(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => {
                Err(Failure::parameters(format!("Parameter {name} is true or false, not {other:?}")))
            }
        }
    }

    /// A parameter of type integer, 0 or more.
    pub fn integer(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Failure::parameters(format!(
                "Parameter {name} is a whole number from 0 to {}, not {text:?}",
                u64::MAX
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Parameters, Failure> {
        Parameters::parse(&["n", "reverse"], args.iter().map(Into::into))
    }

    #[test]
    fn values_may_hold_equals_signs_and_be_empty() {
        let parameters = parse(&["n=a=b", "reverse="]).unwrap();
        assert_eq!(parameters.text("n"), Some("a=b"));
        assert_eq!(parameters.text("reverse"), Some(""));
    }

    #[test]
    fn what_is_unknown_or_twice_or_of_another_type_is_refused() {
        for args in [&["m=1"][..], &["n"], &["n=1", "n=2"]] {
            assert!(matches!(parse(args), Err(Failure::Parameters(_))), "{args:?}");
        }
        let parameters = parse(&["n=-1", "reverse=yes"]).unwrap();
        assert!(parameters.integer("n").is_err());
        assert!(parameters.flag("reverse").is_err());
    }

    #[test]
    fn read_all_reads_across_its_steps() {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
        assert_eq!(read_all(&mut &bytes[..]).unwrap(), bytes);
        assert!(read_all(&mut &b""[..]).unwrap().is_empty());
    }
}
