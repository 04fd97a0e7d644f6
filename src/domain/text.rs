//! Text for people: sanitized names, short lists, sizes, and the order of names with numbers.

use std::cmp::Ordering;

/// A character that controls a terminal, changes the direction of text, or is invisible.
pub(crate) fn is_control_or_bidi(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces control and bidirectional characters: names that drives and enclosures report must not control a terminal.
pub fn sanitize(text: &str) -> String {
    text.replace(is_control_or_bidi, "?")
}

/// The first few of many names: `a, b, c and 9 more`.
pub(crate) fn list_first(names: &[impl ToString], shown: usize) -> String {
    let listed = names.iter().take(shown).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(shown);
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

/// A size in decimal units, as on the label of a drive: `18.0 TB`, `480 GB`.
pub(crate) fn format_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bytes = bytes as f64;
    if bytes >= 1e12 {
        format!("{:.1} TB", bytes / 1e12)
    } else if bytes >= 1e9 {
        format!("{:.0} GB", bytes / 1e9)
    } else {
        format!("{:.0} MB", bytes / 1e6)
    }
}

/// Order of text in which numbers are compared as numbers: `Slot 2` before `Slot 10`.
pub fn natural_cmp(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    while !left_rest.is_empty() && !right_rest.is_empty() {
        let (left_part, right_part);
        (left_part, left_rest) = split_part(left_rest);
        (right_part, right_rest) = split_part(right_rest);
        let order = match (strip_zeros(left_part), strip_zeros(right_part)) {
            (Some(left), Some(right)) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
            _ => left_part.chars().next().cmp(&right_part.chars().next()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left_rest.len().cmp(&right_rest.len()).then_with(|| left.cmp(right))
}

/// Splits the first number, or else the first character, from a text that is not empty.
fn split_part(text: &str) -> (&str, &str) {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let number_len = text.len() - rest.len();
    let first_len = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(number_len.max(first_len))
}

/// The digits of a number without leading zeros; `None`: it is not a number.
fn strip_zeros(part: &str) -> Option<&str> {
    if part.starts_with(|digit: char| digit.is_ascii_digit()) { Some(part.trim_start_matches('0')) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sanitized_text_has_no_control_characters() {
        assert_eq!(sanitize("a\x1b[31m\u{9b}2J\r\n\u{202e}b\u{200b}"), "a?[31m?2J???b?");
        assert_eq!(sanitize("Köln °C 日本"), "Köln °C 日本");
    }

    #[test]
    fn sizes_have_decimal_units() {
        assert_eq!(format_size(18_000_207_937_536), "18.0 TB");
        assert_eq!(format_size(480_103_981_056), "480 GB");
        assert_eq!(format_size(1_474_560), "1 MB");
    }

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let mut names = ["Slot 10", "Slot 2", "Slot 02", "Slot", "0:0:11:0", "0:0:2:0"];
        names.sort_by(|left, right| natural_cmp(left, right));
        assert_eq!(names, ["0:0:2:0", "0:0:11:0", "Slot", "Slot 02", "Slot 2", "Slot 10"]);
    }
}
