//! Sorts lines like `LC_ALL=C sort`.

mod compare;
mod key;

use std::io::Write;
use std::process::ExitCode;

use compare::Order;
use filter::{Failure, read_all};
use key::Key;

/// A line, by where its bytes are. The first eight of its key settle most comparisons without a look at them.
struct Line {
    prefix: u64,
    start: u32,
    len: u32,
}

fn main() -> ExitCode {
    filter::run(&["reverse", "numeric", "unique", "key", "separator"], |parameters, input, output| {
        let order = Order {
            reverse: parameters.flag("reverse")?,
            numeric: parameters.flag("numeric")?,
            unique: parameters.flag("unique")?,
            key: parameters
                .text("key")
                .map(|text| Key::parse(text, parameters.text("separator")))
                .transpose()?,
        };
        if order.key.is_none() && parameters.text("separator").is_some() {
            return Err(Failure::parameters(
                "Parameter separator needs parameter key, which says what is compared",
            ));
        }
        let bytes = read_all(input)?;
        let mut lines = split(&bytes, &order);
        let text = |line: &Line| &bytes[line.start as usize..][..line.len as usize];
        // Stable, as the first of equal lines is the one that stays.
        lines.sort_by(|a, b| order.compare((a.prefix, text(a)), (b.prefix, text(b))));
        if order.unique {
            lines.dedup_by(|a, b| order.compare((a.prefix, text(a)), (b.prefix, text(b))).is_eq());
        }
        for line in &lines {
            output.write_all(text(line))?;
            output.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn split(bytes: &[u8], order: &Order) -> Vec<Line> {
    let mut lines = Vec::with_capacity(memchr::memchr_iter(b'\n', bytes).count() + 1);
    let mut start = 0;
    let mut add = |start: usize, end: usize| {
        // Both fit: a module's memory has 4 GiB at most.
        lines.push(Line {
            prefix: order.prefix(&bytes[start..end]),
            start: start as u32,
            len: (end - start) as u32,
        });
    };
    for end in memchr::memchr_iter(b'\n', bytes) {
        add(start, end);
        start = end + 1;
    }
    if start < bytes.len() {
        add(start, bytes.len());
    }
    lines
}
