//! Series of every drive, whatever its protocol: identity, location, state, verdict, and times of its readings. A missing
//! drive has only its identity, its last location and the time since when it is missing.

use super::family_writer::{
    FamilyWriter, Label, bool_value, count_value, label_value, millis_to_seconds, optional_label_value,
    percent_to_ratio,
};
use crate::api::drive_summary::DriveSummary;
use crate::api::metrics_snapshot::{MetricsSnapshot, ReadingStats};
use crate::domain::drive::DriveState;
use crate::domain::health::{Severity, Verdict};
use crate::domain::smart::SmartReport;
use crate::domain::zfs::words::{VdevRole, VdevState};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

const VERDICTS: [Verdict; 5] = [Verdict::Ok, Verdict::Watch, Verdict::Warn, Verdict::Crit, Verdict::Unknown];
const STATES: [DriveState; 5] =
    [DriveState::Active, DriveState::Standby, DriveState::Unresponsive, DriveState::Missing, DriveState::Reading];

/// A drive with the labels of its series.
pub(super) struct LabeledDrive<'a> {
    pub(super) summary: &'a DriveSummary,
    reading: Option<&'a ReadingStats>,
    pub(super) serial_number: Cow<'a, str>,
}

/// All drives, each pair of device and serial number once; drives that are present take precedence.
pub(super) fn labeled_drives(snapshot: &MetricsSnapshot) -> Vec<LabeledDrive<'_>> {
    let mut drives: Vec<LabeledDrive> = snapshot
        .drives()
        .map(|(summary, reading)| LabeledDrive {
            summary,
            reading,
            serial_number: optional_label_value(summary.serial_number.as_deref()),
        })
        .collect();
    drives.sort_by_key(|drive| !drive.is_present());
    let mut seen = HashSet::new();
    drives.retain(|drive| seen.insert((drive.summary.device.clone(), drive.serial_number.clone())));
    drives
}

impl<'a> LabeledDrive<'a> {
    pub(super) fn is_present(&self) -> bool {
        self.summary.state != DriveState::Missing
    }

    /// The labels that all its series have.
    pub(super) fn labels(&self) -> [Label<'_>; 2] {
        [("device", self.summary.device.as_str()), ("serial_number", &self.serial_number)]
    }

    /// Its last good reading, while the drive is present.
    pub(super) fn report(&self) -> Option<&'a SmartReport> {
        self.reading.filter(|_| self.is_present())?.report.as_deref()
    }
}

pub(super) fn write(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    identities(writer, drives)?;
    states(writer, drives)?;
    times(writer, drives)?;
    values(writer, drives)
}

fn identities(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    writer.infos(
        "jbod_device_info",
        "A drive, its bay (of a missing one the last) and its place in a pool",
        drives.iter().map(|d| {
            let s = d.summary;
            let own = |name: &'static str, text: Option<&str>| (name, optional_label_value(text).into_owned());
            let protocol = s.protocol.map(|p| format!("{p:?}").to_ascii_uppercase());
            let transport = s.transport.map(|t| format!("{t:?}").to_ascii_lowercase());
            let slot = s.slot.map(|slot| slot.to_string());
            let rest = [
                own("model_name", s.model_name.as_deref()),
                own("vendor", s.vendor.as_deref()),
                own("firmware_version", s.firmware_version.as_deref()),
                own("wwn", s.wwn.as_deref()),
                own("protocol", protocol.as_deref()),
                own("transport", transport.as_deref()),
                own("enclosure", s.enclosure.as_deref()),
                own("slot", slot.as_deref()),
                own("pool", s.pool.as_deref()),
                own("vdev", s.vdev.as_deref()),
                ("role", s.role.map_or("", VdevRole::as_str).to_owned()),
            ];
            (d.labels(), rest)
        }),
    )?;
    let present = || drives.iter().filter(|d| d.is_present());
    writer.gauges(
        "jbod_device_membership",
        "1 for each place of the drive in a pool, with its state there",
        present().flat_map(|d| {
            distinct_places(d.summary).into_iter().map(|[pool, vdev, role, state]| {
                ((d.labels(), [("pool", pool), ("vdev", vdev), ("role", role), ("state", state)]), 1u64)
            })
        }),
    )?;
    writer.gauges(
        "jbod_device_logical_units",
        "Logical units of the drive: one, or one for each actuator or NVMe namespace",
        present().map(|d| (d.labels(), count_value(d.summary.units.len()))),
    )?;
    writer.gauges(
        "jbod_device_health_expected",
        "0 where it is no fault that the drive has no health data: a RAID, iSCSI, Fibre Channel or virtio volume, or no node in /dev",
        present().map(|d| (d.labels(), bool_value(d.summary.health_expected))),
    )?;
    writer.gauges(
        "jbod_device_capacity_bytes",
        "Size of the drive",
        present().filter_map(|d| Some((d.labels(), d.summary.user_capacity_bytes?))),
    )?;
    writer.gauges(
        "jbod_device_rotation_rate",
        "Turns a minute; 0 is solid state",
        present().filter_map(|d| Some((d.labels(), d.summary.rotation_rate_rpm?))),
    )?;
    writer.gauges(
        "jbod_device_paths",
        "Paths to the drive, to a logical unit of it where it has several",
        present().map(|d| {
            // The controllers of an NVMe subsystem share a block device.
            let count = d.summary.paths_of_unit().max(d.summary.working_paths.unwrap_or(0));
            (d.labels(), count_value(count))
        }),
    )?;
    writer.gauges(
        "jbod_device_working_paths",
        "Paths of the drive that work",
        present().filter_map(|d| Some((d.labels(), count_value(d.summary.working_paths?)))),
    )?;
    writer.gauges(
        "jbod_device_expected_paths",
        "Paths that the drive is known to have; lost ones count until they are back, or forgotten",
        present().filter_map(|d| Some((d.labels(), count_value(d.summary.expected_paths?)))),
    )
}

