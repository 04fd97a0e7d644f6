//! The record of one drive, and how a reading changes it.

use super::Change;
use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::placement::Placement;
use crate::domain::enclosure::{Bay, BaySource};
use crate::domain::identity::SerialNumber;
use crate::domain::known_paths::{KnownPaths, LostPath, PathAttempt};
use crate::domain::no_reading::NoReading;
use crate::domain::smart::{Protocol, ScsiDetail, SmartReport};
use crate::domain::time::Timestamp;
use crate::domain::transport::Transport;
use std::sync::Arc;

/// Rule C4: consecutive timeouts after which a drive with earlier values is `unresponsive`.
const TIMEOUTS_TO_UNRESPONSIVE: u32 = 3;

/// The result of asking one drive.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) key: DriveKey,
    /// When it was asked.
    pub(crate) at: Timestamp,
    /// How long the reading took; `None` if the drive was not asked (its previous child still hangs).
    pub(crate) took_ms: Option<u64>,
    pub(crate) outcome: Outcome,
    /// The paths that it was tried over, with the last one at the end; empty if the drive was not asked.
    pub(crate) attempts: Vec<PathAttempt>,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Good(Arc<SmartReport>),
    /// In standby, and not woken.
    Standby,
    /// No answer within the deadline.
    Silent(NoReading),
    /// An answer without values: no permission, unusable output, or the drive was removed.
    Failed(NoReading),
}

#[derive(Clone, Debug)]
pub struct DriveRecord {
    /// As sysfs shows it; for a missing drive, as it last did.
    pub drive: Arc<Drive>,
    pub(crate) state: DriveState,
    pub report: Option<Arc<SmartReport>>,
    pub collected_at: Option<Timestamp>,
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) took_ms: Option<u64>,
    /// Why the last reading gave no values.
    pub(crate) error: Option<NoReading>,
    /// Timeouts since the last answer.
    pub(crate) consecutive_timeouts: u32,
    /// The current bay, or the last one.
    pub(crate) bay: Option<Bay>,
    /// The enclosure of the bay is missing since then, and the drive is present: it was in that bay last.
    pub(crate) bay_as_of: Option<Timestamp>,
    /// The bay to which it is no longer linked, and since when: a pulled drive loses one path, and its bay, a moment before
    /// the other path.
    pub(super) left_bay: Option<(Bay, Timestamp)>,
    /// What its bay is known by; `None` if it is in none, or was in one before this process started.
    pub(crate) bay_source: Option<BaySource>,
    /// Several bays link it.
    pub(crate) is_contested: bool,
    /// The bays that link it, none of which is known to be the right one: it is shown in no bay.
    pub(crate) possible_bays: Vec<Bay>,
    pub(crate) missing_since: Option<Timestamp>,
    /// Empty for a disk behind a RAID controller: it has the paths of its volume.
    pub(crate) paths: KnownPaths,
}

impl DriveRecord {
    pub(super) fn new(drive: impl Into<Arc<Drive>>) -> Self {
        Self {
            drive: drive.into(),
            state: DriveState::Reading,
            report: None,
            collected_at: None,
            checked_at: None,
            took_ms: None,
            error: None,
            consecutive_timeouts: 0,
            bay: None,
            bay_as_of: None,
            left_bay: None,
            bay_source: None,
            is_contested: false,
            possible_bays: Vec::new(),
            missing_since: None,
            paths: KnownPaths::default(),
        }
    }

    /// The paths that the drive is known to have and that are lost; none of a missing drive.
    pub(crate) fn lost_paths(&self, now: Timestamp) -> Vec<LostPath> {
        if self.is_present() { self.paths.lost(now) } else { Vec::new() }
    }

    pub(crate) fn is_present(&self) -> bool {
        self.missing_since.is_none()
    }

    /// The bay to which the kernel links the drive.
    pub(super) fn linked_bay(&self) -> Option<&Bay> {
        self.bay.as_ref().filter(|_| self.bay_as_of.is_none() && self.has_ses_bay())
    }

