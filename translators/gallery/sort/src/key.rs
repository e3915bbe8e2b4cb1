//! The part of a line that is compared: sort's `-k FIELD[.CHAR][,FIELD[.CHAR]]` and `-t`.

use filter::Failure;

pub struct Key {
    /// The field and the byte in it where the key starts, from 0.
    start: (usize, usize),
    /// The field where it ends, from 0, and how many of that field's bytes belong to it; all where that is 0.
    end: Option<(usize, usize)>,
    /// None: a field ends before a blank that follows something else, so it begins with its blanks.
    separator: Option<u8>,
}

impl Key {
    /// `2`, `2,2`, `2.3,4.5`. A hyphen stands for the comma, which in a path begins the next translator.
    pub fn parse(text: &str, separator: Option<&str>) -> Result<Self, Failure> {
        let wrong = || {
            Failure::parameters(format!(
                "Parameter key is FIELD, FIELD,FIELD or FIELD.CHAR,FIELD.CHAR, counted from 1, like 2 or 2,2; not {text:?}"
            ))
        };
        let (start, end) = match text.split_once([',', '-']) {
            Some((start, end)) => (start, Some(end)),
            None => (text, None),
        };
        let (field, char) = position(start).ok_or_else(wrong)?;
        if char == Some(0) {
            return Err(wrong());
        }
        let end = match end {
            None => None,
            Some(end) => {
                let (field, chars) = position(end).ok_or_else(wrong)?;
                Some((field, chars.unwrap_or(0)))
            }
        };
        let separator = match separator.map(str::as_bytes) {
            None => None,
            Some(b"tab") => Some(b'\t'),
            Some(b"comma") => Some(b','),
            Some([byte]) if *byte != b'\n' => Some(*byte),
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(Failure::parameters(format!(
                    "Parameter separator is one ASCII character, or tab or comma, not {other:?}"
                )));
            }
        };
        Ok(Self { start: (field, char.map_or(0, |char| char - 1)), end, separator })
    }

    pub fn of<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let start = self.begin_of(line);
        let end = self.end_of(line);
        if start < end { &line[start..end] } else { &[] }
    }

    fn begin_of(&self, line: &[u8]) -> usize {
        let (field, chars) = self.start;
        let mut at = 0;
        for _ in 0..field {
            at = match self.separator {
                Some(separator) => past(line, at, |byte| byte != separator).saturating_add(1),
                None => past(line, past(line, at, is_blank), |byte| !is_blank(byte)),
            };
            if at >= line.len() {
                return line.len();
            }
        }
        at.saturating_add(chars).min(line.len())
    }

    fn end_of(&self, line: &[u8]) -> usize {
        let Some((field, chars)) = self.end else { return line.len() };
        // Past the fields before; past this one as well where all of it belongs to the key.
        let whole = chars == 0;
        let mut at = 0;
        for i in 0..field + usize::from(whole) {
            match self.separator {
                Some(separator) => {
                    at = past(line, at, |byte| byte != separator);
                    // The separator after the last field is not part of the key.
                    if at < line.len() && (i < field || !whole) {
                        at += 1;
                    }
                }
                None => at = past(line, past(line, at, is_blank), |byte| !is_blank(byte)),
            }
            if at >= line.len() {
                return line.len();
            }
        }
        if whole { at } else { at.saturating_add(chars).min(line.len()) }
    }
}

/// `FIELD` or `FIELD.CHAR`. Fields count from 1 in the text and from 0 in the result.
fn position(text: &str) -> Option<(usize, Option<usize>)> {
    let (field, char) = match text.split_once('.') {
        Some((field, char)) => (field, Some(number(char)?)),
        None => (text, None),
    };
    Some((number(field)?.checked_sub(1)?, char))
}

/// Digits only: `parse` alone would take a plus.
fn number(text: &str) -> Option<usize> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn past(line: &[u8], from: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let from = from.min(line.len());
    from + line[from..].iter().take_while(|byte| is_part(**byte)).count()
}

/// What C's isblank has.
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
