//! All that was measured of the rack at one moment, as one value: the overview, what the drives' own
//! readings say besides, the pools, and the effort it took. What metrics are made of.

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
    pub(crate) effort: PollCounters,
    records: HashMap<DriveId, ReadingStats>,
}

/// Which drive of an overview: its name may be another's once it is gone.
type DriveId = (DeviceName, Option<SerialNumber>, Option<Timestamp>);

/// What a summary does not hold of a drive.
#[derive(Clone, Debug)]
pub(crate) struct ReadingStats {
    /// Its last good reading.
    pub(crate) report: Option<Arc<SmartReport>>,
    /// Of the last run of smartctl.
    pub(crate) took_ms: Option<u64>,
    /// Runs without an answer in a row.
    pub(crate) silences: u32,
}

impl MetricsSnapshot {
    /// `overview` is of that very fleet.
    pub(crate) fn new(overview: Arc<Overview>, fleet: &Inventory, zfs: &Zfs, effort: PollCounters) -> Self {
        let records = fleet.records().map(|r| (drive_id(r), ReadingStats::of(r))).collect();
        Self { overview, zfs: zfs.clone(), effort, records }
    }

    /// Every drive, in the overview's order.
    pub(crate) fn drives(&self) -> impl Iterator<Item = (&DriveSummary, Option<&ReadingStats>)> {
        self.overview.drives().map(|summary| {
            let id = (summary.device.clone(), summary.serial_number.clone(), summary.missing_since);
            (summary, self.records.get(&id))
        })
    }
}

fn drive_id(record: &DriveRecord) -> DriveId {
    let drive = &record.drive;
    (drive.device.clone(), record.serial_number().map(SerialNumber::from), record.missing_since)
}

impl ReadingStats {
    fn of(record: &DriveRecord) -> Self {
        Self { report: record.report.clone(), took_ms: record.took_ms, silences: record.silences }
    }
}