    /// Its bay, if it is in one, is known by an SES device.
    pub(super) fn has_ses_bay(&self) -> bool {
        self.bay_source.is_none_or(|source| source == BaySource::Ses)
    }

    /// The bay in which a shelf that is missing had it last counts more than one that something other than a shelf knows: a
    /// drive does not move because its shelf's SES device disappears.
    pub(super) fn outweighs(&self, placement: &Placement, is_missing: impl Fn(&Bay) -> bool) -> bool {
        let last = self.bay.as_ref().or(self.left_bay.as_ref().map(|(left, _)| left));
        let is_claim = placement.source.is_some_and(|source| source != BaySource::Ses);
        is_claim && self.has_ses_bay() && !self.drive.identity.is_empty() && last.is_some_and(is_missing)
    }

    /// Applies what the bays link to it.
    pub(super) fn place(&mut self, placement: Placement, now: Timestamp) -> Option<Change> {
        let Placement { bay, source, is_contested, possible } = placement;
        let before = self.bay.as_ref().or(self.left_bay.as_ref().map(|(left, _)| left));
        let from = before.filter(|from| bay.as_ref().is_some_and(|bay| bay != *from)).cloned();
        self.left_bay = match (&bay, self.bay.take()) {
            (Some(_), _) => None,
            (None, Some(left)) => Some((left, now)),
            (None, None) => self.left_bay.take(),
        };
        self.bay = bay;
        self.bay_as_of = None;
        self.bay_source = source;
        self.is_contested = is_contested;
        self.possible_bays = possible;
        from.map(|from| Change::Moved { key: self.drive.key.clone(), from })
    }

    /// It is in no bay, although its transport allows one: NVMe and USB drives are in no bay of an SES enclosure.
    pub(crate) fn lacks_bay(&self) -> bool {
        let transport = self.drive.attachment.transport();
        self.bay.is_none()
            && self.drive.raid_volume().is_none()
            && !matches!(transport, Some(Transport::Nvme | Transport::Usb | Transport::Iscsi | Transport::Virtio))
    }

    /// That it has no health is no fault: it is a RAID volume, or `gives_no_health`.
    pub(crate) fn may_lack_health(&self) -> bool {
        self.is_raid_volume() || self.gives_no_health()
    }

    /// It is a volume of another machine or of a hypervisor, or has no node in `/dev`, and has never given health data. Once
    /// it has, it is expected to.
    pub(crate) fn gives_no_health(&self) -> bool {
        let has_given = self.report.as_ref().is_some_and(|report| report.has_health());
        let is_volume = self.drive.attachment.transport().is_some_and(Transport::is_volume);
        !has_given && (is_volume || matches!(self.error, Some(NoReading::NoNode { .. })))
    }

    /// It is a volume that a RAID controller makes up, by its driver's convention, and its reading does not show a drive.
    pub(crate) fn is_raid_volume(&self) -> bool {
        self.drive.is_raid_volume() && !self.report.as_deref().is_some_and(has_own_logs)
    }

    /// Why there is no current reading, or no verdict although the drive was read.
    pub(crate) fn why_no_reading(&self) -> Option<NoReading> {
        if let Some(why) = &self.error {
            return Some(why.clone());
        }
        let report = self.report.as_deref()?;
        if self.is_raid_volume() && self.is_present() {
            return Some(self.drive.raid_volume_reason(None));
        }
        if report.has_health() {
            return None;
        }
        Some(self.drive.without_health_reason(report))
    }

    /// It has rotating platters, by the reading or else by the kernel.
    pub fn rotates(&self) -> Option<bool> {
        let reported = self.report.as_deref().and_then(|report| report.rotation_rate_rpm);
        match (reported, self.drive.rotational) {
            (Some(0), _) if self.leaves_rotation_open() => None,
            (Some(rpm), _) => Some(rpm > 0),
            (None, by_kernel) => by_kernel,
        }
    }

    /// 0: solid state.
    pub(crate) fn rotation_rate_rpm(&self) -> Option<u32> {
        if self.leaves_rotation_open() {
            return None;
        }
        let reported = self.report.as_deref().and_then(|report| report.rotation_rate_rpm);
        reported.or_else(|| (self.drive.rotational == Some(false)).then_some(0))
    }

