//! Random damage to bytes. JSON is damaged as text, value by value, because parsing and writing it would take most of the
//! time of a debug build.

use crate::support::rng::Rng;
use std::ops::Range;

/// Longer inputs are cut.
const LARGEST_BYTES: usize = 64 * 1024;

/// Numbers at and beyond the limits of each type, and words in place of numbers.
const WORDS: [&str; 20] = [
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "-9223372036854775808",
    "4294967296",
    "2147483648",
    "65536",
    "256",
    "255",
    "-1",
    "0",
    "-0",
    "1e400",
    "1e300",
    "-1.5",
    "NaN",
    "0x1F",
    "",
    "-",
    "99999999999999999999999999999999999999",
];

/// Valid and invalid values of JSON, to replace others.
const VALUES: [&str; 26] = [
    "null",
    "\"\"",
    "true",
    "false",
    "[]",
    "{}",
    "0",
    "-1",
    "-0.0",
    "255",
    "256",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "1e400",
    "1e-400",
    "35.0",
    "\"7\"",
    "\"\\u0000\\u001b[2J\\n\"",
    "\"\\ud800\"",
    "\"\\u202e\"",
    "[null,[],{}]",
    "{\"\":{\"\":null}}",
    "{\"value\":-1,\"string\":7}",
    "\"18446744073709551615\"",
    "nul",
];

/// Damages text that consists of lines and words.
pub fn text(rng: &mut Rng, from: &[u8]) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for _ in 0..=rng.below(3) {
        bytes = if rng.below(3) == 0 { raw(rng, bytes) } else { words(rng, bytes) };
        bytes.truncate(LARGEST_BYTES);
    }
    bytes
}

/// Damages JSON.
pub fn json(rng: &mut Rng, from: &[u8]) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for _ in 0..=rng.below(3) {
        bytes = if rng.below(6) == 0 { raw(rng, bytes) } else { values(rng, bytes) };
        bytes.truncate(LARGEST_BYTES);
    }
    bytes
}

/// Damages bytes regardless of their meaning.
pub fn raw(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = rng.below(bytes.len());
    let end = (at + 1 + rng.below(200)).min(bytes.len());
    match rng.below(8) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.byte();
            }
        }
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].repeat(1 + rng.below(4));
            bytes.splice(at..at, piece);
        }
        // Invalid UTF-8: a lone continuation byte, a cut sequence, an overlong one, a surrogate.
        5 => {
            let inserted: [&[u8]; 5] = [b"\xff", b"\x80", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80"];
            let inserted = *rng.one(&inserted);
            bytes.splice(at..at, inserted.iter().copied());
        }
        6 => {
            let inserted = *rng.one(&["\0", "\r", "\u{feff}", "\u{202e}", "\u{2028}", "\t", "\u{a0}", "İ", "ß"]);
            bytes.splice(at..at, inserted.bytes());
        }
        _ => {
            let long = [rng.byte()].repeat(rng.below(20_000));
            bytes.splice(at..at, long);
        }
    }
    bytes
}

/// Damages lines and the words in them.
fn words(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let lines = spans(&bytes, |byte| byte != b'\n');
    if lines.is_empty() {
        return raw(rng, bytes);
    }
    let (one, other) = (rng.one(&lines).clone(), rng.one(&lines).clone());
    match rng.below(7) {
        // Swapped lines.
        0 => {
            let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
            let (upper, lower) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
            bytes.splice(second, upper);
            bytes.splice(first, lower);
        }
        // A repeated line.
        1 => {
            let line = [&bytes[one.clone()], b"\n"].concat().repeat(rng.below(40));
            bytes.splice(one.start..one.start, line);
        }
        2 => drop(bytes.drain(one.start..(one.end + 1).min(bytes.len()))),
        // More or less indentation.
        3 => {
            let blank = *rng.one(&[" ", "\t", "        ", "\u{3000}"]);
            bytes.splice(one.start..one.start, blank.repeat(1 + rng.below(30)).into_bytes());
        }
        4 => {
            let inside = &bytes[one.clone()];
            let blanks = inside.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            drop(bytes.drain(one.start..one.start + rng.below(blanks + 1)));
        }
        // A word is replaced by another one, or by a number at a limit.
        _ => {
            let all = spans(&bytes, |byte| !byte.is_ascii_whitespace());
            if !all.is_empty() {
                let place = rng.one(&all).clone();
                let word = match rng.below(3) {
                    0 => bytes[rng.one(&all).clone()].to_vec(),
                    _ => rng.one(&WORDS).as_bytes().to_vec(),
                };
                bytes.splice(place, word);
            }
        }
    }
    bytes
}

