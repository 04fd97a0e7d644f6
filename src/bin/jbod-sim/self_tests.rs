//! The self-tests of a drive, newest first: those that `set` adds, then one a week.

use crate::drive::Drive;

pub struct SelfTestEntry {
    /// The result, numbered as by the command set of the drive. 0 is passed with each of them.
    pub code: u64,
    pub extended: bool,
    /// Hours since the test.
    pub age: u64,
}

/// Percent that is left of the test in progress.
pub fn remaining_percent(drive: &Drive) -> Option<u64> {
    drive.number("self_test_remaining_percent").filter(|percent| *percent > 0)
}

/// What `set` adds: a test with `self_test_result`, and perhaps a later one that passed.
pub fn set_tests(drive: &Drive) -> Vec<SelfTestEntry> {
    let mut tests = Vec::new();
    let Some(code) = drive.number("self_test_result") else { return tests };
    if let Some(later) = drive.text("self_test_later_pass") {
        tests.push(SelfTestEntry { code: 0, extended: later == "extended", age: 1 });
    }
    tests.push(SelfTestEntry { code, extended: drive.text("self_test_type") != Some("short"), age: 3 });
    tests
}

/// The log of an ATA or SCSI drive, which holds `size` tests.
pub fn log(drive: &Drive, size: u64) -> Vec<SelfTestEntry> {
    let mut tests = match drive.number("self_test_result") {
        None | Some(0) => Vec::new(),
        Some(_) => set_tests(drive),
    };
    let weeks = drive.hours() / 168;
    for week in 0..weeks.min(size) {
        tests.push(SelfTestEntry { code: 0, extended: week % 4 == 1, age: 168 * week + 5 });
    }
    tests.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    tests
}
