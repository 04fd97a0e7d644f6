//! The overview: every bay and drive joined with its reading, verdict and pool, and the counts.

use super::content_version::ContentVersion;
use super::drive_summary::DriveSummary;
use super::enclosure_view::EnclosureView;
use crate::domain::drive::DriveState;
use crate::domain::health::{Finding, Verdict};
use crate::domain::host_identity::{HostKey, HostName};
use crate::domain::identity::{DeviceName, EnclosureId, SerialNumber};
use crate::domain::inventory::DriveRecord;
use crate::domain::time::Timestamp;
use crate::domain::transport::Transport;
use crate::domain::zfs::activity::{Activity, Scan};
use crate::domain::zfs::words::PoolState;
use serde::{Deserialize, Serialize};

/// The body of `/api/overview`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overview {
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub(crate) schema: u32,
    /// Of these very bytes: an equal version is an equal body.
    #[serde(default)]
    pub(crate) version: ContentVersion,
    /// Name of the host that the daemon runs on.
    pub(crate) host: String,
    /// Key of the host, made of its machine id: the same whatever the host is called. `null`: it has no machine id, or
    /// a daemon of an older version published this.
    #[serde(default)]
    pub(crate) host_id: Option<HostKey>,
    /// Fingerprint of which drive has which names and sits in which bay. A stored overview whose
    /// fingerprint is not that of the host now is not shown.
    pub(crate) topology: String,
    /// When this was put together.
    pub(crate) generated_at: Timestamp,
    /// The oldest of the current readings in it (of all readings, where none is current); what `Age`
    /// counts from.
    pub(crate) collected_at: Option<Timestamp>,
    /// The worst verdict of all drives, enclosures and pools; `unknown` only when none has one.
    pub(crate) verdict: Verdict,
    /// Counts over all drives, bays and shelves.
    pub(crate) totals: Totals,
    /// The last whole sweep over all drives.
    pub(crate) sweep: SweepStats,
    /// The shelves with their bays, by id.
    pub(crate) enclosures: Vec<EnclosureView>,
    /// Drives in no known bay.
    pub(crate) unslotted: Vec<DriveSummary>,
    /// Drives that `JBOD_EXCLUDE` leaves out, by device name: at most 64, `totals.excluded` counts all. Nothing else in the
    /// overview is of them.
    #[serde(default)]
    pub(crate) excluded: Vec<ExcludedView>,
    /// The ZFS pools, in short; `/api/zfs` has all of them.
    pub(crate) pools: Vec<PoolSummary>,
    /// Why the pools are unknown or old.
    pub(crate) zfs_error: Option<String>,
}

/// Counts that add up: `by_verdict` and `by_state` each sum to `drives`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Totals {
    /// Drives, those that are missing among them.
    pub(crate) drives: usize,
    /// Kernel names of all drives together; a drive on two paths has two.
    pub(crate) paths: usize,
    /// Shelves; both IO modules of a shelf are one.
    pub(crate) enclosures: usize,
    /// Bays of all shelves.
    pub(crate) slots: usize,
    /// Bays with a drive.
    pub(crate) slots_occupied: usize,
    /// Capacity of all drives whose capacity is known.
    pub(crate) capacity_bytes: u64,
    /// The highest temperature of any drive; `null` where none is known.
    pub(crate) hottest_celsius: Option<i32>,
    /// Drives that are present and that `JBOD_EXCLUDE` leaves out; not among `drives`.
    #[serde(default)]
    pub(crate) excluded: usize,
    /// Drives by verdict.
    pub(crate) by_verdict: ByVerdict,
    /// Drives by state.
    pub(crate) by_state: ByState,
}

/// Drives by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ByVerdict {
    /// Nothing is wrong.
    pub(crate) ok: usize,
    /// Worth a look.
    pub(crate) watch: usize,
    /// Replace soon, or fix its connection.
    pub(crate) warn: usize,
    /// Act now.
    pub(crate) crit: usize,
    /// Nothing to judge.
    pub(crate) unknown: usize,
}

impl ByVerdict {
    fn count(&mut self, verdict: Verdict) {
        let place = match verdict {
            Verdict::Ok => &mut self.ok,
            Verdict::Watch => &mut self.watch,
            Verdict::Warn => &mut self.warn,
            Verdict::Crit => &mut self.crit,
            Verdict::Unknown => &mut self.unknown,
        };
        *place += 1;
    }

