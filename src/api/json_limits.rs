//! What a JSON text becomes once it is parsed: how many values, how deeply nested, and how long its strings are. A
//! text of a megabyte may become a gigabyte of parsed values, so that a limit on its bytes alone bounds nothing.
//!
//! One pass over the bytes, which allocates nothing and validates nothing else: the typed parse that follows does. Up
//! to the first error both agree on where strings begin and end.

use thiserror::Error;

/// Limits of a JSON text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonLimits {
    pub bytes: usize,
    /// Objects, lists, strings, numbers and literals; keys do not count.
    pub values: usize,
    pub depth: usize,
    /// Bytes of one string, escapes as they are written.
    pub string: usize,
}

/// The first limit that a text exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Excess {
    #[error("it has {found} bytes, at most {most} are read")]
    Bytes { found: usize, most: usize },
    #[error("it has over {0} values")]
    Values(usize),
    #[error("it is nested deeper than {0}")]
    Depth(usize),
    #[error("it has a string of over {0} bytes")]
    String(usize),
}

impl JsonLimits {
    /// Returns the number of values, or the first limit that is exceeded; the rest is not checked.
    pub fn check(&self, json: &[u8]) -> Result<usize, Excess> {
        if json.len() > self.bytes {
            return Err(Excess::Bytes { found: json.len(), most: self.bytes });
        }
        // A list of n elements has n - 1 commas: its opening counts for the first one, and the 1 for the complete text.
        let (mut values, mut depth) = (1_usize, 0_usize);
        let mut rest = json;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'"' => rest = self.after_string(rest)?,
                b',' => values += 1,
                b'[' | b'{' => {
                    values += 1;
                    depth += 1;
                    if depth > self.depth {
                        return Err(Excess::Depth(self.depth));
                    }
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if values > self.values {
                return Err(Excess::Values(self.values));
            }
        }
        Ok(values)
    }

    /// The text after the string in which `rest` begins.
    fn after_string<'a>(&self, rest: &'a [u8]) -> Result<&'a [u8], Excess> {
        let mut length = 0;
        loop {
            let within = rest.get(length..).unwrap_or_default();
            let special = within.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let end = length + special.unwrap_or(within.len());
            if end > self.string {
                return Err(Excess::String(self.string));
            }
            match special.and_then(|at| within.get(at)) {
                // An escape of any kind: the byte behind it ends no string.
                Some(b'\\') => length = end + 2,
                _ => return Ok(rest.get(end + 1..).unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLIMITED: JsonLimits = JsonLimits { bytes: 1 << 20, values: 1 << 20, depth: 1 << 20, string: 1 << 20 };

    #[test]
    fn values_are_counted_and_what_stands_in_strings_is_not() {
        for (json, values) in [
            ("7", 1),
            (r#""[{,\"[,""#, 1),
            ("[0]", 2),
            (r#"{"a":1,"b":[2,3,{"c":"x,y\\"}]}"#, 7),
            (r#"[{"":0},{"":0},{"":0}]"#, 7),
            // An empty one counts as if it had an element.
            ("[]", 2),
        ] {
            assert_eq!(UNLIMITED.check(json.as_bytes()), Ok(values), "{json}");
        }
    }

    #[test]
    fn each_limit_holds_to_the_byte() {
        let check = |limits: JsonLimits, json: &str| limits.check(json.as_bytes()).err();
        let json = r#"{"a":[1,2,"\u00e9xyz"]}"#;
        let exact = JsonLimits { bytes: json.len(), values: 5, depth: 2, string: 9 };
        assert_eq!(check(exact, json), None);
        let found = json.len();
        let bytes = Some(Excess::Bytes { found, most: found - 1 });
        assert_eq!(check(JsonLimits { bytes: found - 1, ..exact }, json), bytes);
        assert_eq!(check(JsonLimits { values: 4, ..exact }, json), Some(Excess::Values(4)));
        assert_eq!(check(JsonLimits { depth: 1, ..exact }, json), Some(Excess::Depth(1)));
        assert_eq!(check(JsonLimits { string: 8, ..exact }, json), Some(Excess::String(8)));
        assert_eq!(check(JsonLimits { depth: 3, ..UNLIMITED }, &"[".repeat(1000)), Some(Excess::Depth(3)));
        // An unfinished string or escape is not read beyond the end of the text.
        for unfinished in ["\"abc", "\"abc\\", "\"\\u", "[\"", "]]]}", ""] {
            assert_eq!(check(UNLIMITED, unfinished), None, "{unfinished}");
        }
        assert_eq!(check(JsonLimits { string: 2, ..UNLIMITED }, "\"abc"), Some(Excess::String(2)));
    }

    #[test]
    fn an_excess_names_the_limit_and_what_was_found() {
        let words = [
            Excess::Bytes { found: 8_388_608, most: 327_680 }.to_string(),
            Excess::Values(28_160).to_string(),
            Excess::Depth(32).to_string(),
        ];
        assert_eq!(words[0], "it has 8388608 bytes, at most 327680 are read");
        assert_eq!(words[1..], ["it has over 28160 values", "it is nested deeper than 32"]);
    }
}
