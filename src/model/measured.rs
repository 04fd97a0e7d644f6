//! All that was measured of the rack at one moment, as one value: the overview, what the drives' own
//! readings say besides, the pools, and the effort it took. What metrics are made of.

use super::Timestamp;
use super::drive::{DeviceName, DriveSummary};
use super::fleet::{Fleet, Record};
use super::overview::Overview;
use super::service::Effort;
use super::smart::SmartReport;
use super::zfs::Zfs;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
pub struct Measured {
    pub overview: Arc<Overview>,
    pub zfs: Zfs,
    pub effort: Effort,
    records: HashMap<Who, Asked>,
}

/// Which drive of an overview: its name may be another's once it is gone.
type Who = (DeviceName, Option<String>, Option<Timestamp>);

/// What a summary does not hold of a drive.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its last good reading.
    pub report: Option<Arc<SmartReport>>,
    /// Of the last run of smartctl.
    pub took_ms: Option<u64>,
    /// Runs without an answer in a row.
    pub silences: u32,
}

impl Measured {
    /// `overview` is of that very fleet.
    pub fn new(overview: Arc<Overview>, fleet: &Fleet, zfs: &Zfs, effort: Effort) -> Self {
        let records = fleet.records().map(|r| (who(r), Asked::of(r))).collect();
        Self { overview, zfs: zfs.clone(), effort, records }
    }

    /// Every drive, in the overview's order.
    pub fn drives(&self) -> impl Iterator<Item = (&DriveSummary, Option<&Asked>)> {
        self.overview.drives().map(|summary| {
            let who = (summary.device.clone(), summary.serial_number.clone(), summary.missing_since);
            (summary, self.records.get(&who))
        })
    }
}

fn who(record: &Record) -> Who {
    let drive = &record.drive;
    (drive.device.clone(), record.serial_number().map(str::to_owned), record.missing_since)
}

impl Asked {
    fn of(record: &Record) -> Self {
        Self { report: record.report.clone(), took_ms: record.took_ms, silences: record.silences }
    }
}
