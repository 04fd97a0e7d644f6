//! The overview: every bay and drive with its reading, verdict and pool, and the totals.

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
    /// Version of the format of this body; it changes when fields change their meaning.
    pub(crate) schema: u32,
    /// Hash of the body: two bodies with equal versions are equal.
    #[serde(default)]
    pub(crate) version: ContentVersion,
    /// Name of the host on which the daemon runs.
    pub(crate) host: String,
    /// Key of the host, derived from its machine id, so that it does not depend on the host name. `null` if the host
    /// has no machine id, or a daemon of an older version published this.
    #[serde(default)]
    pub(crate) host_id: Option<HostKey>,
    /// Fingerprint of the block devices and the bay of every drive. A stored overview with a fingerprint that differs
    /// from the current one of the host is not served.
    pub(crate) topology: String,
    /// Time at which this body was built.
    pub(crate) generated_at: Timestamp,
    /// Time of the oldest current reading in it (of all readings, if none is current); `Age` counts from it.
    pub(crate) collected_at: Option<Timestamp>,
    /// The worst verdict of all drives, enclosures and pools; `unknown` only if none has a verdict.
    pub(crate) verdict: Verdict,
    /// Totals of drives, bays and enclosures.
    pub(crate) totals: Totals,
    /// The last complete sweep.
    pub(crate) sweep: SweepStats,
    /// The enclosures with their bays, by id.
    pub(crate) enclosures: Vec<EnclosureView>,
    /// Drives in no known bay.
    pub(crate) unslotted: Vec<DriveSummary>,
    /// Drives excluded by `JBOD_EXCLUDE`, by device name: at most 64, `totals.excluded` counts all. The rest of the
    /// overview does not contain them.
    #[serde(default)]
    pub(crate) excluded: Vec<ExcludedView>,
    /// The ZFS pools in brief; `/api/zfs` has the details.
    pub(crate) pools: Vec<PoolSummary>,
    /// Why the pools are unknown or outdated.
    pub(crate) zfs_error: Option<String>,
}

/// Totals. The counts of `by_verdict`, and those of `by_state`, each sum to `drives`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Totals {
    /// Drives, including missing ones.
    pub(crate) drives: usize,
    /// Block devices of all present drives; a drive with two paths has two.
    pub(crate) paths: usize,
    /// Enclosures; the two IO modules of an enclosure count once.
    pub(crate) enclosures: usize,
    /// Bays of all enclosures.
    pub(crate) slots: usize,
    /// Bays with a present drive.
    pub(crate) slots_occupied: usize,
    /// Sum of the known capacities of present drives, in bytes.
    pub(crate) capacity_bytes: u64,
    /// Highest current temperature of a drive, in °C; `null` if none is known.
    pub(crate) hottest_celsius: Option<i32>,
    /// Present drives excluded by `JBOD_EXCLUDE`; not included in `drives`.
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
    /// No finding.
    pub(crate) ok: usize,
    /// No action is needed yet; look again later.
    pub(crate) watch: usize,
    /// Have a spare ready, and check the cause.
    pub(crate) warn: usize,
    /// Act now: replace the drive, or fix what the finding names.
    pub(crate) crit: usize,
    /// There is no data to judge.
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
    /// Drives that respond.
    pub(crate) active: usize,
    /// Drives in standby, which are not woken.
    pub(crate) standby: usize,
    /// Drives that do not respond.
    pub(crate) unresponsive: usize,
    /// Drives that were present and have disappeared.
    pub(crate) missing: usize,
    /// Drives without a reading yet.
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

    /// Most important first.
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

/// A present drive that is excluded by `JBOD_EXCLUDE`, with its values in sysfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ExcludedDrive"))]
pub(crate) struct ExcludedView {
    /// Block device of its first path.
    pub(crate) device: DeviceName,
    /// Block devices of all its paths.
    pub(crate) paths: Vec<DeviceName>,
    /// Serial number.
    pub(crate) serial_number: Option<SerialNumber>,
    /// World Wide Name.
    pub(crate) wwn: Option<String>,
    /// Model.
    pub(crate) model_name: Option<String>,
    /// Transport by which it is attached.
    pub(crate) transport: Option<Transport>,
    /// Id of its enclosure.
    pub(crate) enclosure: Option<EnclosureId>,
    /// Number of its bay.
    pub(crate) slot: Option<u32>,
    /// Entry of `JBOD_EXCLUDE` that it matches.
    pub(crate) excluded_by: String,
}

/// The last complete sweep; all values are `null` before the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SweepStats {
    /// Start time.
    pub(crate) started_at: Option<Timestamp>,
    /// Duration in milliseconds.
    pub(crate) took_ms: Option<u64>,
    /// Number of drives to read.
    pub(crate) drives: Option<usize>,
    /// Drives without a usable reading, including timeouts.
    pub(crate) failed: Option<usize>,
    /// Drives that did not respond in time.
    pub(crate) timed_out: Option<usize>,
}

/// A pool in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PoolSummary {
    /// Name of the pool.
    pub(crate) name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, … (zpool-status(8)).
    pub(crate) state: Option<PoolState>,
    /// The running or paused scrub or resilver, else the one that ended last.
    pub(crate) scan: Scan,
    /// All activities of the pool that zpool reports, in the order of `activities` in `/api/zfs`.
    #[serde(default)]
    pub(crate) activities: Vec<Activity>,
    /// The worst of its findings; `unknown` if zpool reported no state.
    #[serde(default)]
    pub(crate) verdict: Verdict,
    /// The reasons for its verdict, worst first. Findings on its drives belong to those drives.
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
        let slots = self.enclosures.iter().flat_map(|enclosure| &enclosure.slots);
        slots.filter_map(|slot| slot.drive.as_deref()).chain(&self.unslotted)
    }
}

impl Totals {
    pub(super) fn count(&mut self, record: &DriveRecord, summary: &DriveSummary) {
        self.drives += 1;
        self.by_verdict.count(summary.verdict);
        self.by_state.count(summary.state);
        if record.is_present() {
            self.paths += summary.paths.len();
            // The space of a disk behind a RAID controller is counted with its volume.
            if summary.raid_volume.is_none() {
                self.capacity_bytes = self.capacity_bytes.saturating_add(summary.user_capacity_bytes.unwrap_or(0));
            }
            if summary.state == DriveState::Active && !summary.stale {
                self.hottest_celsius = self.hottest_celsius.max(summary.temperature_celsius);
            }
        }
    }
}
