//! Series of every drive, whatever its protocol: identity, location, state, verdict, and times of its readings. A
//! missing drive has only its identity, its last location, its state and verdict, and the time since when it has been
//! missing.

use super::family_writer::{
    FamilyWriter, Label, bool_value, count_value, label_value, millis_to_seconds, optional_label_value,
    percent_to_ratio,
};
use crate::api::drive_summary::DriveSummary;
use crate::api::metrics_snapshot::{MetricsSnapshot, ReadingStats};
use crate::domain::drive::DriveState;
use crate::domain::health::{Severity, Verdict};
use crate::domain::smart::{AtaDetail, NvmeDetail, ScsiDetail, SmartReport};
use crate::domain::zfs::words::{VdevRole, VdevState};
use prometheus_client::encoding::{EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet};
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

/// All drives, each pair of device and serial number once. Drives that are present come first and take precedence.
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

    /// The labels of every series of the drive.
    pub(super) fn labels(&self) -> [Label<'_>; 2] {
        [("device", self.summary.device.as_str()), ("serial_number", &self.serial_number)]
    }

    /// How the last reading went, while the drive is present.
    fn present_reading(&self) -> Option<&'a ReadingStats> {
        if self.is_present() { self.reading } else { None }
    }

    /// The last good reading of the drive, while it is present.
    fn report(&self) -> Option<&'a SmartReport> {
        self.present_reading()?.report.as_deref()
    }

    pub(super) fn ata(&self) -> Option<&'a AtaDetail> {
        self.report()?.ata.as_ref()
    }

    pub(super) fn scsi(&self) -> Option<&'a ScsiDetail> {
        self.report()?.scsi.as_ref()
    }

    pub(super) fn nvme(&self) -> Option<&'a NvmeDetail> {
        self.report()?.nvme.as_ref()
    }
}

/// Writes families that have series for each of some drives. A series without a value is left out.
pub(super) struct DriveFamilies<'w, 'e, 'd> {
    pub(super) writer: &'w mut FamilyWriter<'e>,
    pub(super) drives: &'d [LabeledDrive<'d>],
}

impl<'d> DriveFamilies<'_, '_, 'd> {
    pub(super) fn gauges<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&LabeledDrive) -> Option<V>,
    ) -> fmt::Result {
        self.writer.gauges(name, help, series(self.drives, value))
    }

    pub(super) fn counters<V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&LabeledDrive) -> Option<V>,
    ) -> fmt::Result {
        self.writer.counters(name, help, series(self.drives, value))
    }

    /// Several series of each drive, with further labels.
    pub(super) fn labeled_gauges<L: EncodeLabelSet, V: EncodeGaugeValue, S: IntoIterator<Item = (L, Option<V>)>>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Fn(&'d LabeledDrive<'d>) -> Option<S>,
    ) -> fmt::Result {
        self.writer.gauges(name, help, labeled_series(self.drives, series))
    }

    pub(super) fn labeled_counters<L: EncodeLabelSet, V: EncodeCounterValue, S: IntoIterator<Item = (L, Option<V>)>>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Fn(&'d LabeledDrive<'d>) -> Option<S>,
    ) -> fmt::Result {
        self.writer.counters(name, help, labeled_series(self.drives, series))
    }
}

