//! Series of every drive, whatever its protocol: who it is, where it is, how it does, and when it
//! was read. Of a drive that is gone there is only who and where it was, and that it is gone.

use super::sheet::{Label, Sheet, count, flag, plain_or_none, ratio, seconds};
use crate::api::drive_summary::DriveSummary;
use crate::api::metrics_snapshot::{MetricsSnapshot, ReadingStats};
use crate::domain::drive::DriveState;
use crate::domain::health::{Severity, Verdict};
use crate::domain::smart::SmartReport;
use crate::domain::zfs::words::VdevRole;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

const VERDICTS: [Verdict; 5] = [Verdict::Ok, Verdict::Watch, Verdict::Warn, Verdict::Crit, Verdict::Unknown];
const STATES: [DriveState; 5] =
    [DriveState::Active, DriveState::Standby, DriveState::Unresponsive, DriveState::Missing, DriveState::Reading];

/// A drive with its labels.
pub(super) struct Listed<'a> {
    pub(super) summary: &'a DriveSummary,
    asked: Option<&'a ReadingStats>,
    pub(super) serial_number: Cow<'a, str>,
}

/// All drives, each pair of device and serial number once: those that are here come first.
pub(super) fn listed(measured: &MetricsSnapshot) -> Vec<Listed<'_>> {
    let mut drives: Vec<Listed> = measured
        .drives()
        .map(|(summary, asked)| Listed { summary, asked, serial_number: plain_or_none(summary.serial_number.as_ref()) })
        .collect();
    drives.sort_by_key(|drive| !drive.is_here());
    let mut seen = HashSet::new();
    drives.retain(|drive| seen.insert((drive.summary.device.clone(), drive.serial_number.clone())));
    drives
}

impl<'a> Listed<'a> {
    pub(super) fn is_here(&self) -> bool {
        self.summary.state != DriveState::Missing
    }

    /// What all its series have.
    pub(super) fn labels(&self) -> [Label<'_>; 2] {
        [("device", self.summary.device.as_str()), ("serial_number", &self.serial_number)]
    }

    /// Its last good reading, while it is here.
    pub(super) fn report(&self) -> Option<&'a SmartReport> {
        self.asked.filter(|_| self.is_here())?.report.as_deref()
    }
}

pub(super) fn write(sheet: &mut Sheet, drives: &[Listed]) -> fmt::Result {
    identities(sheet, drives)?;
    conditions(sheet, drives)?;
    times(sheet, drives)?;
    values(sheet, drives)
}

fn identities(sheet: &mut Sheet, drives: &[Listed]) -> fmt::Result {
    sheet.infos(
        "jbod_device_info",
        "A drive, its bay (of a missing one the last) and its place in a pool",
        drives.iter().map(|d| {
            let s = d.summary;
            let own = |name: &'static str, text: Option<&'_ String>| (name, plain_or_none(text).into_owned());
            let protocol = s.protocol.map(|p| format!("{p:?}").to_ascii_uppercase());
            let transport = s.transport.map(|t| format!("{t:?}").to_ascii_lowercase());
            let slot = s.slot.map(|slot| slot.to_string());
            let rest = [
                own("model_name", s.model_name.as_ref()),
                own("vendor", s.vendor.as_ref()),
                own("firmware_version", s.firmware_version.as_ref()),
                own("wwn", s.wwn.as_ref()),
                own("protocol", protocol.as_ref()),
                own("transport", transport.as_ref()),
                own("enclosure", s.enclosure.as_ref()),
                own("slot", slot.as_ref()),
                own("pool", s.pool.as_ref()),
                own("vdev", s.vdev.as_ref()),
                ("role", s.role.map_or("", VdevRole::as_str).to_owned()),
            ];
            (d.labels(), rest)
        }),
    )?;
    let here = || drives.iter().filter(|d| d.is_here());
    sheet.gauges(
        "jbod_device_capacity_bytes",
        "Size of the drive",
        here().filter_map(|d| Some((d.labels(), d.summary.user_capacity_bytes?))),
    )?;
    sheet.gauges(
        "jbod_device_rotation_rate",
        "Turns a minute; 0 is solid state",
        here().filter_map(|d| Some((d.labels(), d.summary.rotation_rate_rpm?))),
    )?;
    sheet.gauges("jbod_device_paths", "Ways to the drive", here().map(|d| (d.labels(), count(d.summary.paths.len()))))
}

