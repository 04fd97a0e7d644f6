//! Scalars of zpool: states, counts, guids, and text of bounded length.

use super::limits::MAX_TEXT_BYTES;
use crate::domain::zfs::words::{PoolState, VdevState};

/// A state of a vdev or of a pool, whose own row is the first of its table.
pub(super) fn is_state(word: &str) -> bool {
    VdevState::known(word).is_some() || PoolState::known(word).is_some()
}

/// `0`, `100980`; without `-p` also `1.2K`, `4.5T`, `0B`. `-` and anything else is `None`.
pub(super) fn count(word: &str) -> Option<u64> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let word = word.strip_suffix('B').unwrap_or(word);
    let unit = word.chars().last()?;
    let Some(power) = "KMGTPE".find(unit) else { return word.parse().ok() };
    let number: f64 = word.strip_suffix(unit)?.parse().ok()?;
    let value = number * 1024f64.powi(i32::try_from(power + 1).ok()?);
    if !(0.0..1.8e19).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range, and rounded by zpool anyway"
    )]
    Some(value as u64)
}

/// The progress of a scan. ZFS reports more than 100 if data is added while it runs.
pub(super) fn percent(number: f64) -> Option<f64> {
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    Some(number.min(100.0))
}

/// A guid (64 bits) as decimal digits. 0 is not a guid.
pub(super) fn guid(word: &str) -> Option<String> {
    match word.parse::<u64>() {
        Ok(0) | Err(_) => None,
        Ok(number) => Some(number.to_string()),
    }
}

/// The first `bytes` bytes, without a partial character.
pub(super) fn cut_to(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// The first `MAX_TEXT_BYTES` bytes.
pub(super) fn cut(text: &str) -> &str {
    cut_to(text, MAX_TEXT_BYTES)
}

/// The first `MAX_TEXT_BYTES` bytes of the trimmed text.
pub(super) fn clip(text: &str) -> &str {
    cut(text.trim())
}

/// The words, separated by single blanks; at most `MAX_TEXT_BYTES` bytes.
pub(super) fn join<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for word in words {
        if all.len() + word.len() >= MAX_TEXT_BYTES {
            break;
        }
        if !all.is_empty() {
            all.push(' ');
        }
        all.push_str(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_and_without_units() {
        for (word, number) in [
            ("0", Some(0)),
            ("100980", Some(100_980)),
            ("18446744073709551615", Some(u64::MAX)),
            ("1.5K", Some(1536)),
            ("0B", Some(0)),
            ("512B", Some(512)),
            ("3.01M", Some(3_156_213)),
            ("1.00E", Some(1 << 60)),
            ("-", None),
            ("", None),
            ("B", None),
            ("K", None),
            ("-1", None),
            ("-1K", None),
            ("nanK", None),
            ("infE", None),
            ("99999999E", None),
            ("1.5", None),
            ("0x10", None),
        ] {
            assert_eq!(count(word), number, "{word:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "ä".repeat(MAX_TEXT_BYTES);
        assert_eq!(clip(&long).len(), MAX_TEXT_BYTES);
        assert_eq!(clip(&format!(" x{long}")).len(), MAX_TEXT_BYTES - 1);
        assert_eq!(clip("  short "), "short");
    }
}