/// Damages values and keys of JSON.
fn values(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let Places { keys, values } = places(&bytes);
    if values.is_empty() {
        return raw(rng, bytes);
    }
    // A value at any depth.
    let place = rng.one(&values).clone();
    match rng.below(8) {
        // Another value of the document, usually of another type.
        0 | 1 => {
            let other = bytes[rng.one(&values).clone()].to_vec();
            bytes.splice(place, other);
        }
        // A list of several of the value, or of one.
        2 => {
            let value = bytes[place.clone()].to_vec();
            let many =
                [b"[".to_vec(), [&value[..], b","].concat().repeat(rng.below(20)), value, b"]".to_vec()].concat();
            bytes.splice(place, many);
        }
        3 => {
            let depth = *rng.one(&[3, 60, 126, 127, 128, 129, 2000, 20_000]);
            let (open, close) = *rng.one(&[("[", "]"), ("{\"a\":", "}"), ("{\"vdevs\":", "}"), ("[", "")]);
            bytes.splice(place, [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat().into_bytes());
        }
        // A key is replaced by another one, which then occurs twice.
        4 if !keys.is_empty() => {
            let other = bytes[rng.one(&keys).clone()].to_vec();
            bytes.splice(rng.one(&keys).clone(), other);
        }
        5 => {
            let long = format!("\"{}\"", rng.one(&["x", "\\n", "\\u001b", "ä", "9"]).repeat(rng.below(5000)));
            bytes.splice(place, long.into_bytes());
        }
        _ => {
            let value = *rng.one(&VALUES);
            bytes.splice(place, value.bytes());
        }
    }
    bytes
}

/// The longest runs of bytes for which `belongs` is true.
fn spans(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), None);
    for (at, byte) in bytes.iter().enumerate() {
        match (belongs(*byte), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found.extend(start.map(|from| from..bytes.len()));
    found
}

/// The places of keys and values in JSON.
#[derive(Debug, Default)]
pub struct Places {
    pub keys: Vec<Range<usize>>,
    pub values: Vec<Range<usize>>,
}

/// Finds them, in invalid JSON as far as possible.
pub fn places(bytes: &[u8]) -> Places {
    let mut places = Places::default();
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => open.push(start),
            b'}' | b']' => places.values.extend(open.pop().map(|from| from..at)),
            b'"' => {
                while let Some(inside) = bytes.get(at) {
                    at += if *inside == b'\\' { 2 } else { 1 };
                    if *inside == b'"' {
                        break;
                    }
                }
                at = at.min(bytes.len());
                let is_key = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                if is_key { &mut places.keys } else { &mut places.values }.push(start..at);
            }
            byte if byte.is_ascii_alphanumeric() || *byte == b'-' => {
                let more =
                    bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
                at += more;
                places.values.push(start..at);
            }
            _ => {}
        }
    }
    places
}

#[test]
fn keys_and_values_are_found() {
    let json = br#"{"a": [1, -2.5e3, "x\"y"], "b": {"c": null}}"#;
    let Places { keys, values } = places(json);
    let [keys, found] = [keys, values].map(|spans| {
        let texts = spans.into_iter().map(|span| String::from_utf8_lossy(&json[span]).into_owned());
        texts.collect::<Vec<String>>()
    });
    assert_eq!(keys, ["\"a\"", "\"b\"", "\"c\""]);
    assert_eq!(found[..4], ["1", "-2.5e3", r#""x\"y""#, r#"[1, -2.5e3, "x\"y"]"#]);
    assert_eq!(found[4..6], ["null", r#"{"c": null}"#]);
    assert_eq!(found.len(), 7);
}
