//! The serializer: writes a tree as text.

use super::tree::{Json, Kind, Tree};
use serde_json::value::RawValue;

/// JSON for other parsers: the text unchanged if all of them accept it, otherwise as [`write()`] writes it.
pub(in crate::probe) fn raw_value(tree: &Tree) -> Option<Box<RawValue>> {
    let text = match tree.clean_text() {
        Some(text) => text.to_owned(),
        None => write(tree.root()),
    };
    RawValue::from_string(text).ok()
}

/// JSON that every parser accepts: without entries of an invalid key, and with `null` for each value that is invalid or
/// outside the range of a double.
fn write(value: Json) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

/// Recursive; the depth of the tree is limited.
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
