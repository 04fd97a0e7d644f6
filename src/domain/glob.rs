//! Shell patterns with `*` and `?`.

/// Whether the text matches the pattern, ignoring case. Runs in at most quadratic time.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut in_pattern, mut in_text) = (0, 0);
    // Position of the last `*`, and of the end of the text that it matches.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(in_text) {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((in_pattern, in_text));
                in_pattern += 1;
            }
            Some(own) if *own == b'?' || own.eq_ignore_ascii_case(byte) => {
                in_pattern += 1;
                in_text += 1;
            }
            _ => {
                // The last `*` matches one more byte.
                let Some((at, end)) = star else { return false };
                star = Some((at, end + 1));
                in_pattern = at + 1;
                in_text = end + 1;
            }
        }
    }
    pattern.iter().skip(in_pattern).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("ST4000*", "ST4000DM000-1F2168", true),
            ("*1F2168", "ST4000DM000-1F2168", true),
            ("ST?000*F*8", "st4000DM000-1F2168", true),
            ("ST4000", "ST4000DM", false),
            ("*x*y*z", "aXbYcYZ", true),
            ("", "a", false),
            ("?", "", false),
            ("**", "abc", true),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern:?} {text:?}");
        }
        // With exponential time this would not end.
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