    /// smartctl writes 0 for a SCSI drive that is solid state, and for one that does not report its rate (`scsiprint.cpp`).
    /// The kernel calls the former not rotational (block device characteristics VPD page, `drivers/scsi/sd.c`).
    fn leaves_rotation_open(&self) -> bool {
        let is_scsi_zero = self
            .report
            .as_deref()
            .is_some_and(|report| report.protocol == Some(Protocol::Scsi) && report.rotation_rate_rpm == Some(0));
        is_scsi_zero && self.drive.rotational == Some(true)
    }

    /// The serial number from the reading, or else from sysfs.
    pub(crate) fn serial_number(&self) -> Option<&SerialNumber> {
        let read = self.report.as_ref().and_then(|r| r.serial_number.as_ref());
        read.or(self.drive.identity.unit_serial.as_ref())
    }

    /// Applies a reading. If it is of another drive, resets the record and returns the serial number of the previous drive.
    pub(super) fn apply(&mut self, reading: &Reading) -> Option<SerialNumber> {
        let replaced = match &reading.outcome {
            Outcome::Good(report) => self.report.as_ref().and_then(|known| replaced(known, report)),
            _ => None,
        };
        if replaced.is_some() {
            *self = Self {
                bay: self.bay.clone(),
                bay_as_of: self.bay_as_of,
                bay_source: self.bay_source,
                is_contested: self.is_contested,
                possible_bays: self.possible_bays.clone(),
                // Those of the controller or box that the drives are behind.
                paths: std::mem::take(&mut self.paths),
                ..Self::new(Arc::clone(&self.drive))
            };
        }
        self.checked_at = Some(reading.at);
        self.paths.record(&reading.attempts, reading.at);
        self.took_ms = reading.took_ms.or(self.took_ms);
        if !matches!(reading.outcome, Outcome::Silent(_)) {
            self.consecutive_timeouts = 0;
        }
        self.error = None;
        match &reading.outcome {
            // A drive that is not ready reports its identity only; the earlier values are kept.
            Outcome::Good(report) if !report.has_health() && self.report.as_ref().is_some_and(|r| r.has_health()) => {
                self.state = DriveState::Active;
                self.error = Some(self.drive.without_health_reason(report));
            }
            Outcome::Good(report) => {
                self.state = DriveState::Active;
                self.report = Some(Arc::clone(report));
                self.collected_at = Some(reading.at);
            }
            Outcome::Standby => self.state = DriveState::Standby,
            Outcome::Silent(why) => {
                self.consecutive_timeouts += 1;
                self.error = Some(why.clone());
                if self.report.is_none() || self.consecutive_timeouts >= TIMEOUTS_TO_UNRESPONSIVE {
                    self.state = DriveState::Unresponsive;
                }
            }
            Outcome::Failed(why) => {
                let is_reachable = !self.paths.are_all_given_up();
                self.state = if is_reachable { DriveState::Active } else { DriveState::Unresponsive };
                self.error = Some(why.clone());
            }
        }
        replaced
    }
}

/// The device has log pages of its own: attributes, or error counters or hours beside a temperature. A RAID controller reports
/// none for a volume, only a status that it makes up.
fn has_own_logs(report: &SmartReport) -> bool {
    let has_attributes = report.ata.as_ref().is_some_and(|ata| !ata.attributes.is_empty());
    let has_counters = report.scsi.as_ref().is_some_and(ScsiDetail::has_counters);
    has_attributes || report.temperature_celsius.is_some() && (has_counters || report.power_on_hours.is_some())
}

/// The serial number of the previous drive if the reading is of another one, where sysfs cannot detect that (behind a RAID
/// controller, in a USB box).
fn replaced(known: &SmartReport, read: &SmartReport) -> Option<SerialNumber> {
    let (known, read) = (known.serial_number.as_ref()?, read.serial_number.as_ref()?);
    if known == read { None } else { Some(known.clone()) }
}