/// Pool, vdev, role and state. Two partitions in one vdev are one series.
fn distinct_places(summary: &DriveSummary) -> BTreeSet<[String; 4]> {
    let mut places = BTreeSet::new();
    for place in &summary.memberships {
        let state = place.state.as_ref().map_or("", VdevState::as_str);
        let [pool, vdev, state] = [place.pool.as_str(), &place.vdev, state].map(|text| label_value(text).into_owned());
        places.insert([pool, vdev, place.role.as_str().to_owned(), state]);
    }
    places
}

fn states(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    writer.gauges(
        "jbod_device_state",
        "What the drive does; 1 at the state it is in",
        drives.iter().flat_map(|d| {
            STATES.map(|state| ((d.labels(), [("state", state.as_str())]), bool_value(d.summary.state == state)))
        }),
    )?;
    writer.gauges(
        "jbod_device_verdict",
        "How healthy the drive is; 1 at its verdict",
        drives.iter().flat_map(|d| {
            VERDICTS.map(|verdict| {
                ((d.labels(), [("verdict", verdict.as_str())]), bool_value(d.summary.verdict == verdict))
            })
        }),
    )?;
    writer.gauges(
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
    writer.gauges(
        "jbod_device_consecutive_timeouts",
        "Runs of smartctl in a row that the drive did not answer",
        drives.iter().filter(|d| d.is_present()).filter_map(|d| Some((d.labels(), d.reading?.consecutive_timeouts))),
    )
}

fn times(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    writer.gauges(
        "jbod_device_collected_timestamp_seconds",
        "When the values of the drive were read; a drive that sleeps keeps its last ones",
        drives.iter().filter_map(|d| Some((d.labels(), d.summary.collected_at?.0))),
    )?;
    writer.gauges(
        "jbod_device_checked_timestamp_seconds",
        "When the drive was last asked, whatever came of it",
        drives.iter().filter_map(|d| Some((d.labels(), d.summary.checked_at?.0))),
    )?;
    writer.gauges(
        "jbod_device_missing_since_timestamp_seconds",
        "Since when the drive is gone",
        drives.iter().filter_map(|d| Some((d.labels(), d.summary.missing_since?.0))),
    )?;
    writer.gauges(
        "jbod_device_smartctl_duration_seconds",
        "What the last run of smartctl on the drive took",
        drives
            .iter()
            .filter(|d| d.is_present())
            .filter_map(|d| Some((d.labels(), millis_to_seconds(d.reading?.took_ms?)))),
    )
}

/// Values that drives of all protocols report.
fn values(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    let read = || drives.iter().filter_map(|d| Some((d, d.report()?)));
    writer.gauges(
        "jbod_device_temperature_celsius",
        "Temperature of the drive",
        read().filter_map(|(d, r)| Some((d.labels(), r.temperature_celsius?))),
    )?;
    writer.gauges(
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
    writer.counters(
        "jbod_device_power_on_seconds_total",
        "How long the drive has been powered on, in its life",
        read().filter_map(|(d, r)| Some((d.labels(), r.power_on_hours?.saturating_mul(3600)))),
    )?;
    writer.counters(
        "jbod_device_power_cycles_total",
        "How often the drive was powered on",
        read().filter_map(|(d, r)| Some((d.labels(), r.power_cycle_count?))),
    )?;
    writer.gauges(
        "jbod_device_smart_status",
        "1 while the drive itself says that it is well, 0 when it says that it fails",
        read().filter_map(|(d, r)| Some((d.labels(), bool_value(r.smart_status_passed?)))),
    )?;
    writer.gauges(
        "jbod_device_smartctl_exit_status",
        "Exit status of the last good run of smartctl, eight bits",
        read().filter_map(|(d, r)| Some((d.labels(), u64::from(r.exit_status.0?)))),
    )?;
    writer.gauges(
        "jbod_device_self_test_passed",
        "1 if the newest self-test with a result has passed",
        read().filter_map(|(d, r)| Some((d.labels(), bool_value(r.self_test.as_ref()?.last_result_passed?)))),
    )?;
    writer.gauges(
        "jbod_device_endurance_used_ratio",
        "Of solid state, how worn it is: 0 new, 1 worn as specified, and beyond",
        read().filter_map(|(d, r)| Some((d.labels(), percent_to_ratio(r.wear.endurance_used_percent?)))),
    )?;
    writer.gauges(
        "jbod_device_spare_available_ratio",
        "Of solid state, the spare that is left",
        read().filter_map(|(d, r)| Some((d.labels(), percent_to_ratio(r.wear.spare_available_percent?)))),
    )?;
    writer.gauges(
        "jbod_device_spare_threshold_ratio",
        "Of solid state, below this the drive itself calls its spare too little",
        read().filter_map(|(d, r)| Some((d.labels(), percent_to_ratio(r.wear.spare_threshold_percent?)))),
    )
}
