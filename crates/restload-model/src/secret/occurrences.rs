//! Where secret values stand in a text, however they are spelled there.
//!
//! A URL encodes some characters or all of them, in small letters or capital ones; JSON escapes some and may escape any.
//! Rather than list the spellings, the text is read as both of them say, and every byte remembers where it came from.

use std::ops::Range;

/// The places of values in a text, in their order and apart from each other, each with the value's index. A value that
/// comes earlier in the list is looked for first.
pub(super) fn occurrences<'v>(text: &str, values: impl Iterator<Item = &'v str>) -> Vec<(Range<usize>, usize)> {
    let mut found: Vec<(Range<usize>, usize)> = Vec::new();
    let is_encoded = text.contains(['%', '\\', '+']);
    let mut decoded: Option<Decoded> = None;
    for (index, value) in values.enumerate().filter(|(_, value)| !value.is_empty()) {
        let mut add = |range: Range<usize>| {
            let is_apart = |(other, _): &(Range<usize>, usize)| range.end <= other.start || other.end <= range.start;
            if found.iter().all(is_apart) {
                found.push((range, index));
            }
        };
        for (start, part) in text.match_indices(value) {
            add(start..start + part.len());
        }
        if is_encoded {
            let decoded = decoded.get_or_insert_with(|| Decoded::new(text));
            decoded.ranges_of(value.as_bytes()).into_iter().for_each(add);
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

/// A text as a reader of URLs and of JSON sees it.
struct Decoded {
    bytes: Vec<u8>,
    /// Where each byte began in the text, and the text's length.
    starts: Vec<usize>,
    /// The bytes that were a plus sign, which may stand for a space.
    pluses: Vec<usize>,
}

impl Decoded {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut decoded = Self {
            bytes: Vec::with_capacity(bytes.len()),
            starts: Vec::with_capacity(bytes.len() + 1),
            pluses: Vec::new(),
        };
        let mut at = 0;
        while at < bytes.len() {
            let (length, character) = match bytes[at] {
                b'%' => (3, percent(&bytes[at..]).map(Unit::Byte)),
                b'\\' => escape(&bytes[at..]),
                _ => (1, None),
            };
            match character {
                Some(Unit::Byte(byte)) => decoded.push(byte, at),
                Some(Unit::Character(character)) => {
                    let mut buffer = [0; 4];
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        decoded.push(byte, at);
                    }
                }
                None => {
                    if bytes[at] == b'+' {
                        decoded.pluses.push(decoded.bytes.len());
                    }
                    decoded.push(bytes[at], at);
                }
            }
            at += if character.is_some() { length } else { 1 };
        }
        decoded.starts.push(bytes.len());
        decoded
    }

    fn push(&mut self, byte: u8, start: usize) {
        self.bytes.push(byte);
        self.starts.push(start);
    }

    /// Where a value stands in the text. Overlapping places are given once.
    fn ranges_of(&self, value: &[u8]) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut at = 0;
        while at + value.len() <= self.bytes.len() {
            let Some(skip) = self.bytes[at..].iter().position(|byte| self.is_alike(*byte, value[0])) else {
                break;
            };
            at += skip;
            let end = at + value.len();
            if end > self.bytes.len() {
                break;
            }
            let is_value = (at..end).zip(value).all(|(place, wanted)| {
                let byte = self.bytes[place];
                byte == *wanted || (*wanted == b' ' && byte == b'+' && self.pluses.binary_search(&place).is_ok())
            });
            if is_value {
                ranges.push(self.starts[at]..self.starts[end]);
                at = end;
            } else {
                at += 1;
            }
        }
        ranges
    }

    /// Whether a byte may be the first one of a value.
    fn is_alike(&self, byte: u8, wanted: u8) -> bool {
        byte == wanted || (wanted == b' ' && byte == b'+' && !self.pluses.is_empty())
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Byte(u8),
    Character(char),
}

fn hex(bytes: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    u32::from_str_radix(text, 16).ok()
}

fn percent(bytes: &[u8]) -> Option<u8> {
    hex(bytes.get(1..3)?).and_then(|byte| u8::try_from(byte).ok())
}

/// A JSON escape: how long it is, and what it stands for.
fn escape(bytes: &[u8]) -> (usize, Option<Unit>) {
    let simple = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let Some(first) = bytes.get(2..6).and_then(hex) else {
                return (1, None);
            };
            if let Some(character) = char::from_u32(first) {
                return (6, Some(Unit::Character(character)));
            }
            let second = bytes.get(6..8).filter(|mark| *mark == b"\\u");
            let second = second.and_then(|_| bytes.get(8..12)).and_then(hex);
            let pair = second.and_then(|second| {
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                char::from_u32(0x10000 + (first.checked_sub(0xd800)? << 10) + low)
            });
            return (12, pair.map(Unit::Character));
        }
        _ => return (1, None),
    };
    (2, Some(Unit::Character(simple)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values_however_they_are_spelled_and_apart_from_each_other() {
        let values = ["tok/en \u{1f511}+", "en k"];
        for (text, ranges) in [
            ("tok/en \u{1f511}+", vec![(0..12, 0)]),
            ("x=tok%2fen+%F0%9f%94%91%2B&", vec![(2..26, 0)]),
            (r"tok\/en \ud83d\udd11+ en k", vec![(0..21, 0), (22..26, 1)]),
            (r"\ud83d tok\/en \u12", vec![]),
            ("%4", vec![]),
            ("en+k", vec![(0..4, 1)]),
            ("en%2Bk", vec![]),
        ] {
            assert_eq!(occurrences(text, values.into_iter()), ranges, "{text}");
        }
    }
}
