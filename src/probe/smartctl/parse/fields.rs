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
        self.0.pointer(path).filter(|v| !v.is_null())
    }

    /// A nested object.
    pub(super) fn object(self, path: &str) -> Option<Self> {
        self.get(path).filter(|v| v.is_object()).map(Self)
    }

    /// Numbers may come as text (`"year_of_manufacture": "2021"`, counters beyond 2^53).
    pub(super) fn uint(self, path: &str) -> Option<u64> {
        let value = self.get(path)?;
        if let Some(text) = value.as_text() {
            return text.trim().parse().ok();
        }
        let number = value.as_number()?;
        number.parse().ok().or_else(|| integer(number)?.try_into().ok())
    }

    /// A counter. All ones in a field of 4 or 8 bytes are none: a counter stops there, or is not kept (SPC-4, log
    /// parameters), and smartctl has read beyond the end of a page (smartmontools issue 139).
    pub(super) fn counter(self, path: &str) -> Option<u64> {
        self.uint(path).filter(|n| *n != u64::MAX && *n != u64::from(u32::MAX))
    }

    pub(super) fn int(self, path: &str) -> Option<i64> {
        let value = self.get(path)?;
        if let Some(text) = value.as_text() {
            return text.trim().parse().ok();
        }
        let number = value.as_number()?;
        number.parse().ok().or_else(|| integer(number))
    }

    pub(super) fn byte(self, path: &str) -> Option<u8> {
        self.uint(path).and_then(|n| u8::try_from(n).ok())
    }

    pub(super) fn percent(self, path: &str) -> Option<u8> {
        self.byte(path).filter(|n| *n <= 100)
    }

    pub(super) fn bool(self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// Trimmed, without control characters, of bounded length; empty is absent.
    pub(super) fn text(self, path: &str) -> Option<String> {
        let text: String =
            self.get(path)?.as_text()?.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn first_text(self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|p| self.text(p))
    }

    pub(super) fn first_uint(self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|p| self.uint(p))
    }

    /// Percentages of wear: a byte in every standard, above 100 if a drive exceeds its rated endurance.
    pub(super) fn first_wear(self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|p| self.byte(p)).map(u64::from)
    }

    pub(super) fn list(self, path: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        self.get(path).into_iter().flat_map(Json::items).map(Fields)
    }

    /// The values of keys with `prefix` and a number, by number: smartctl writes some lists as keys, which sorted as text have
    /// `_10` before `_2`.
    pub(super) fn numbered(self, prefix: &str) -> Vec<Fields<'a>> {
        let number = |key: &str| key.strip_prefix(prefix)?.parse::<u32>().ok();
        let found = self.0.entries().filter_map(|(key, value)| Some((number(&key)?, Fields(value))));
        // Of duplicate keys, the last one counts.
        found.collect::<BTreeMap<u32, Fields>>().into_values().collect()
    }
}

/// `35.0` is an integer, too.
fn integer(number: &str) -> Option<i64> {
    let number = number.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && n.abs() <= MAX_EXACT_INTEGER)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within what both types hold exactly")]
    Some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::json::{self, Tree};
    use crate::probe::smartctl::parse::LIMITS;

    fn tree(text: &str) -> Tree<'_> {
        json::parse(text, LIMITS).unwrap_or_else(|e| unreachable!("{text} {e}"))
    }

    #[test]
    fn numbers_fit_or_are_unknown() {
        let text = r#"{"a": 7, "b": "8", "c": 9.0, "d": -1, "e": 1.5, "f": 1e30, "g": [], "h": "x", "i": 256, "j": null, "k": " 12 ",
            "l": 1e999, "m": 18446744073709551615, "n": 18446744073709551616, "o": -0, "p": 12e1}"#;
        let tree = tree(text);
        let fields = Fields(tree.root());
        let all: Vec<Option<u64>> = ('a'..='p').map(|c| fields.uint(&format!("/{c}"))).collect();
        let wanted = [Some(7), Some(8), Some(9), None, None, None, None, None, Some(256), None, Some(12)];
        assert_eq!(all.get(..11), Some(&wanted[..]), "whole numbers from 0");
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
        assert_eq!(fields.text("/c").map(|t| t.len()), Some(MAX_TEXT_CHARS));
    }

    #[test]
    fn numbered_keys_are_a_list() {
        let tree = tree(r#"{"t_10": 10, "t_2": 1, "t_x": 0, "t_0": 0, "other_1": 1, "t_": 5, "t_2": 2}"#);
        let numbers: Vec<_> = Fields(tree.root()).numbered("t_").iter().map(|f| f.uint("")).collect();
        assert_eq!(numbers, [Some(0), Some(2), Some(10)]);
    }
}
