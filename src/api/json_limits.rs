//! Limits of a JSON text before it is parsed: the number of its values, its depth, and the length of its strings. A
//! text of a megabyte may become a gigabyte of parsed values, so that a limit of its bytes alone does not bound memory.
//!
//! One pass over the bytes, without allocation. It validates nothing else: the typed parse that follows does. Up to the
//! first error both agree on where strings begin and end.

use thiserror::Error;

/// Limits of a JSON text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonLimits {
    pub bytes: usize,
    /// Objects, lists, strings, numbers and literals; keys do not count.
    pub values: usize,
    pub depth: usize,
    /// Bytes of one string, with escapes as they are written.
    pub string: usize,
}

/// The first limit that a text exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Excess {
    #[error("it has {found} bytes, at most {most} are accepted")]
    Bytes { found: usize, most: usize },
    #[error("it has more than {0} values")]
    Values(usize),
    #[error("it is nested deeper than {0} levels")]
    Depth(usize),
    #[error("it has a string of more than {0} bytes")]
    String(usize),
}

impl JsonLimits {
    /// Returns the number of values, or the first limit that is exceeded; the text after that is not checked.
    pub fn check(&self, json: &[u8]) -> Result<usize, Excess> {
        if json.len() > self.bytes {
            return Err(Excess::Bytes { found: json.len(), most: self.bytes });
        }
        // A list of n elements has n - 1 commas: its opening counts for the first one, and the 1 for the complete text.
        let mut values: usize = 1;
        let mut depth: usize = 0;
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
            if rest.get(end) == Some(&b'\\') {
                // An escape of any kind: the byte after it does not end the string.
                length = end + 2;
            } else {
                return Ok(rest.get(end + 1..).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLIMITED: JsonLimits = JsonLimits { bytes: 1 << 20, values: 1 << 20, depth: 1 << 20, string: 1 << 20 };

    #[test]
    fn values_are_counted_but_not_characters_in_strings() {
        for (json, values) in [
            ("7", 1),
            (r#""[{,\"[,""#, 1),
            ("[0]", 2),
            (r#"{"a":1,"b":[2,3,{"c":"x,y\\"}]}"#, 7),
            (r#"[{"":0},{"":0},{"":0}]"#, 7),
            // An empty list counts as if it had an element.
            ("[]", 2),
        ] {
            assert_eq!(UNLIMITED.check(json.as_bytes()), Ok(values), "{json}");
        }
    }

    #[test]
    fn each_limit_holds_to_the_byte() {
        fn check(limits: JsonLimits, json: &str) -> Option<Excess> {
            limits.check(json.as_bytes()).err()
        }
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
        assert_eq!(words[0], "it has 8388608 bytes, at most 327680 are accepted");
        assert_eq!(words[1..], ["it has more than 28160 values", "it is nested deeper than 32 levels"]);
    }
}
