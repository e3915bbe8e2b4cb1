//! Prints the lines that a pattern matches, like `grep -aE`, on ripgrep's searcher.
//!
//! No match is an empty output, not a failure: a file has no exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use filter::{Failure, Output};
use grep_matcher::LineTerminator;
use grep_regex::RegexMatcherBuilder;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};

fn main() -> ExitCode {
    filter::run(
        &["pattern", "fixed", "insensitive", "invert", "count", "numbers"],
        |parameters, input, output| {
            let pattern = parameters
                .text("pattern")
                .ok_or_else(|| Failure::parameters("Parameter pattern is missing: what to look for"))?;
            let numbers = parameters.flag("numbers")?;
            let count = parameters.flag("count")?;
            let matcher = RegexMatcherBuilder::new()
                .case_insensitive(parameters.flag("insensitive")?)
                .fixed_strings(parameters.flag("fixed")?)
                .multi_line(true)
                .line_terminator(Some(b'\n'))
                .build(pattern)
                .map_err(|error| Failure::parameters(format!("Parameter pattern: {error}")))?;
            let mut searcher = SearcherBuilder::new()
                .invert_match(parameters.flag("invert")?)
                .line_number(numbers && !count)
                .line_terminator(LineTerminator::byte(b'\n'))
                // Bytes as they are: neither is binary input cut short, nor UTF-16 decoded.
                .binary_detection(BinaryDetection::none())
                .bom_sniffing(false)
                .build();
            if count {
                let mut lines = Counter(0);
                searcher.search_reader(&matcher, input, &mut lines)?;
                writeln!(output, "{}", lines.0)?;
            } else {
                searcher.search_reader(&matcher, input, Printer(output))?;
            }
            Ok(())
        },
    )
}

struct Counter(u64);

impl Sink for &mut Counter {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, _: &SinkMatch<'_>) -> io::Result<bool> {
        self.0 += 1;
        Ok(true)
    }
}

struct Printer<'a>(&'a mut Output);

impl Sink for Printer<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if let Some(number) = found.line_number() {
            write!(self.0, "{number}:")?;
        }
        self.0.write_all(found.bytes())?;
        // The last line of the input may lack its end; the output's does not.
        if found.bytes().last() != Some(&b'\n') {
            self.0.write_all(b"\n")?;
        }
        Ok(true)
    }
}
