//! Single fields of untrusted JSON: a field that is absent, of an unexpected type or out of
//! range is `None`, and does not affect other fields.

use crate::probe::json::Json;
use std::collections::BTreeMap;

/// Maximum length of an identity or a message of smartctl; longer text is truncated.
const MAX_TEXT_CHARS: usize = 256;
/// 2^53: up to this value a double represents every integer.
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A JSON value with access by JSON pointer (RFC 6901).
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) Json<'a>);

impl<'a> Fields<'a> {
    pub(super) fn get(self, path: &str) -> Option<Json<'a>> {
        self.0.pointer(path).filter(|value| !value.is_null())
    }

    /// A nested object.
    pub(super) fn object(self, path: &str) -> Option<Self> {
        let value = self.get(path)?;
        if !value.is_object() {
            return None;
        }
        Some(Self(value))
    }

    /// One of the paths is an object.
    pub(super) fn has_object(self, paths: &[&str]) -> bool {
        paths.iter().any(|path| self.object(path).is_some())
    }

    /// Numbers may come as text (`"year_of_manufacture": "2021"`, counters beyond 2^53).
    pub(super) fn uint(self, path: &str) -> Option<u64> {
        let value = self.get(path)?;
        if let Some(text) = value.as_text() {
            return text.trim().parse().ok();
        }
        let number = value.as_number()?;
        match number.parse() {
            Ok(number) => Some(number),
            Err(_) => u64::try_from(integer(number)?).ok(),
        }
    }

    /// A counter. All ones in a field of 4 or 8 bytes are not a count: a counter stops there, or is not maintained
    /// (SPC-4, log parameters), or smartctl has read beyond the end of a page (smartmontools issue 139).
    pub(super) fn counter(self, path: &str) -> Option<u64> {
        self.uint(path).filter(|count| *count != u64::MAX && *count != u64::from(u32::MAX))
    }

    pub(super) fn int(self, path: &str) -> Option<i64> {
        let value = self.get(path)?;
        if let Some(text) = value.as_text() {
            return text.trim().parse().ok();
        }
        let number = value.as_number()?;
        match number.parse() {
            Ok(number) => Some(number),
            Err(_) => integer(number),
        }
    }

    pub(super) fn byte(self, path: &str) -> Option<u8> {
        u8::try_from(self.uint(path)?).ok()
    }

    pub(super) fn percent(self, path: &str) -> Option<u8> {
        self.byte(path).filter(|percent| *percent <= 100)
    }

    pub(super) fn bool(self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// Trimmed, without control characters, of bounded length; empty text is `None`.
    pub(super) fn text(self, path: &str) -> Option<String> {
        let text = self.get(path)?.as_text()?;
        let text: String = text.chars().filter(|character| !character.is_control()).take(MAX_TEXT_CHARS).collect();
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn first_text(self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.text(path))
    }

    pub(super) fn first_uint(self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|path| self.uint(path))
    }

    pub(super) fn first_byte(self, paths: &[&str]) -> Option<u8> {
        paths.iter().find_map(|path| self.byte(path))
    }

    pub(super) fn first_counter(self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|path| self.counter(path))
    }

    /// Percentages of wear: a byte in every standard, above 100 if a drive exceeds its rated endurance.
    pub(super) fn first_wear(self, paths: &[&str]) -> Option<u64> {
        self.first_byte(paths).map(u64::from)
    }

    pub(super) fn list(self, path: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        self.get(path).into_iter().flat_map(Json::items).map(Fields)
    }

    /// The values of keys that consist of `prefix` and a number, by number. smartctl writes some lists as such keys;
    /// sorted as text, `_10` would precede `_2`.
    pub(super) fn numbered(self, prefix: &str) -> Vec<Self> {
        let mut values = BTreeMap::new();
        for (key, value) in self.0.entries() {
            let Some(number) = key.strip_prefix(prefix) else { continue };
            if let Ok(number) = number.parse::<u32>() {
                // Of duplicate keys, the last one counts.
                values.insert(number, Fields(value));
            }
        }
        values.into_values().collect()
    }
}

/// An integer that is written as a floating-point number, such as `35.0`.
fn integer(number: &str) -> Option<i64> {
    let number = number.parse::<f64>().ok()?;
    if number.fract() != 0.0 || number.abs() > MAX_EXACT_INTEGER {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer that both types represent exactly")]
    Some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::json::{self, Tree};
    use crate::probe::smartctl::parse::LIMITS;

    fn tree(text: &str) -> Tree<'_> {
        json::parse(text, LIMITS).unwrap()
    }

    #[test]
    fn numbers_fit_or_are_unknown() {
        let text = r#"{"a": 7, "b": "8", "c": 9.0, "d": -1, "e": 1.5, "f": 1e30, "g": [], "h": "x", "i": 256, "j": null, "k": " 12 ",
            "l": 1e999, "m": 18446744073709551615, "n": 18446744073709551616, "o": -0, "p": 12e1}"#;
        let tree = tree(text);
        let fields = Fields(tree.root());
        let all: Vec<Option<u64>> = ('a'..='p').map(|name| fields.uint(&format!("/{name}"))).collect();
        let wanted = [Some(7), Some(8), Some(9), None, None, None, None, None, Some(256), None, Some(12)];
        assert_eq!(all.get(..11), Some(&wanted[..]), "integers from 0");
        assert_eq!(all.get(11..), Some(&[None, Some(u64::MAX), None, Some(0), Some(120)][..]));
        assert_eq!((fields.int("/d"), fields.byte("/i"), fields.percent("/i")), (Some(-1), None, None));
        assert_eq!((fields.int("/l"), fields.int("/m"), fields.int("/o")), (None, None, Some(0)));
    }

    #[test]
    fn text_is_made_safe() {
        let text =
            format!(r#"{{"a": " \u0007S1\n\u0000 ", "b": "\u001b\u0000", "c": "{}", "d": 7}}"#, "x".repeat(10_000));
        let tree = tree(&text);
        let fields = Fields(tree.root());
        assert_eq!((fields.text("/a").as_deref(), fields.text("/b"), fields.text("/d")), (Some("S1"), None, None));
        assert_eq!(fields.text("/c").map(|text| text.len()), Some(MAX_TEXT_CHARS));
    }

    #[test]
    fn numbered_keys_are_a_list() {
        let tree = tree(r#"{"t_10": 10, "t_2": 1, "t_x": 0, "t_0": 0, "other_1": 1, "t_": 5, "t_2": 2}"#);
        let numbers: Vec<_> = Fields(tree.root()).numbered("t_").iter().map(|field| field.uint("")).collect();
        assert_eq!(numbers, [Some(0), Some(2), Some(10)]);
    }
}
