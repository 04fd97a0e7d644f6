//! Snapshot for metrics: the overview, the readings of the drives, the pools and the poll counters at one moment.

use super::drive_summary::DriveSummary;
use super::overview::Overview;
use super::service::PollCounters;
use crate::domain::identity::{DeviceName, SerialNumber};
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::smart::SmartReport;
use crate::domain::time::Timestamp;
use crate::domain::zfs::Zfs;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct MetricsSnapshot {
    pub(crate) overview: Arc<Overview>,
    pub(crate) zfs: Zfs,
    pub(crate) counters: PollCounters,
    records: HashMap<DriveId, ReadingStats>,
}

/// Identifies a drive of an overview; the device name of a missing drive may have been reassigned.
type DriveId = (DeviceName, Option<SerialNumber>, Option<Timestamp>);

/// Values of a drive that its summary does not contain.
#[derive(Clone, Debug)]
pub(crate) struct ReadingStats {
    /// The last good reading.
    pub(crate) report: Option<Arc<SmartReport>>,
    /// Duration of the last smartctl run, in milliseconds.
    pub(crate) took_ms: Option<u64>,
    /// Timeouts since the last response.
    pub(crate) consecutive_timeouts: u32,
}

impl MetricsSnapshot {
    /// `overview` must have been built from `inventory`.
    pub(crate) fn new(overview: Arc<Overview>, inventory: &Inventory, zfs: &Zfs, counters: PollCounters) -> Self {
        let records = inventory.records().map(|record| (drive_id(record), ReadingStats::of(record))).collect();
        Self { overview, zfs: zfs.clone(), counters, records }
    }

    /// Every drive, in the order of the overview.
    pub(crate) fn drives(&self) -> impl Iterator<Item = (&DriveSummary, Option<&ReadingStats>)> {
        self.overview.drives().map(|summary| {
            let id = (summary.device.clone(), summary.serial_number.clone(), summary.missing_since);
            (summary, self.records.get(&id))
        })
    }
}

fn drive_id(record: &DriveRecord) -> DriveId {
    let drive = &record.drive;
    (drive.device.clone(), record.serial_number().cloned(), record.missing_since)
}

impl ReadingStats {
    fn of(record: &DriveRecord) -> Self {
        Self {
            report: record.report.clone(),
            took_ms: record.took_ms,
            consecutive_timeouts: record.consecutive_timeouts,
        }
    }
}