fn series<'d, V>(
    drives: &'d [LabeledDrive<'d>],
    value: impl Fn(&LabeledDrive) -> Option<V>,
) -> impl Iterator<Item = ([Label<'d>; 2], V)> {
    drives.iter().filter_map(move |drive| Some((drive.labels(), value(drive)?)))
}

fn labeled_series<'d, L, V, S: IntoIterator<Item = (L, Option<V>)>>(
    drives: &'d [LabeledDrive<'d>],
    series: impl Fn(&'d LabeledDrive<'d>) -> Option<S>,
) -> impl Iterator<Item = (([Label<'d>; 2], L), V)> {
    let of_drives = drives.iter().filter_map(move |drive| Some((drive, series(drive)?)));
    of_drives.flat_map(|(drive, series)| {
        series.into_iter().filter_map(|(labels, value)| Some(((drive.labels(), labels), value?)))
    })
}

pub(super) fn write(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    writer.infos(
        "jbod_device_info",
        "Identity of the drive, its bay (the last one of a missing drive) and its membership in a pool",
        drives.iter().map(|drive| (drive.labels(), info_labels(drive.summary))),
    )?;
    // Missing drives follow those that are present.
    let (present, _) = drives.split_at(drives.partition_point(LabeledDrive::is_present));
    identities(&mut DriveFamilies { writer, drives: present })?;
    states(&mut DriveFamilies { writer, drives })?;
    times(&mut DriveFamilies { writer, drives })?;
    values(&mut DriveFamilies { writer, drives: present })
}

fn info_labels(summary: &DriveSummary) -> [(&'static str, String); 11] {
    let protocol = summary.protocol.map(|protocol| format!("{protocol:?}").to_ascii_uppercase());
    let transport = summary.transport.map(|transport| format!("{transport:?}").to_ascii_lowercase());
    let slot = summary.slot.map(|slot| slot.to_string()).or_else(|| summary.slot_name.clone());
    [
        ("model_name", summary.model_name.as_deref()),
        ("vendor", summary.vendor.as_deref()),
        ("firmware_version", summary.firmware_version.as_deref()),
        ("wwn", summary.wwn.as_deref()),
        ("protocol", protocol.as_deref()),
        ("transport", transport.as_deref()),
        ("enclosure", summary.enclosure.as_deref()),
        ("slot", slot.as_deref()),
        ("pool", summary.pool.as_deref()),
        ("vdev", summary.vdev.as_deref()),
        ("role", summary.role.map(VdevRole::as_str)),
    ]
    .map(|(name, text)| (name, optional_label_value(text).into_owned()))
}

fn identities(families: &mut DriveFamilies) -> fmt::Result {
    families.labeled_gauges(
        "jbod_device_membership",
        "Membership of the drive in a pool, with its state there (always 1)",
        |drive| {
            let places = distinct_places(drive.summary).into_iter();
            Some(places.map(|[pool, vdev, role, state]| {
                ([("pool", pool), ("vdev", vdev), ("role", role), ("state", state)], Some(1u64))
            }))
        },
    )?;
    families.gauges(
        "jbod_device_logical_units",
        "Logical units of the drive: one, or one for each actuator or NVMe namespace",
        |drive| Some(count_value(drive.summary.units.len())),
    )?;
    families.gauges(
        "jbod_device_health_expected",
        "0 if missing health data is not a fault: a RAID, iSCSI, Fibre Channel or virtio volume, or a drive without a node in /dev",
        |drive| Some(bool_value(drive.summary.health_expected)),
    )?;
    families
        .gauges("jbod_device_capacity_bytes", "Capacity of the drive", |drive| drive.summary.user_capacity_bytes)?;
    families.gauges(
        "jbod_device_rotation_rate",
        "Rotation rate in revolutions per minute; 0 for solid-state drives",
        |drive| drive.summary.rotation_rate_rpm,
    )?;
    families.gauges(
        "jbod_device_paths",
        "Paths to the drive; of a drive with several logical units, paths to one of them",
        |drive| {
            // The controllers of an NVMe subsystem share a block device.
            let working = drive.summary.working_paths.unwrap_or(0);
            Some(count_value(drive.summary.paths_of_unit().max(working)))
        },
    )?;
    families.gauges("jbod_device_working_paths", "Paths to the drive that work", |drive| {
        drive.summary.working_paths.map(count_value)
    })?;
    families.gauges(
        "jbod_device_expected_paths",
        "Paths the drive is known to have; a lost path counts until it works again or is forgotten",
        |drive| drive.summary.expected_paths.map(count_value),
    )
}

/// Pool, vdev, role and state. Two partitions of a drive in one vdev are one series.
fn distinct_places(summary: &DriveSummary) -> BTreeSet<[String; 4]> {
    let mut places = BTreeSet::new();
    for place in &summary.memberships {
        let state = place.state.as_ref().map(VdevState::as_str).unwrap_or_default();
        let [pool, vdev, state] = [place.pool.as_str(), &place.vdev, state].map(|text| label_value(text).into_owned());
        places.insert([pool, vdev, place.role.as_str().to_owned(), state]);
    }
    places
}

fn states(families: &mut DriveFamilies) -> fmt::Result {
    families.labeled_gauges("jbod_device_state", "State of the drive (1 for the current state)", |drive| {
        let current = drive.summary.state;
        Some(STATES.map(|state| ([("state", state.as_str())], Some(bool_value(state == current)))))
    })?;
    families.labeled_gauges("jbod_device_verdict", "Verdict of the drive (1 for the current verdict)", |drive| {
        let current = drive.summary.verdict;
        Some(VERDICTS.map(|verdict| ([("verdict", verdict.as_str())], Some(bool_value(verdict == current)))))
    })?;
    families.labeled_gauges("jbod_device_finding", "Finding of a health rule on the drive (always 1)", |drive| {
        let findings = drive.summary.findings.iter();
        Some(findings.map(|finding| {
            let (code, class) = (finding.code.as_str(), finding.class.as_str());
            ([("code", code), ("class", class), ("severity", severity_label(finding.severity))], Some(1u64))
        }))
    })?;
    families.gauges(
        "jbod_device_consecutive_timeouts",
        "Consecutive smartctl runs in which the drive did not respond in time",
        |drive| drive.present_reading().map(|reading| reading.consecutive_timeouts),
    )
}

fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Watch => "watch",
        Severity::Warn => "warn",
        Severity::Crit => "crit",
    }
}

fn times(families: &mut DriveFamilies) -> fmt::Result {
    families.gauges(
        "jbod_device_collected_timestamp_seconds",
        "Time at which the values of the drive were read; a drive in standby keeps its last values",
        |drive| Some(drive.summary.collected_at?.0),
    )?;
    families.gauges(
        "jbod_device_checked_timestamp_seconds",
        "Time at which the drive was last asked, whatever the result",
        |drive| Some(drive.summary.checked_at?.0),
    )?;
    families.gauges(
        "jbod_device_missing_since_timestamp_seconds",
        "Time since when the drive has been missing",
        |drive| Some(drive.summary.missing_since?.0),
    )?;
    families.gauges(
        "jbod_device_smartctl_duration_seconds",
        "Duration of the last smartctl run on the drive",
        |drive| Some(millis_to_seconds(drive.present_reading()?.took_ms?)),
    )
}

/// Values that drives of all protocols report.
fn values(families: &mut DriveFamilies) -> fmt::Result {
    families.gauges("jbod_device_temperature_celsius", "Temperature of the drive", |drive| {
        drive.report()?.temperature_celsius
    })?;
    families.labeled_gauges(
        "jbod_device_temperature_limit_celsius",
        "Maximum temperatures that the drive itself specifies",
        |drive| {
            let limits = drive.report()?.temperature_limits;
            let named = [
                ("drive_trip", limits.drive_trip_celsius),
                ("op_limit_max", limits.op_limit_max_celsius),
                ("limit_max", limits.limit_max_celsius),
                ("critical_limit_max", limits.critical_limit_max_celsius),
            ];
            Some(named.map(|(name, limit)| ([("limit", name)], limit)))
        },
    )?;
    families.counters("jbod_device_power_on_seconds_total", "Power-on time of the drive in its life", |drive| {
        Some(drive.report()?.power_on_hours?.saturating_mul(3600))
    })?;
    families.counters("jbod_device_power_cycles_total", "Power cycles of the drive", |drive| {
        drive.report()?.power_cycle_count
    })?;
    families.gauges(
        "jbod_device_smart_status",
        "SMART status of the drive: 1 if it has passed, 0 if the drive reports that it fails",
        |drive| drive.report()?.smart_status_passed.map(bool_value),
    )?;
    families.gauges(
        "jbod_device_smartctl_exit_status",
        "Exit status (a bit mask) of the last successful smartctl run",
        |drive| drive.report()?.exit_status.0.map(u64::from),
    )?;
    families.gauges(
        "jbod_device_self_test_passed",
        "1 if the latest self-test with a result passed, 0 if it failed",
        |drive| Some(bool_value(drive.report()?.self_test.as_ref()?.last_result_passed?)),
    )?;
    families.gauges(
        "jbod_device_endurance_used_ratio",
        "Endurance used by a solid-state drive: 0 is new, 1 is the rated endurance; it may exceed 1",
        |drive| Some(percent_to_ratio(drive.report()?.wear.endurance_used_percent?)),
    )?;
    families.gauges("jbod_device_spare_available_ratio", "Spare capacity left in a solid-state drive", |drive| {
        Some(percent_to_ratio(drive.report()?.wear.spare_available_percent?))
    })?;
    families.gauges(
        "jbod_device_spare_threshold_ratio",
        "Spare capacity below which a solid-state drive itself reports too little",
        |drive| Some(percent_to_ratio(drive.report()?.wear.spare_threshold_percent?)),
    )
}
