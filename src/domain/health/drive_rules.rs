//! The rules over drives, one in a row: code, class, condition, thresholds, source.
//!
//! Rules about readings that have no level are applied where readings are taken: C1 gives no reading, C2 and C3 keep the
//! reading, C4 counts consecutive timeouts (`domain/inventory`), C6 removes a temperature that means "unknown"
//! (`probe/smartctl`). Counters that mean nothing by themselves have no row: attributes 1, 3, 4, 7, 189, 192, 195 and NVMe's
//! `num_err_log_entries`. Rules on growth (A8, A11, S4, S7, and the growth of A3 to A7, S2, S3, N4) need an earlier
//! reading, which `DriveFacts` does not have yet.
//!
//! Levels of A3 to A7: the 30-day risk is the probability that a drive at that level fails within 30 days, from
//! `make foresight` (P30) on Backblaze drive stats; that of all drives is 0.2 %.

use super::drive_facts::DriveFacts;
use super::engine;
use super::rule::{NEVER, Rule, RuleSubject, above, derived, rule};
use super::rule_settings::RuleSettings;
use super::thresholds::{ANY_SEVERITY, CRIT, Thresholds, WARN, WARN_OR_CRIT, WATCH};
use super::verdict::Class::{Configuration, Environment, Link, Media, Pool, Reading};
use super::verdict::{Judgement, Verdict};
use super::{ata, capacity, context, nvme, paths, scsi};

