//! Strings without their escapes, and a tree as text again.

use super::{Json, Kind, Quoted};
use std::borrow::Cow;

/// Decodes a string between its quotes. `None`: it is invalid.
pub(super) fn decode(raw: &str, quoted: Quoted) -> Option<Cow<'_, str>> {
    match quoted {
        Quoted::Plain => Some(Cow::Borrowed(raw)),
        Quoted::Escaped => Some(Cow::Owned(unescape(raw))),
        Quoted::Broken => None,
    }
}

/// Of a text whose escapes are good.
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

/// The character at `u` and four digits, and how long its escape is; two of them make a character beyond U+FFFF.
fn character(escaped: &str) -> (char, usize) {
    let unit = |from: usize| u32::from_str_radix(escaped.get(from..from + 4)?, 16).ok();
    let first = unit(1).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&first)
        && escaped.get(5..7) == Some("\\u")
        && let Some(second) = unit(7).filter(|second| (0xdc00..0xe000).contains(second))
    {
        let both = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

/// JSON that every parser takes: without entries of a broken key, and `null` for each value that is broken or beyond a
/// double.
pub(super) fn write(value: Json) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

/// As deep as the tree, which has a limit.
fn write_value(value: Json, text: &mut String) {
    match value.kind() {
        Kind::Null => text.push_str("null"),
        Kind::Bool(value) => text.push_str(if value { "true" } else { "false" }),
        Kind::Number => {
            let number = value.as_number().filter(|number| number.parse().is_ok_and(f64::is_finite));
            text.push_str(number.unwrap_or("null"));
        }
        Kind::Text(_) => write_text(value.as_text().as_deref(), text),
        Kind::List => {
            text.push('[');
            for (count, item) in value.items().enumerate() {
                text.push_str(if count > 0 { "," } else { "" });
                write_value(item, text);
            }
            text.push(']');
        }
        Kind::Object => {
            text.push('{');
            for (count, (key, item)) in value.entries().enumerate() {
                text.push_str(if count > 0 { "," } else { "" });
                write_text(Some(&key), text);
                text.push(':');
                write_value(item, text);
            }
            text.push('}');
        }
    }
}

fn write_text(value: Option<&str>, text: &mut String) {
    // Writing a string does not fail.
    text.push_str(&serde_json::to_string(&value).unwrap_or_default());
}
