//! The rules of the verdict, one a row: code, class, condition, own limits, source.
//!
//! Those of collection that bear no level are applied where a reading is taken: C1 leaves no
//! reading, C2 and C3 keep it, C4 counts silences in `domain/inventory`, C6 clears a temperature that
//! means "unknown" in `probe/smartctl`. Counters that say nothing by themselves have no row:
//! attributes 1, 3, 4, 7, 189, 192, 195 and NVMe's `num_err_log_entries`. Rules on growth (A8, A11,
//! S4, S7, and the growth of A3 to A7, S2, S3, N4) will be rows here, too, once a subject holds the
//! earlier reading.

use super::Class::{Environment, Link, Media, Pool, Reading};
use super::{Class, Finding, Hit, Steps, Subject, around, ata, nvme, scsi};

pub struct Rule {
    /// As in findings and in the limits file.
    pub code: &'static str,
    pub class: Class,
    /// When it speaks.
    pub condition: &'static str,
    pub limits: Steps,
    pub source: &'static str,
    pub(super) check: Check,
}

/// What a rule needs to know.
#[derive(Clone, Copy)]
pub(super) enum Check {
    Alone(fn(&Subject, Steps) -> Option<Hit>),
    /// It weighs the worst of what others have found about the drive itself.
    After(fn(&Subject, &Finding) -> Option<Hit>),
}

/// A row of the table.
const fn rule(
    code: &'static str,
    class: Class,
    condition: &'static str,
    limits: Steps,
    source: &'static str,
    check: fn(&Subject, Steps) -> Option<Hit>,
) -> Rule {
    Rule { code, class, condition, limits, source, check: Check::Alone(check) }
}

const fn above(watch: i64, warn: i64, crit: i64) -> Steps {
    const fn level(at: i64) -> Option<i64> {
        if at == NEVER { None } else { Some(at) }
    }
    Steps::above(level(watch), level(warn), level(crit))
}

/// A level that the rule does not have.
const NEVER: i64 = i64::MAX;

