//! Which of two lines comes first.

use std::cmp::Ordering;

use crate::key::Key;

pub struct Order {
    pub reverse: bool,
    pub numeric: bool,
    pub unique: bool,
    pub key: Option<Key>,
}

impl Order {
    /// Equal where `sort` prints one of the two with `unique`; otherwise only for lines that are equal byte by byte.
    pub fn compare(&self, (prefix_a, a): (u64, &[u8]), (prefix_b, b): (u64, &[u8])) -> Ordering {
        let order = prefix_a.cmp(&prefix_b).then_with(|| {
            let (key_a, key_b) = (self.key_of(a), self.key_of(b));
            if self.numeric { compare_numbers(key_a, key_b) } else { key_a.cmp(key_b) }
        });
        // Where the keys are equal, whole lines decide; with `unique` they are not asked.
        let order = if self.unique { order } else { order.then_with(|| a.cmp(b)) };
        if self.reverse { order.reverse() } else { order }
    }

    /// The first bytes of the key as a number that compares like them. 0 for all where keys are not compared as bytes.
    pub fn prefix(&self, line: &[u8]) -> u64 {
        if self.numeric {
            return 0;
        }
        let key = self.key_of(line);
        let mut first = [0; 8];
        let len = key.len().min(8);
        first[..len].copy_from_slice(&key[..len]);
        u64::from_be_bytes(first)
    }

    fn key_of<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        self.key.as_ref().map_or(line, |key| key.of(line))
    }
}

/// Numbers as `sort -n` reads them: blanks, a minus, digits, a point and digits, of any length; 0 where there is none.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (Number::parse(a), Number::parse(b));
    match (a.negative, b.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.compare_size(&b),
        (true, true) => b.compare_size(&a),
    }
}

struct Number<'a> {
    /// False for zero, so that -0 equals 0.
    negative: bool,
    /// Without leading zeros.
    whole: &'a [u8],
    /// Without trailing zeros.
    fraction: &'a [u8],
}

impl<'a> Number<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        let blanks = bytes.iter().take_while(|byte| crate::key::is_blank(**byte)).count();
        let bytes = &bytes[blanks..];
        let (minus, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        let (whole, rest) = digits(bytes);
        let fraction = match rest {
            [b'.', rest @ ..] => digits(rest).0,
            _ => &[],
        };
        let zeros = whole.iter().take_while(|digit| **digit == b'0').count();
        let zeros_last = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
        let (whole, fraction) = (&whole[zeros..], &fraction[..fraction.len() - zeros_last]);
        Self { negative: minus && !(whole.is_empty() && fraction.is_empty()), whole, fraction }
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        let whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(other.whole));
        whole.then_with(|| self.fraction.cmp(other.fraction))
    }
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}
