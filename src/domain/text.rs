//! Text for people: names made safe for a terminal, short lists, sizes, the order of names with numbers.

use std::cmp::Ordering;

/// It would steer the terminal, or turn the direction of the line, or hide in it.
pub(crate) fn is_control_or_bidi(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces control and bidirectional characters: names that drives and enclosures report must not control a terminal.
pub fn sanitize(text: &str) -> String {
    text.chars().map(|c| if is_control_or_bidi(c) { '?' } else { c }).collect()
}

/// The first few of many names: `a, b, c and 9 more`.
pub(crate) fn list_first(names: &[&str], shown: usize) -> String {
    let listed = names.iter().take(shown).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(shown);
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

/// As drive makers count: `18.0 TB`, `480 GB`.
pub(crate) fn format_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bytes = bytes as f64;
    match bytes {
        b if b >= 1e12 => format!("{:.1} TB", b / 1e12),
        b if b >= 1e9 => format!("{:.0} GB", b / 1e9),
        b => format!("{:.0} MB", b / 1e6),
    }
}

/// Text order in which numbers count as numbers (`Slot 2` before `Slot 10`).
pub fn natural_cmp(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    loop {
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len()).then_with(|| left.cmp(right));
        }
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (na, nb) = (digits(a), digits(b));
        let step = if na > 0 && nb > 0 {
            let (da, db) = (a[..na].trim_start_matches('0'), b[..nb].trim_start_matches('0'));
            (da.len().cmp(&db.len()).then_with(|| da.cmp(db)), na, nb)
        } else {
            let (ca, cb) = (a.chars().next(), b.chars().next());
            (ca.cmp(&cb), ca.map_or(0, char::len_utf8), cb.map_or(0, char::len_utf8))
        };
        if step.0 != Ordering::Equal {
            return step.0;
        }
        (a, b) = (&a[step.1..], &b[step.2..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_drive_says_of_itself_does_not_steer_a_terminal() {
        assert_eq!(sanitize("a\x1b[31m\u{9b}2J\r\n\u{202e}b\u{200b}"), "a?[31m?2J???b?");
        assert_eq!(sanitize("Köln °C 日本"), "Köln °C 日本");
    }

    #[test]
    fn sizes_are_those_on_the_label() {
        assert_eq!(format_size(18_000_207_937_536), "18.0 TB");
        assert_eq!(format_size(480_103_981_056), "480 GB");
        assert_eq!(format_size(1_474_560), "1 MB");
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["Slot 10", "Slot 2", "Slot 02", "Slot", "0:0:11:0", "0:0:2:0"];
        names.sort_by(|a, b| natural_cmp(a, b));
        assert_eq!(names, ["0:0:2:0", "0:0:11:0", "Slot", "Slot 02", "Slot 2", "Slot 10"]);
    }
}
