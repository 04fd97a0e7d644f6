//! Strings of JSON and their escapes.

use std::borrow::Cow;

/// A string between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    Plain,
    Escaped,
    /// It contains an invalid escape or a control character.
    Broken,
}

/// Decodes a string between its quotes. `None` if it is invalid.
pub(super) fn decode(raw: &str, quoted: Quoted) -> Option<Cow<'_, str>> {
    match quoted {
        Quoted::Plain => Some(Cow::Borrowed(raw)),
        Quoted::Escaped => Some(Cow::Owned(unescape(raw))),
        Quoted::Broken => None,
    }
}

/// Decodes a string with valid escapes.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escaped.chars();
        let mut length = 1;
        match chars.next() {
            Some('u') => {
                let (character, digits) = character(escaped);
                text.push(character);
                length = digits;
            }
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some(other) => text.push(other),
            None => {}
        }
        rest = escaped.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// The character of an escape of `u` and four digits, and the length of the escape. A surrogate pair is one character
/// beyond U+FFFF.
fn character(escaped: &str) -> (char, usize) {
    let first = code_unit(escaped, 1).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&first)
        && escaped.get(5..7) == Some("\\u")
        && let Some(second) = code_unit(escaped, 7)
        && (0xdc00..0xe000).contains(&second)
    {
        let both = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

/// The code unit of the four hexadecimal digits at that position.
fn code_unit(escaped: &str, position: usize) -> Option<u32> {
    u32::from_str_radix(escaped.get(position..position + 4)?, 16).ok()
}
