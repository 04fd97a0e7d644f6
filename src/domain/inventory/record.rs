//! The record of one drive, and how a reading changes it.

use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::Bay;
use crate::domain::identity::SerialNumber;
use crate::domain::known_paths::{KnownPaths, LostPath, PathAttempt};
use crate::domain::no_reading::NoReading;
use crate::domain::smart::{Protocol, SmartReport};
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
        self.bay.as_ref().filter(|_| self.bay_as_of.is_none())
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
        self.drive.is_raid_volume() || self.gives_no_health()
    }

    /// It is a volume of another machine or of a hypervisor, or has no node in `/dev`, and has never given health data. Once
    /// it has, it is expected to.
    pub(crate) fn gives_no_health(&self) -> bool {
        let has_given = self.report.as_ref().is_some_and(|report| report.has_health());
        let is_volume = self.drive.attachment.transport().is_some_and(Transport::is_volume);
        !has_given && (is_volume || matches!(self.error, Some(NoReading::NoNode { .. })))
    }

    /// Why there is no current reading, or no verdict although the drive was read.
    pub(crate) fn why_no_reading(&self) -> Option<NoReading> {
        if let Some(why) = &self.error {
            return Some(why.clone());
        }
        let report = self.report.as_deref()?;
        if self.drive.is_raid_volume() && self.is_present() {
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
            // The paths are those of the controller or box that the drives are behind.
            let (bay, bay_as_of, paths) = (self.bay.clone(), self.bay_as_of, std::mem::take(&mut self.paths));
            *self = Self { bay, bay_as_of, paths, ..Self::new(Arc::clone(&self.drive)) };
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
                self.state = DriveState::Active;
                self.error = Some(why.clone());
            }
        }
        replaced
    }
}

/// The serial number of the previous drive if the reading is of another one, where sysfs cannot detect that (behind a RAID
/// controller, in a USB box).
fn replaced(known: &SmartReport, read: &SmartReport) -> Option<SerialNumber> {
    let (known, read) = (known.serial_number.as_ref()?, read.serial_number.as_ref()?);
    if known == read { None } else { Some(known.clone()) }
}
