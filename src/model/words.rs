//! How a drive is put into words for people at a terminal: the same in `scan`, in the map and in
//! a line about one drive.

use super::drive::{DeviceName, DriveSummary, State};
use super::health::Verdict;
use super::zfs::words::VdevRole;

/// It would steer the terminal, or turn the direction of the line, or hide in it.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Drives and shelves name themselves; what they say steers nothing.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '?' } else { c }).collect()
}

/// The first few of many names: `a, b, c and 9 more`.
pub fn some(names: &[&str], shown: usize) -> String {
    let listed = names.iter().take(shown).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(shown);
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

/// As drive makers count: `18.0 TB`, `480 GB`.
pub fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bytes = bytes as f64;
    match bytes {
        b if b >= 1e12 => format!("{:.1} TB", b / 1e12),
        b if b >= 1e9 => format!("{:.0} GB", b / 1e9),
        b => format!("{:.0} MB", b / 1e6),
    }
}

/// Every kernel name: `sda,sdca`.
pub fn devices(drive: &DriveSummary) -> String {
    drive.paths.iter().map(DeviceName::as_str).collect::<Vec<_>>().join(",")
}

/// What it serves: `tank/raidz2-0`, `tank spare`; `None` when no pool is known to have it.
pub fn place(drive: &DriveSummary) -> Option<String> {
    let pool = drive.pool.as_deref()?;
    let place = match (&drive.vdev, drive.role) {
        (Some(vdev), Some(VdevRole::Data)) => format!("{pool}/{vdev}"),
        (_, Some(role)) => format!("{pool} {role}"),
        (_, None) => pool.to_owned(),
    };
    Some(printable(place.trim_end()))
}

/// The verdict, and what the drive does where that is not simply answering: `ok`, `missing`,
/// `crit, unresponsive`.
pub fn verdict(drive: &DriveSummary) -> String {
    match drive.state {
        State::Active => drive.verdict.as_str().to_owned(),
        state if drive.verdict == Verdict::Unknown => state.as_str().to_owned(),
        state => format!("{}, {}", drive.verdict.as_str(), state.as_str()),
    }
}

/// The first reason for the verdict, or why there is none.
pub fn reason(drive: &DriveSummary) -> Option<String> {
    drive.findings.first().map(|f| f.message.as_str()).or(drive.error.as_deref()).map(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_drive_says_of_itself_does_not_steer_a_terminal() {
        assert_eq!(printable("a\x1b[31m\u{9b}2J\r\n\u{202e}b\u{200b}"), "a?[31m?2J???b?");
        assert_eq!(printable("Köln °C 日本"), "Köln °C 日本");
    }

    #[test]
    fn sizes_are_those_on_the_label() {
        assert_eq!(size(18_000_207_937_536), "18.0 TB");
        assert_eq!(size(480_103_981_056), "480 GB");
        assert_eq!(size(1_474_560), "1 MB");
    }
}
