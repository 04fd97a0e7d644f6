//! Patterns of names, as a shell has them.

/// Whether the text matches the pattern, ignoring case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Position of the last `*`, and of the end of the text that it matches.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(own) if *own == b'?' || own.eq_ignore_ascii_case(c) => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
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
        // A pattern of many stars ends at once, too.
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