fn conditions(sheet: &mut Sheet, drives: &[Listed]) -> fmt::Result {
    sheet.gauges(
        "jbod_device_state",
        "What the drive does; 1 at the state it is in",
        drives.iter().flat_map(|d| {
            STATES.map(|state| ((d.labels(), [("state", state.as_str())]), flag(d.summary.state == state)))
        }),
    )?;
    sheet.gauges(
        "jbod_device_verdict",
        "How healthy the drive is; 1 at its verdict",
        drives.iter().flat_map(|d| {
            VERDICTS.map(|verdict| ((d.labels(), [("verdict", verdict.as_str())]), flag(d.summary.verdict == verdict)))
        }),
    )?;
    sheet.gauges(
        "jbod_device_finding",
        "1 for each reason for the verdict, by rule",
        drives.iter().flat_map(|d| {
            d.summary.findings.iter().map(|f| {
                let severity = match f.severity {
                    Severity::Watch => "watch",
                    Severity::Warn => "warn",
                    Severity::Crit => "crit",
                };
                let rule = [("code", f.code.as_str()), ("class", f.class.as_str()), ("severity", severity)];
                ((d.labels(), rule), 1u64)
            })
        }),
    )?;
    sheet.gauges(
        "jbod_device_silences",
        "Runs of smartctl in a row that the drive did not answer",
        drives.iter().filter(|d| d.is_here()).filter_map(|d| Some((d.labels(), d.asked?.silences))),
    )
}

fn times(sheet: &mut Sheet, drives: &[Listed]) -> fmt::Result {
    sheet.gauges(
        "jbod_device_collected_timestamp_seconds",
        "When the values of the drive were read; a drive that sleeps keeps its last ones",
        drives.iter().filter_map(|d| Some((d.labels(), d.summary.collected_at?.0))),
    )?;
    sheet.gauges(
        "jbod_device_checked_timestamp_seconds",
        "When the drive was last asked, whatever came of it",
        drives.iter().filter_map(|d| Some((d.labels(), d.summary.checked_at?.0))),
    )?;
    sheet.gauges(
        "jbod_device_missing_since_timestamp_seconds",
        "Since when the drive is gone",
        drives.iter().filter_map(|d| Some((d.labels(), d.summary.missing_since?.0))),
    )?;
    sheet.gauges(
        "jbod_device_smartctl_duration_seconds",
        "What the last run of smartctl on the drive took",
        drives.iter().filter(|d| d.is_here()).filter_map(|d| Some((d.labels(), seconds(d.asked?.took_ms?)))),
    )
}

/// What drives of all protocols say.
fn values(sheet: &mut Sheet, drives: &[Listed]) -> fmt::Result {
    let read = || drives.iter().filter_map(|d| Some((d, d.report()?)));
    sheet.gauges(
        "jbod_device_temperature_celsius",
        "Temperature of the drive",
        read().filter_map(|(d, r)| Some((d.labels(), r.temperature_celsius?))),
    )?;
    sheet.gauges(
        "jbod_device_temperature_limit_celsius",
        "What the drive itself calls too hot, by which of its limits",
        read().flat_map(|(d, r)| {
            let limits = r.temperature_limits;
            let named = [
                ("drive_trip", limits.drive_trip_celsius),
                ("op_limit_max", limits.op_limit_max_celsius),
                ("limit_max", limits.limit_max_celsius),
                ("critical_limit_max", limits.critical_limit_max_celsius),
            ];
            named.into_iter().filter_map(|(name, limit)| Some(((d.labels(), [("limit", name)]), limit?)))
        }),
    )?;
    sheet.counters(
        "jbod_device_power_on_seconds_total",
        "How long the drive has been powered on, in its life",
        read().filter_map(|(d, r)| Some((d.labels(), r.power_on_hours?.saturating_mul(3600)))),
    )?;
    sheet.counters(
        "jbod_device_power_cycles_total",
        "How often the drive was powered on",
        read().filter_map(|(d, r)| Some((d.labels(), r.power_cycle_count?))),
    )?;
    sheet.gauges(
        "jbod_device_smart_status",
        "1 while the drive itself says that it is well, 0 when it says that it fails",
        read().filter_map(|(d, r)| Some((d.labels(), flag(r.smart_status_passed?)))),
    )?;
    sheet.gauges(
        "jbod_device_smartctl_exit_status",
        "Exit status of the last good run of smartctl, eight bits",
        read().filter_map(|(d, r)| Some((d.labels(), u64::from(r.exit_status.0?)))),
    )?;
    sheet.gauges(
        "jbod_device_self_test_passed",
        "1 if the newest self-test with a result has passed",
        read().filter_map(|(d, r)| Some((d.labels(), flag(r.self_test.as_ref()?.last_result_passed?)))),
    )?;
    sheet.gauges(
        "jbod_device_endurance_used_ratio",
        "Of solid state, how worn it is: 0 new, 1 worn as specified, and beyond",
        read().filter_map(|(d, r)| Some((d.labels(), ratio(r.wear.endurance_used_percent?)))),
    )?;
    sheet.gauges(
        "jbod_device_spare_available_ratio",
        "Of solid state, the spare that is left",
        read().filter_map(|(d, r)| Some((d.labels(), ratio(r.wear.spare_available_percent?)))),
    )?;
    sheet.gauges(
        "jbod_device_spare_threshold_ratio",
        "Of solid state, below this the drive itself calls its spare too little",
        read().filter_map(|(d, r)| Some((d.labels(), ratio(r.wear.spare_threshold_percent?)))),
    )
}
