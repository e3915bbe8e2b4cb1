//! Values as jq prints them. jaq's own printer keeps what JSON cannot express, such as NaN; a reader of JSON would not.

use std::io::{self, Write};

use jaq_json::{Num, Val};

const INDENT: &str = "  ";
/// What jq prints for infinity: the largest number of 64 bits.
const LARGEST: &[u8] = b"1.7976931348623157e+308";
pub struct Style {
    pub compact: bool,
    pub sort_keys: bool,
}

pub fn write_value(output: &mut impl Write, style: &Style, level: usize, value: &Val) -> io::Result<()> {
    match value {
        Val::Null => output.write_all(b"null"),
        Val::Bool(true) => output.write_all(b"true"),
        Val::Bool(false) => output.write_all(b"false"),
        Val::Num(number) => write_number(output, number),
        Val::TStr(text) | Val::BStr(text) => write_string(output, text),
        Val::Arr(items) => {
            output.write_all(b"[")?;
            for (i, item) in items.iter().enumerate() {
                separate(output, style, level, i)?;
                write_value(output, style, level + 1, item)?;
            }
            close(output, style, level, items.is_empty(), b"]")
        }
        Val::Obj(members) => {
            output.write_all(b"{")?;
            let mut members: Vec<_> = members.iter().collect();
            if style.sort_keys {
                members.sort_by_key(|(key, _)| *key);
            }
            for (i, (key, value)) in members.iter().enumerate() {
                separate(output, style, level, i)?;
                write_key(output, key)?;
                output.write_all(if style.compact { b":" } else { b": " })?;
                write_value(output, style, level + 1, value)?;
            }
            close(output, style, level, members.is_empty(), b"}")
        }
    }
}

fn separate(output: &mut impl Write, style: &Style, level: usize, before: usize) -> io::Result<()> {
    if before > 0 {
        output.write_all(b",")?;
    }
    if style.compact { Ok(()) } else { break_line(output, level + 1) }
}

fn close(
    output: &mut impl Write,
    style: &Style,
    level: usize,
    empty: bool,
    bracket: &[u8],
) -> io::Result<()> {
    if !empty && !style.compact {
        break_line(output, level)?;
    }
    output.write_all(bracket)
}

fn break_line(output: &mut impl Write, level: usize) -> io::Result<()> {
    output.write_all(b"\n")?;
    for _ in 0..level {
        output.write_all(INDENT.as_bytes())?;
    }
    Ok(())
}

/// jaq allows any value as a key; JSON, strings only.
fn write_key(output: &mut impl Write, key: &Val) -> io::Result<()> {
    match key {
        Val::TStr(text) | Val::BStr(text) => write_string(output, text),
        other => {
            Err(io::Error::other(format!("The key {other} of an object is no string, so this is not JSON")))
        }
    }
}

fn write_number(output: &mut impl Write, number: &Num) -> io::Result<()> {
    match number {
        Num::Float(float) => write_float(output, *float),
        // As it stood in the input, where it says more than a double can.
        Num::Dec(text) => match text.parse::<f64>() {
            Ok(float)
                if float.is_infinite()
                    || Digits::of(text) == Digits::of(ryu::Buffer::new().format(float)) =>
            {
                write_float(output, float)
            }
            _ => output.write_all(text.as_bytes()),
        },
        Num::Int(_) | Num::BigInt(_) => write!(output, "{number}"),
    }
}

/// The shortest digits that are read as the same number; 3 for 3.0, 1e+17 and 1e-05 for what is large or small.
fn write_float(output: &mut impl Write, float: f64) -> io::Result<()> {
    if float.is_nan() {
        return output.write_all(b"null");
    }
    if float.is_sign_negative() {
        output.write_all(b"-")?;
    }
    if float.is_infinite() {
        return output.write_all(LARGEST);
    }
    let mut buffer = ryu::Buffer::new();
    let Digits { digits, point } = Digits::of(buffer.format_finite(float));
    let len = digits.len() as i32;
    if digits.is_empty() {
        output.write_all(b"0")
    } else if point <= -4 || point > len + 15 {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if point > 0 { '+' } else { '-' };
        write!(output, "{first}{dot}{rest}e{sign}{:02}", (point - 1).abs())
    } else if point <= 0 {
        write!(output, "0.{}{digits}", "0".repeat(-point as usize))
    } else if point >= len {
        write!(output, "{digits}{}", "0".repeat((point - len) as usize))
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        write!(output, "{whole}.{fraction}")
    }
}

/// A number in decimal without its sign: 0.DIGITS times ten to the power of `point`, no zeros at either end.
#[derive(PartialEq)]
struct Digits {
    digits: String,
    point: i32,
}

impl Digits {
    /// Of a number as JSON or Rust writes it.
    fn of(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let mantissa = mantissa.trim_start_matches(['-', '+']);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let zeros = (all.len() - significant.len()) as i32;
        let digits = significant.trim_end_matches('0').to_owned();
        // An exponent beyond an i32 is one that no double has, so it need not be right.
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let point = if digits.is_empty() { 0 } else { (whole.len() as i32 - zeros).saturating_add(exponent) };
        Self { digits, point }
    }
}

/// JSON is UTF-8, so what is not becomes U+FFFD.
fn write_string(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    output.write_all(b"\"")?;
    for chunk in bytes.utf8_chunks() {
        write_escaped(output, chunk.valid().as_bytes())?;
        if !chunk.invalid().is_empty() {
            output.write_all("\u{fffd}".as_bytes())?;
        }
    }
    output.write_all(b"\"")
}

fn write_escaped(output: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f)) {
        output.write_all(&rest[..at])?;
        match rest[at] {
            b'"' => output.write_all(b"\\\"")?,
            b'\\' => output.write_all(b"\\\\")?,
            b'\n' => output.write_all(b"\\n")?,
            b'\r' => output.write_all(b"\\r")?,
            b'\t' => output.write_all(b"\\t")?,
            0x08 => output.write_all(b"\\b")?,
            0x0c => output.write_all(b"\\f")?,
            control => write!(output, "\\u{control:04x}")?,
        }
        rest = &rest[at + 1..];
    }
    output.write_all(rest)
}