/// Judges a drive. Without a reading that has health data, and without a finding, the verdict is `unknown`.
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
    rule::<DriveRules>("C5", Reading, "no successful reading for over 24 h, and not in standby", WARN,
        "Scrutiny notifies if a drive sends no data for some time; smartd forces a check after N skips", context::unread_for_a_day),
    rule::<DriveRules>("C7", Configuration, "the kernel cannot use the drive, or shows another size than smartctl", WATCH,
        "sysfs size; Linux uses sectors of 512, 1024, 2048 and 4096 bytes (drivers/scsi/sd.c)", capacity::unusable),

    rule::<DriveRules>(paths::LOST_PATHS, Link, "fewer paths work than the drive is known to have", WARN,
        "Linux: a path is removed, or its state is offline, transport-offline or dead; or a reading fails over it, not over another", paths::lost),

    rule::<DriveRules>("A1", Media, "the SMART status is failing", CRIT,
        "smartctl(8) exit bit 3; smartd -H logs it as critical", ata::status_failed),
    rule::<DriveRules>("A2", Media, "an attribute is at its threshold: pre-failure crit, usage warn, in the past watch", ANY_SEVERITY,
        "smartctl(8) exit bits 4 and 5; smartd -f", ata::attribute_failed),
    rule::<DriveRules>("A3", Media, "attribute 197, pending sectors", above(1, 9, 101),
        "Backblaze drive stats, ST4000DM000 of 2018: 30-day risk 5.8 % and 1.4 % of healthy drives from 1, 8.2 % and 0.7 % from 9, 29 % and 0.05 % from 101", ata::pending),
    rule::<DriveRules>("A4", Media, "attribute 198, offline uncorrectable sectors", above(1, 9, NEVER),
        "Backblaze drive stats, ST4000DM000 of 2018: equal to A3 on Seagate drives; 30-day risk 5.8 % and 1.4 % of healthy drives from 1, 8.2 % and 0.7 % from 9", ata::offline_uncorrectable),
    rule::<DriveRules>("A5", Media, "attribute 5, reallocated sectors", above(1, 261, NEVER),
        "Backblaze drive stats, ST4000DM000 of 2018: 30-day risk 4.4 % and 0.7 % of healthy drives from 1, 8.3 % and 0.1 % from 261", ata::reallocated),
    rule::<DriveRules>("A6", Media, "attribute 187, reported uncorrectable errors", above(1, 21, NEVER),
        "Backblaze drive stats, ST4000DM000 of 2018: 30-day risk 3.1 % and 2.5 % of healthy drives from 1, 13 % and 0.1 % from 21", ata::reported_uncorrect),
    rule::<DriveRules>("A7", Link, "attribute 188, command timeouts (the largest of its three counts)", above(101, NEVER, NEVER),
        "Backblaze drive stats, ST4000DM000 of 2018: does not predict failure: 2 of 32,164 drives reach it, and none of them failed", ata::command_timeout),
    rule::<DriveRules>("A9-10", Media, "attribute 10, spin retries", above(NEVER, 1, NEVER),
        "Backblaze via Scrutiny: drives above 0 fail at 56 % a year", ata::spin_retry),
    rule::<DriveRules>("A9-184", Media, "attribute 184, End-to-End error, normalised", Thresholds::below(None, Some(99), None),
        "Backblaze via Scrutiny: drives at 98 to 99 fail at 84 % a year", ata::end_to_end),
    rule::<DriveRules>("A9-196", Media, "attribute 196, reallocation events", above(12, NEVER, NEVER),
        "Backblaze via Scrutiny: drives at 11 to 17 fail at 17 % a year; the data are noisy", ata::reallocation_events),
    rule::<DriveRules>("A10", Media, "the newest self-test with a result has failed", WARN,
        "smartd -l selftest", ata::self_test_failed),
    rule::<DriveRules>("A12", Media, "endurance used, %; at most watch if smartctl guesses it", above(NEVER, 80, 100),
        "ATA device statistics (ACS-4, page 7); smartctl 7.5 guesses from SSD_Life_Left or Wear_Leveling", ata::wear),
    rule::<DriveRules>("A12-spare", Media, "spare left, points above the drive's own threshold", Thresholds::below(Some(-1), None, None),
        "smartctl 7.5, which guesses it from an attribute that A2 judges", ata::spare),
    rule::<DriveRules>("A13", Media, "attributes 22, 23 and 24, helium: at their threshold crit, any loss watch", Thresholds::below(Some(99), None, None),
        "Scrutiny, which lists a high value as ideal", ata::helium),
    rule::<DriveRules>("A14", Link, "the link is slower than its maximum and than the links of drives of its model", WATCH,
        "smartctl's interface_speed", ata::slow_link),

    rule::<DriveRules>("S1", Media, "an informational exception is reported; its code decides class and severity", ANY_SEVERITY,
        "T10's ASC/ASCQ assignments: 5Dh predicts a failure, 0Bh warns of something else", scsi::exception),
    rule::<DriveRules>("S2", Media, "uncorrected errors in reading, writing and verifying", above(NEVER, 1, NEVER),
        "SCSI error counter log pages; TrueNAS warns on any", scsi::uncorrected),
    rule::<DriveRules>("S3", Media, "grown defects", above(1, 20, NEVER),
        "levels of Starosdev/scrutiny's risk score", scsi::grown_defects),
    rule::<DriveRules>("S5", Media, "pending sectors", above(NEVER, 1, NEVER),
        "SBC-4 pending defects log page; smartctl 7.3", scsi::pending),
    rule::<DriveRules>("S6", Media, "the newest self-test with a result has failed", WARN,
        "SPC-4 self-test results 3 to 7", scsi::self_test_failed),
    rule::<DriveRules>("S8", Environment, "degrees below the drive's reference temperature", Thresholds::below(Some(5), Some(0), None),
        "SPC-4 temperature log page; seen in the field: 50 to 85 °C, so it is never crit by itself", scsi::near_trip),
    rule::<DriveRules>("S9", Media, "more start-stop or load-unload cycles than specified", WATCH,
        "SPC-4 start-stop cycle counter log page", scsi::worn_mechanics),
    rule::<DriveRules>("S10", Media, "endurance used, %", above(NEVER, 80, 100),
        "SBC-4 solid state media log page", scsi::wear),

    rule::<DriveRules>("N1", Media, "critical warning: about the temperature warn (environment), about the drive crit", WARN_OR_CRIT,
        "NVMe base specification, SMART log byte 0; smartd -H", nvme::critical_warning),
    rule::<DriveRules>("N2", Media, "spare left, points above the drive's own threshold", Thresholds::below(None, Some(10), Some(-1)),
        "NVMe base specification, SMART log bytes 3 and 4", nvme::spare),
    rule::<DriveRules>("N3", Media, "percentage used", above(80, 90, 100),
        "NVMe base specification, SMART log byte 5", nvme::wear),
    rule::<DriveRules>("N4", Media, "media and data integrity errors", above(NEVER, 1, NEVER),
        "NVMe base specification, SMART log; smartd 7.5 -u", nvme::media_errors),
    rule::<DriveRules>("N6", Environment, "at the controller's warning (warn) or critical (crit) temperature", WARN_OR_CRIT,
        "NVMe base specification, WCTEMP and CCTEMP", nvme::hot),
    rule::<DriveRules>("N7", Media, "the newest self-test with a result has failed", WARN,
        "NVMe base specification, device self-test results 5 to 7", nvme::self_test_failed),

    rule::<DriveRules>("T1", Environment, "temperature of a rotating drive, °C; if it reports a limit of its own up to 60, that one warns", above(NEVER, 50, 60),
        "makers' data sheets: 60 °C for nearly all", context::hot_disk),
    rule::<DriveRules>("T1-ssd", Environment, "temperature of a SATA or SAS solid state drive, °C; if it reports a limit of its own, that one warns", above(NEVER, 60, 70),
        "makers' data sheets: 70 °C for nearly all", context::hot_ssd),
    rule::<DriveRules>("T2", Environment, "degrees above the median of its kind in its enclosure, from 40 °C", above(8, NEVER, NEVER),
        "our choice", context::hotter_than_peers),

    rule::<DriveRules>("Z1", Pool, "its leaf is FAULTED, UNAVAIL, REMOVED or DEGRADED (crit) or OFFLINE (warn)", WARN_OR_CRIT,
        "zpool-status(8); zed lights the fault LED for these", context::leaf_state),
    rule::<DriveRules>("Z2", Pool, "read, write and checksum errors of its leaf", above(NEVER, 1, NEVER),
        "zpool-status(8)", context::leaf_errors),

    rule::<DriveRules>("E5", Environment, "the enclosure senses a fault in the bay", WARN,
        "the kernel's enclosure class: fault is 4 sensed, 2 requested, 6 both (drivers/scsi/ses.c)", context::bay_fault),
    derived::<DriveRules>("Z3", Pool, "its vdev is being rebuilt or runs on a spare: the worst finding about the drive itself, one level worse", WARN_OR_CRIT,
        "there is less redundancy left to rebuild from", context::rebuilding),
];
