//! The rules over drives, one a row: code, class, condition, own thresholds, source.
//!
//! Those of collection that bear no level are applied where a reading is taken: C1 leaves no
//! reading, C2 and C3 keep it, C4 counts silences in `domain/inventory`, C6 clears a temperature that
//! means "unknown" in `probe/smartctl`. Counters without meaning by themselves have no row:
//! attributes 1, 3, 4, 7, 189, 192, 195 and NVMe's `num_err_log_entries`. Rules on growth (A8, A11,
//! S4, S7, and the growth of A3 to A7, S2, S3, N4) will be rows here, too, once a subject holds the
//! earlier reading.

use super::drive_facts::DriveFacts;
use super::engine;
use super::rule::{NEVER, Rule, RuleSubject, above, derived, rule};
use super::rule_settings::RuleSettings;
use super::thresholds::Thresholds;
use super::verdict::Class::{Environment, Link, Media, Pool, Reading};
use super::verdict::{Judgement, Verdict};
use super::{ata, context, nvme, scsi};

const ON_OFF: Thresholds = Thresholds::ON_OFF;

/// Judges a drive. Where there is no reading, or one that holds an identity and no health, and
/// nothing around the drive is wrong, there is nothing to judge: `unknown`, no findings.
pub fn judge_drive(facts: &DriveFacts, settings: &RuleSettings) -> Judgement {
    let clean = match facts.report {
        Some(report) if report.has_health() => Verdict::Ok,
        _ => Verdict::Unknown,
    };
    engine::judge(DRIVE_RULES, facts, facts.model, settings, clean)
}

/// Rules over drives.
pub struct DriveRules;

impl RuleSubject for DriveRules {
    const HAS_MODEL: bool = true;
    type Facts<'a> = DriveFacts<'a>;
}

