//! CSV (RFC 4180) to a JSON array with one row a line: objects named by the header row, or arrays without one.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::process::ExitCode;

use csv::{ByteRecord, Reader, ReaderBuilder};
use filter::{BUFFER_BYTES, Failure, Output, Parameters, fill};

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

fn main() -> ExitCode {
    filter::run(&["delimiter", "header", "types"], |parameters, input, output| {
        let has_header = parameters.flag_or("header", true)?;
        let types = parameters.flag("types")?;
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter(parameters)?)
            .buffer_capacity(BUFFER_BYTES)
            .has_headers(false)
            // Checked here, where the message can say what to do.
            .flexible(true)
            .from_reader(without_byte_order_mark(input)?);
        let keys = if has_header { header(&mut reader)? } else { None };
        write_rows(&mut reader, keys.as_deref(), types, output)
    })
}

/// The library drops the mark only where it comes in one read.
fn without_byte_order_mark(input: &mut File) -> Result<impl Read, Failure> {
    let mut first = [0; BYTE_ORDER_MARK.len()];
    let count = fill(input, &mut first)?;
    let kept = if first == BYTE_ORDER_MARK { 0 } else { count };
    Ok(Cursor::new(first).take(kept as u64).chain(input))
}

/// A character, or the name of one that is awkward to type in a path.
fn delimiter(parameters: &Parameters) -> Result<u8, Failure> {
    match parameters.text("delimiter").unwrap_or("comma") {
        "comma" => Ok(b','),
        "tab" => Ok(b'\t'),
        "semicolon" => Ok(b';'),
        "pipe" => Ok(b'|'),
        "space" => Ok(b' '),
        other => match other.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
            _ => Err(Failure::parameters(format!(
                "Parameter delimiter is one ASCII character, or comma, tab, semicolon, pipe or space, not {other:?}"
            ))),
        },
    }
}

/// The keys of the objects, each as it stands in JSON with its colon. None where the input is empty.
fn header(reader: &mut Reader<impl Read>) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(Failure::input)? {
        return Ok(None);
    }
    let mut taken: HashSet<Vec<u8>> = HashSet::new();
    let mut keys = Vec::new();
    for field in &record {
        // A name that is there already would hide its column: the second `a` is `a_2`.
        let mut name = field.to_vec();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = [field, format!("_{number}").as_bytes()].concat();
            number += 1;
        }
        let mut key = Vec::new();
        write_string(&mut key, &name)?;
        key.push(b':');
        keys.push(key);
    }
    Ok(Some(keys))
}

fn write_rows(
    reader: &mut Reader<impl Read>,
    keys: Option<&[Vec<u8>]>,
    types: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut record = ByteRecord::new();
    let mut before: &[u8] = b"[\n";
    while reader.read_byte_record(&mut record).map_err(Failure::input)? {
        if let Some(keys) = keys
            && keys.len() != record.len()
        {
            output.write_all(before)?;
            let line = record.position().map_or(0, csv::Position::line);
            return Err(Failure::input(format!(
                "The row at line {line} has {} fields and the header has {}; header=false gives arrays of any length",
                record.len(),
                keys.len()
            )));
        }
        output.write_all(before)?;
        before = b",\n";
        output.write_all(if keys.is_some() { b"{" } else { b"[" })?;
        for (i, field) in record.iter().enumerate() {
            if i > 0 {
                output.write_all(b",")?;
            }
            if let Some(keys) = keys {
                output.write_all(&keys[i])?;
            }
            if types && (is_number(field) || field == b"true" || field == b"false") {
                output.write_all(field)?;
            } else {
                write_string(output, field)?;
            }
        }
        output.write_all(if keys.is_some() { b"}" } else { b"]" })?;
    }
    output.write_all(if before == b"[\n" { b"[\n]\n" } else { b"\n]\n" })?;
    Ok(())
}

/// JSON is UTF-8, so what is not becomes U+FFFD.
fn write_string(output: &mut impl Write, bytes: &[u8]) -> Result<(), Failure> {
    output.write_all(b"\"")?;
    for chunk in bytes.utf8_chunks() {
        write_escaped(output, chunk.valid().as_bytes())?;
        if !chunk.invalid().is_empty() {
            output.write_all("\u{fffd}".as_bytes())?;
        }
    }
    output.write_all(b"\"")?;
    Ok(())
}

fn write_escaped(output: &mut impl Write, text: &[u8]) -> Result<(), Failure> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\') {
        output.write_all(&rest[..at])?;
        match rest[at] {
            b'"' => output.write_all(b"\\\"")?,
            b'\\' => output.write_all(b"\\\\")?,
            b'\n' => output.write_all(b"\\n")?,
            b'\r' => output.write_all(b"\\r")?,
            b'\t' => output.write_all(b"\\t")?,
            control => write!(output, "\\u{control:04x}")?,
        }
        rest = &rest[at + 1..];
    }
    output.write_all(rest)?;
    Ok(())
}

/// Whether the bytes are a number in JSON's own grammar, so that they can be copied as they are and lose no digit.
/// `007` and `+1` are none: they are more likely names for something.
fn is_number(bytes: &[u8]) -> bool {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, rest) = digits(unsigned);
    if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
        return false;
    }
    let rest = match rest.split_first() {
        Some((b'.', fraction)) => match digits(fraction) {
            ([], _) => return false,
            (_, rest) => rest,
        },
        _ => rest,
    };
    match rest.split_first() {
        None => true,
        Some((b'e' | b'E', exponent)) => {
            let exponent = match exponent {
                [b'+' | b'-', digits @ ..] => digits,
                _ => exponent,
            };
            matches!(digits(exponent), ([_, ..], []))
        }
        Some(_) => false,
    }
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn is_number_follows_the_grammar_of_json() {
        for number in ["0", "-0", "10", "1.5", "-1.50e+10", "1E5", "0.0e-0"] {
            assert!(is_number(number.as_bytes()), "{number}");
        }
        for other in ["", "-", "+1", "01", ".5", "1.", "1e", "1e+", " 1", "1 ", "0x1", "1,5", "NaN", "1.5.6"]
        {
            assert!(!is_number(other.as_bytes()), "{other}");
        }
    }
}