    /// Worst first.
    pub(crate) fn named(&self) -> [(&'static str, usize); 5] {
        let Self { ok, watch, warn, crit, unknown } = *self;
        [("crit", crit), ("warn", warn), ("watch", watch), ("ok", ok), ("unknown", unknown)]
    }
}

/// Drives by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ByState {
    /// Answer.
    pub(crate) active: usize,
    /// Sleep, and are left asleep.
    pub(crate) standby: usize,
    /// Do not answer.
    pub(crate) unresponsive: usize,
    /// Were here, are gone.
    pub(crate) missing: usize,
    /// Are not read yet.
    pub(crate) reading: usize,
}

impl ByState {
    fn count(&mut self, state: DriveState) {
        let place = match state {
            DriveState::Active => &mut self.active,
            DriveState::Standby => &mut self.standby,
            DriveState::Unresponsive => &mut self.unresponsive,
            DriveState::Missing => &mut self.missing,
            DriveState::Reading => &mut self.reading,
        };
        *place += 1;
    }

    /// Most telling first.
    pub(crate) fn named(&self) -> [(&'static str, usize); 5] {
        let Self { active, standby, unresponsive, missing, reading } = *self;
        [
            ("unresponsive", unresponsive),
            ("missing", missing),
            ("reading", reading),
            ("standby", standby),
            ("active", active),
        ]
    }
}

/// A drive that is present and that `JBOD_EXCLUDE` leaves out, as sysfs shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ExcludedDrive"))]
pub(crate) struct ExcludedView {
    /// Kernel name.
    pub(crate) device: DeviceName,
    /// Kernel names of all its paths.
    pub(crate) paths: Vec<DeviceName>,
    /// Serial number, as the kernel has it.
    pub(crate) serial_number: Option<SerialNumber>,
    /// World Wide Name, as the kernel has it.
    pub(crate) wwn: Option<String>,
    /// Model, as the kernel has it.
    pub(crate) model_name: Option<String>,
    /// What it is attached by.
    pub(crate) transport: Option<Transport>,
    /// Id of the enclosure that it sits in.
    pub(crate) enclosure: Option<EnclosureId>,
    /// Number of its bay.
    pub(crate) slot: Option<u32>,
    /// The entry of `JBOD_EXCLUDE` that it matches.
    pub(crate) excluded_by: String,
}

/// The last whole sweep; all `null` before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SweepStats {
    /// When it began.
    pub(crate) started_at: Option<Timestamp>,
    /// How long it took.
    pub(crate) took_ms: Option<u64>,
    /// Drives that it was to read.
    pub(crate) drives: Option<usize>,
    /// Read without a usable answer, timeouts among them.
    pub(crate) failed: Option<usize>,
    /// Of these, without an answer in time.
    pub(crate) timed_out: Option<usize>,
}

/// A pool in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PoolSummary {
    /// Name of the pool.
    pub(crate) name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, … (zpool-status(8)).
    pub(crate) state: Option<PoolState>,
    /// The scrub or resilver that runs or is paused, else the one that ended last.
    pub(crate) scan: Scan,
    /// All that zpool reports the pool to do or to have done, in the order of `activities` in `/api/zfs`.
    #[serde(default)]
    pub(crate) activities: Vec<Activity>,
    /// The worst of its findings; `unknown` where zpool gave no state.
    #[serde(default)]
    pub(crate) verdict: Verdict,
    /// The reasons for its verdict, worst first. What is wrong with a drive of it is a finding of that drive.
    #[serde(default)]
    pub(crate) findings: Vec<Finding>,
}

impl Overview {
    /// The host that published it.
    pub(crate) fn host_name(&self) -> HostName<'_> {
        HostName { name: &self.host, id: self.host_id.as_ref() }
    }

    /// Every drive, by enclosure id, slot number, then device name.
    pub(crate) fn drives(&self) -> impl Iterator<Item = &DriveSummary> {
        let slotted = self.enclosures.iter().flat_map(|e| e.slots.iter().filter_map(|s| s.drive.as_deref()));
        slotted.chain(&self.unslotted)
    }
}

impl Totals {
    pub(super) fn count(&mut self, record: &DriveRecord, summary: &DriveSummary) {
        self.drives += 1;
        self.by_verdict.count(summary.verdict);
        self.by_state.count(summary.state);
        if record.is_present() {
            self.paths += summary.paths.len();
            // The space of a disk behind a RAID controller is that of its volume.
            let bytes = summary.user_capacity_bytes.filter(|_| summary.raid_volume.is_none());
            self.capacity_bytes = self.capacity_bytes.saturating_add(bytes.unwrap_or(0));
            let is_current = summary.state == DriveState::Active && !summary.stale;
            self.hottest_celsius = self.hottest_celsius.max(summary.temperature_celsius.filter(|_| is_current));
        }
    }
}