#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("C5", Reading, "no good reading for over 24 h, and not asleep", Steps::STATE,
        "Scrutiny's missed ping; smartd forces a check after N skips", around::unread_for_a_day),

    rule("A1", Media, "the SMART status says failing", Steps::STATE,
        "smartctl(8) exit bit 3; smartd -H logs it as critical", ata::status_failed),
    rule("A2", Media, "an attribute is at its threshold: pre-failure crit, usage warn, in the past watch", Steps::STATE,
        "smartctl(8) exit bits 4 and 5; smartd -f", ata::attribute_failed),
    rule("A3", Media, "attribute 197, sectors pending", above(NEVER, 1, 7),
        "smartd -C 197; Backblaze via Scrutiny: 2 to 6 fail at 68 % a year", ata::pending),
    rule("A4", Media, "attribute 198, sectors uncorrectable offline", above(NEVER, 1, NEVER),
        "smartd -U 198; Backblaze via Scrutiny: 1 to 2 fail at 81 % a year", ata::offline_uncorrectable),
    rule("A5", Media, "attribute 5, sectors reallocated", above(1, 17, 1101),
        "Backblaze via Scrutiny: 4 to 16 fail at 7.5 %, 16 to 70 at 24 %, over 1100 at 150 % a year", ata::reallocated),
    rule("A6", Media, "attribute 187, errors reported uncorrectable", above(NEVER, 1, 36),
        "Backblaze via Scrutiny: 1 fails at 34 %, 35 to 65 at 144 % a year", ata::reported_uncorrect),
    rule("A7", Link, "attribute 188, commands timed out (the largest of its three counts)", above(101, NEVER, NEVER),
        "Scrutiny, whose limit of 100 is admitted to be arbitrary", ata::command_timeout),
    rule("A9.10", Media, "attribute 10, spin retries", above(NEVER, 1, NEVER),
        "Backblaze via Scrutiny: over 0 fails at 56 % a year", ata::spin_retry),
    rule("A9.184", Media, "attribute 184, End-to-End error, normalised", Steps::below(None, Some(99), None),
        "Backblaze via Scrutiny: 98 to 99 fails at 84 % a year", ata::end_to_end),
    rule("A9.196", Media, "attribute 196, reallocation events", above(12, NEVER, NEVER),
        "Backblaze via Scrutiny: 11 to 17 fails at 17 % a year, noisy", ata::reallocation_events),
    rule("A10", Media, "the newest self-test with a result has failed", Steps::STATE,
        "smartd -l selftest", ata::self_test_failed),
    rule("A12", Media, "endurance used, %", above(NEVER, 80, 100),
        "ATA device statistics, smartctl 7.5", ata::wear),
    rule("A12.spare", Media, "spare left, points above the drive's own threshold", Steps::below(None, None, Some(-1)),
        "smartctl 7.5", ata::spare),
    rule("A13", Media, "attribute 22, helium: at its threshold crit, any loss watch", Steps::below(Some(99), None, None),
        "Scrutiny (ideal: high)", ata::helium),
    rule("A14", Link, "the link is slower than its maximum and than those of its model", Steps::STATE,
        "smartctl's interface_speed", ata::slow_link),

    rule("S1", Media, "an informational exception is reported", Steps::STATE,
        "SPC-4, ASC 5Dh; smartd checks it always", scsi::status_failed),
    rule("S2", Media, "errors uncorrected in reading, writing and verifying", above(NEVER, 1, NEVER),
        "SCSI error counter log pages; TrueNAS warns on any", scsi::uncorrected),
    rule("S3", Media, "grown defects", above(1, 20, NEVER),
        "steps of Starosdev/scrutiny's risk score", scsi::grown_defects),
    rule("S5", Media, "sectors pending", above(NEVER, 1, NEVER),
        "SBC-4 pending defects log page; smartctl 7.3", scsi::pending),
    rule("S6", Media, "the newest self-test with a result has failed", Steps::STATE,
        "SPC-4 self-test results 3 to 7", scsi::self_test_failed),
    rule("S8", Environment, "degrees left to the drive's trip temperature", Steps::below(None, Some(10), Some(5)),
        "SPC-4 temperature log page; seen: 50 to 85 °C, so that fixed limits mislead", scsi::near_trip),
    rule("S9", Media, "more start-stop or load-unload cycles than specified", Steps::STATE,
        "SPC-4 start-stop cycle counter log page", scsi::worn_mechanics),
    rule("S10", Media, "endurance used, %", above(NEVER, 80, 100),
        "SBC-4 solid state media log page", scsi::wear),

    rule("N1", Media, "critical warning: temperature alone warn, anything else crit", Steps::STATE,
        "NVMe base specification, SMART log byte 0; smartd -H", nvme::critical_warning),
    rule("N2", Media, "spare left, points above the drive's own threshold", Steps::below(None, Some(10), Some(-1)),
        "NVMe base specification, SMART log bytes 3 and 4", nvme::spare),
    rule("N3", Media, "percentage used", above(80, 90, 100),
        "NVMe base specification, SMART log byte 5", nvme::wear),
    rule("N4", Media, "media and data integrity errors", above(NEVER, 1, NEVER),
        "NVMe base specification, SMART log; smartd 7.5 -u", nvme::media_errors),
    rule("N6", Environment, "at the controller's warning (warn) or critical (crit) temperature", Steps::STATE,
        "NVMe base specification, WCTEMP and CCTEMP", nvme::hot),
    rule("N7", Media, "the newest self-test with a result has failed", Steps::STATE,
        "NVMe base specification, device self-test results 5 to 7", nvme::self_test_failed),

    rule("T1", Environment, "degrees of a rotating drive that gives no limit of its own", above(NEVER, 50, 60),
        "makers' data sheets: 60 °C for nearly all", around::hot_disk),
    rule("T1.ssd", Environment, "degrees of a SATA or SAS solid state drive that gives no limit of its own", above(NEVER, 60, 70),
        "makers' data sheets: 70 °C for nearly all", around::hot_ssd),
    rule("T2", Environment, "degrees above the median of its kind in its enclosure, from 40 °C", above(8, NEVER, NEVER),
        "neighbours tell more than any constant", around::hotter_than_peers),

    rule("Z1", Pool, "its leaf is FAULTED, UNAVAIL, REMOVED or DEGRADED (crit) or OFFLINE (warn)", Steps::STATE,
        "zpool-status(8); zed lights the fault LED for these", around::leaf_state),
    rule("Z2", Pool, "read, write and checksum errors of its leaf", above(NEVER, 1, NEVER),
        "zpool-status(8)", around::leaf_errors),

    rule("E5", Environment, "the enclosure senses a fault in the bay", Steps::STATE,
        "the kernel's enclosure class: fault is two bits, 1 sensed, 2 requested", around::bay_fault),
    Rule { code: "Z3", class: Pool, limits: Steps::STATE, check: Check::After(around::rebuilding),
        condition: "its vdev is being rebuilt or runs on a spare: the worst finding about the drive itself, one level up",
        source: "there is less left to rebuild from" },
];