#[rustfmt::skip]
pub const DRIVE_RULES: &[Rule<DriveRules>] = &[
    rule::<DriveRules>("C5", Reading, "no good reading for over 24 h, and not asleep", ON_OFF,
        "Scrutiny's missed ping; smartd forces a check after N skips", context::unread_for_a_day),

    rule::<DriveRules>("A1", Media, "the SMART status says failing", ON_OFF,
        "smartctl(8) exit bit 3; smartd -H logs it as critical", ata::status_failed),
    rule::<DriveRules>("A2", Media, "an attribute is at its threshold: pre-failure crit, usage warn, in the past watch", ON_OFF,
        "smartctl(8) exit bits 4 and 5; smartd -f", ata::attribute_failed),
    rule::<DriveRules>("A3", Media, "attribute 197, sectors pending", above(NEVER, 1, 7),
        "smartd -C 197; Backblaze via Scrutiny: 2 to 6 fail at 68 % a year", ata::pending),
    rule::<DriveRules>("A4", Media, "attribute 198, sectors uncorrectable offline", above(NEVER, 1, NEVER),
        "smartd -U 198; Backblaze via Scrutiny: 1 to 2 fail at 81 % a year", ata::offline_uncorrectable),
    rule::<DriveRules>("A5", Media, "attribute 5, sectors reallocated", above(1, 17, 1101),
        "Backblaze via Scrutiny: 4 to 16 fail at 7.5 %, 16 to 70 at 24 %, over 1100 at 150 % a year", ata::reallocated),
    rule::<DriveRules>("A6", Media, "attribute 187, errors reported uncorrectable", above(NEVER, 1, 36),
        "Backblaze via Scrutiny: 1 fails at 34 %, 35 to 65 at 144 % a year", ata::reported_uncorrect),
    rule::<DriveRules>("A7", Link, "attribute 188, commands timed out (the largest of its three counts)", above(101, NEVER, NEVER),
        "Scrutiny, whose limit of 100 is admitted to be arbitrary", ata::command_timeout),
    rule::<DriveRules>("A9-10", Media, "attribute 10, spin retries", above(NEVER, 1, NEVER),
        "Backblaze via Scrutiny: over 0 fails at 56 % a year", ata::spin_retry),
    rule::<DriveRules>("A9-184", Media, "attribute 184, End-to-End error, normalised", Thresholds::below(None, Some(99), None),
        "Backblaze via Scrutiny: 98 to 99 fails at 84 % a year", ata::end_to_end),
    rule::<DriveRules>("A9-196", Media, "attribute 196, reallocation events", above(12, NEVER, NEVER),
        "Backblaze via Scrutiny: 11 to 17 fails at 17 % a year, noisy", ata::reallocation_events),
    rule::<DriveRules>("A10", Media, "the newest self-test with a result has failed", ON_OFF,
        "smartd -l selftest", ata::self_test_failed),
    rule::<DriveRules>("A12", Media, "endurance used, %", above(NEVER, 80, 100),
        "ATA device statistics, smartctl 7.5", ata::wear),
    rule::<DriveRules>("A12-spare", Media, "spare left, points above the drive's own threshold", Thresholds::below(None, None, Some(-1)),
        "smartctl 7.5", ata::spare),
    rule::<DriveRules>("A13", Media, "attribute 22, helium: at its threshold crit, any loss watch", Thresholds::below(Some(99), None, None),
        "Scrutiny (ideal: high)", ata::helium),
    rule::<DriveRules>("A14", Link, "the link is slower than its maximum and than those of its model", ON_OFF,
        "smartctl's interface_speed", ata::slow_link),

    rule::<DriveRules>("S1", Media, "an informational exception is reported", ON_OFF,
        "SPC-4, ASC 5Dh; smartd checks it always", scsi::status_failed),
    rule::<DriveRules>("S2", Media, "errors uncorrected in reading, writing and verifying", above(NEVER, 1, NEVER),
        "SCSI error counter log pages; TrueNAS warns on any", scsi::uncorrected),
    rule::<DriveRules>("S3", Media, "grown defects", above(1, 20, NEVER),
        "steps of Starosdev/scrutiny's risk score", scsi::grown_defects),
    rule::<DriveRules>("S5", Media, "sectors pending", above(NEVER, 1, NEVER),
        "SBC-4 pending defects log page; smartctl 7.3", scsi::pending),
    rule::<DriveRules>("S6", Media, "the newest self-test with a result has failed", ON_OFF,
        "SPC-4 self-test results 3 to 7", scsi::self_test_failed),
    rule::<DriveRules>("S8", Environment, "degrees left to the drive's trip temperature", Thresholds::below(None, Some(10), Some(5)),
        "SPC-4 temperature log page; seen: 50 to 85 °C, so that fixed limits mislead", scsi::near_trip),
    rule::<DriveRules>("S9", Media, "more start-stop or load-unload cycles than specified", ON_OFF,
        "SPC-4 start-stop cycle counter log page", scsi::worn_mechanics),
    rule::<DriveRules>("S10", Media, "endurance used, %", above(NEVER, 80, 100),
        "SBC-4 solid state media log page", scsi::wear),

    rule::<DriveRules>("N1", Media, "critical warning: temperature alone warn, anything else crit", ON_OFF,
        "NVMe base specification, SMART log byte 0; smartd -H", nvme::critical_warning),
    rule::<DriveRules>("N2", Media, "spare left, points above the drive's own threshold", Thresholds::below(None, Some(10), Some(-1)),
        "NVMe base specification, SMART log bytes 3 and 4", nvme::spare),
    rule::<DriveRules>("N3", Media, "percentage used", above(80, 90, 100),
        "NVMe base specification, SMART log byte 5", nvme::wear),
    rule::<DriveRules>("N4", Media, "media and data integrity errors", above(NEVER, 1, NEVER),
        "NVMe base specification, SMART log; smartd 7.5 -u", nvme::media_errors),
    rule::<DriveRules>("N6", Environment, "at the controller's warning (warn) or critical (crit) temperature", ON_OFF,
        "NVMe base specification, WCTEMP and CCTEMP", nvme::hot),
    rule::<DriveRules>("N7", Media, "the newest self-test with a result has failed", ON_OFF,
        "NVMe base specification, device self-test results 5 to 7", nvme::self_test_failed),

    rule::<DriveRules>("T1", Environment, "degrees of a rotating drive that gives no limit of its own", above(NEVER, 50, 60),
        "makers' data sheets: 60 °C for nearly all", context::hot_disk),
    rule::<DriveRules>("T1-ssd", Environment, "degrees of a SATA or SAS solid state drive that gives no limit of its own", above(NEVER, 60, 70),
        "makers' data sheets: 70 °C for nearly all", context::hot_ssd),
    rule::<DriveRules>("T2", Environment, "degrees above the median of its kind in its enclosure, from 40 °C", above(8, NEVER, NEVER),
        "neighbours tell more than any constant", context::hotter_than_peers),

    rule::<DriveRules>("Z1", Pool, "its leaf is FAULTED, UNAVAIL, REMOVED or DEGRADED (crit) or OFFLINE (warn)", ON_OFF,
        "zpool-status(8); zed lights the fault LED for these", context::leaf_state),
    rule::<DriveRules>("Z2", Pool, "read, write and checksum errors of its leaf", above(NEVER, 1, NEVER),
        "zpool-status(8)", context::leaf_errors),

    rule::<DriveRules>("E5", Environment, "the enclosure senses a fault in the bay", ON_OFF,
        "the kernel's enclosure class: fault is two bits, 1 sensed, 2 requested", context::bay_fault),
    derived::<DriveRules>("Z3", Pool, "its vdev is being rebuilt or runs on a spare: the worst finding about the drive itself, one level up",
        "there is less left to rebuild from", context::rebuilding),
];
