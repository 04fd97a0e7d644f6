//! The record of one drive, and how a reading changes it.

use super::{Change, REMOVAL_GRACE_SECONDS};
use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::placement::Placement;
use crate::domain::enclosure::{Bay, BaySource};
use crate::domain::identity::SerialNumber;
use crate::domain::known_paths::{KnownPaths, LostPath, PathAttempt};
use crate::domain::no_reading::NoReading;
use crate::domain::smart::{Protocol, SmartReport};
use crate::domain::time::Timestamp;
use crate::domain::transport::Transport;
use std::sync::Arc;

/// Rule C4: consecutive timeouts after which a drive with earlier values is `unresponsive`.
const TIMEOUTS_TO_UNRESPONSIVE: u32 = 3;

/// One reading of one drive.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) key: DriveKey,
    /// When it was started.
    pub(crate) at: Timestamp,
    /// How long it took; `None` if smartctl was not run, because the previous child still hangs.
    pub(crate) took_ms: Option<u64>,
    pub(crate) outcome: Outcome,
    /// The attempts over each path, in their order; empty if smartctl was not run.
    pub(crate) attempts: Vec<PathAttempt>,
}

/// The outcome of a reading.
#[derive(Clone, Debug)]
pub enum Outcome {
    Good(Arc<SmartReport>),
    /// The drive is in standby, and was not woken.
    Standby,
    /// smartctl did not end within the timeout.
    Silent(NoReading),
    /// smartctl ended without values: no permission, unusable output, or the drive was removed.
    Failed(NoReading),
}

#[derive(Clone, Debug)]
pub struct DriveRecord {
    /// The drive as sysfs shows it; a missing drive, as sysfs last showed it.
    pub drive: Arc<Drive>,
    pub(crate) state: DriveState,
    pub report: Option<Arc<SmartReport>>,
    pub collected_at: Option<Timestamp>,
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) took_ms: Option<u64>,
    /// Why the last reading gave no values.
    pub(crate) error: Option<NoReading>,
    /// Timeouts since the last reading that did not time out.
    pub(crate) consecutive_timeouts: u32,
    /// The current bay, or the last one.
    pub(crate) bay: Option<Bay>,
    /// Since when the enclosure of the bay is missing, while the drive is present: the bay is the last known one.
    pub(crate) bay_as_of: Option<Timestamp>,
    /// The bay that no longer links the drive, and since when. A drive that is pulled loses one path, and its bay, a moment
    /// before the other path.
    pub(super) left_bay: Option<(Bay, Timestamp)>,
    /// The source of the bay; `None` if the drive is in no bay, or its bay is from a stored document.
    pub(crate) bay_source: Option<BaySource>,
    /// Several bays link the drive.
    pub(crate) is_contested: bool,
    /// The bays that link the drive if it is unknown which of them is right; then `bay` is `None`.
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

    /// The lost paths of the drive; none if the drive is missing.
    pub(crate) fn lost_paths(&self, now: Timestamp) -> Vec<LostPath> {
        if self.is_present() { self.paths.lost(now) } else { Vec::new() }
    }

    pub(crate) fn is_present(&self) -> bool {
        self.missing_since.is_none()
    }

    /// The bay by which the kernel links the drive.
    pub(super) fn linked_bay(&self) -> Option<&Bay> {
        if self.bay_as_of.is_none() && self.has_ses_bay() { self.bay.as_ref() } else { None }
    }

    /// The bay of the drive, if it is in one, is known from an SES device.
    pub(super) fn has_ses_bay(&self) -> bool {
        matches!(self.bay_source, None | Some(BaySource::Ses))
    }

    /// The current bay, or the one that the drive left last.
    fn last_bay(&self) -> Option<&Bay> {
        match (&self.bay, &self.left_bay) {
            (Some(bay), _) | (None, Some((bay, _))) => Some(bay),
            (None, None) => None,
        }
    }

    /// The last bay of the drive takes precedence over `placement`: its enclosure is missing, and the placement is not from
    /// an SES device. A drive does not move because the SES device of its enclosure disappears.
    pub(super) fn outweighs(&self, placement: &Placement, is_missing: impl Fn(&Bay) -> bool) -> bool {
        let is_from_ses = matches!(placement.source, None | Some(BaySource::Ses));
        if is_from_ses || !self.has_ses_bay() || self.drive.identity.is_empty() {
            return false;
        }
        match self.last_bay() {
            Some(bay) => is_missing(bay),
            None => false,
        }
    }

    /// Applies a discovery of the drive.
    pub(super) fn continue_with(&mut self, drive: Drive) -> Option<Change> {
        let key = drive.key.clone();
        if self.is_present() {
            self.set_drive(drive);
            return None;
        }
        // Without an identity it may be another disk in the same USB enclosure.
        if drive.identity.is_empty() {
            *self = Self::new(drive);
            return Some(Change::Appeared(key));
        }
        self.missing_since = None;
        self.state = DriveState::Reading;
        self.consecutive_timeouts = 0;
        self.set_drive(drive);
        Some(Change::Back(key))
    }

    /// Values that have not changed stay shared.
    fn set_drive(&mut self, drive: Drive) {
        if *self.drive != drive {
            self.drive = drive.into();
        }
    }

    /// The drive has disappeared. It keeps its bay, or the one that it left within the removal grace time.
    pub(super) fn set_missing(&mut self, now: Timestamp) {
        self.state = DriveState::Missing;
        self.missing_since = Some(now);
        if let Some((bay, at)) = self.left_bay.take()
            && self.bay.is_none()
            && at.age_seconds(now) <= REMOVAL_GRACE_SECONDS
        {
            self.bay = Some(bay);
        }
        self.bay_as_of = None;
        self.error = Some(NoReading::Missing { since: now });
    }

    /// Converts all times to the new clock after a step.
    pub(super) fn shift(&mut self, by_seconds: i64) {
        self.paths.shift(by_seconds);
        for time in [&mut self.collected_at, &mut self.checked_at, &mut self.missing_since, &mut self.bay_as_of] {
            *time = time.map(|time| time.shifted(by_seconds));
        }
        if let Some((_, at)) = &mut self.left_bay {
            *at = at.shifted(by_seconds);
        }
        if let Some(NoReading::Missing { since }) = &mut self.error {
            *since = since.shifted(by_seconds);
        }
    }

    /// Applies the bays that link the drive.
    pub(super) fn place(&mut self, placement: Placement, now: Timestamp) -> Option<Change> {
        let Placement { bay, source, is_contested, possible } = placement;
        let mut change = None;
        if let Some(from) = self.last_bay()
            && let Some(bay) = &bay
            && bay != from
        {
            change = Some(Change::Moved { key: self.drive.key.clone(), from: from.clone() });
        }
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
        change
    }

    /// The drive is in no bay, although its transport allows one: NVMe and USB drives are in no bay of an SES enclosure.
    pub(crate) fn lacks_bay(&self) -> bool {
        let transport = self.drive.attachment.transport();
        self.bay.is_none()
            && self.drive.raid_volume().is_none()
            && !matches!(transport, Some(Transport::Nvme | Transport::Usb | Transport::Iscsi | Transport::Virtio))
    }

    /// Missing health data are not a fault: it is a RAID volume, or `gives_no_health`.
    pub(crate) fn may_lack_health(&self) -> bool {
        self.is_raid_volume() || self.gives_no_health()
    }

    /// It is a volume of another machine or of a hypervisor, or has no node in `/dev`, and has never reported health data.
    /// Once it has, missing health data are a fault.
    pub(crate) fn gives_no_health(&self) -> bool {
        let is_volume = matches!(self.drive.attachment.transport(), Some(transport) if transport.is_volume());
        !self.has_health() && (is_volume || matches!(self.error, Some(NoReading::NoNode { .. })))
    }

    /// The last successful reading has health data.
    fn has_health(&self) -> bool {
        match &self.report {
            Some(report) => report.has_health(),
            None => false,
        }
    }

    /// It is a volume of a RAID controller, by the convention of its driver, and its reading does not show a drive.
    pub(crate) fn is_raid_volume(&self) -> bool {
        match &self.report {
            Some(report) => self.drive.is_raid_volume() && !has_own_logs(report),
            None => self.drive.is_raid_volume(),
        }
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

    /// It has rotating platters, by the reading or else by the kernel; `None`: unknown.
    pub fn rotates(&self) -> Option<bool> {
        if self.has_ambiguous_rotation() {
            return None;
        }
        match self.reported_rotation() {
            Some(rpm) => Some(rpm > 0),
            None => self.drive.rotational,
        }
    }

    /// Revolutions per minute; 0: solid state; `None`: unknown.
    pub(crate) fn rotation_rate_rpm(&self) -> Option<u32> {
        if self.has_ambiguous_rotation() {
            return None;
        }
        match self.reported_rotation() {
            None if self.drive.rotational == Some(false) => Some(0),
            reported => reported,
        }
    }

    fn reported_rotation(&self) -> Option<u32> {
        self.report.as_deref()?.rotation_rate_rpm
    }

    /// smartctl writes 0 for a SCSI drive that is solid state, and for one that does not report its rate (`scsiprint.cpp`).
    /// The kernel calls the former not rotational (block device characteristics VPD page, `drivers/scsi/sd.c`).
    fn has_ambiguous_rotation(&self) -> bool {
        let Some(report) = &self.report else { return false };
        report.protocol == Some(Protocol::Scsi)
            && report.rotation_rate_rpm == Some(0)
            && self.drive.rotational == Some(true)
    }

    /// The serial number from the reading, or else from sysfs.
    pub(crate) fn serial_number(&self) -> Option<&SerialNumber> {
        match self.report.as_deref() {
            Some(SmartReport { serial_number: Some(serial), .. }) => Some(serial),
            _ => self.drive.identity.unit_serial.as_ref(),
        }
    }

    /// The WWN from the reading, or else from sysfs.
    pub(crate) fn wwn(&self) -> Option<String> {
        match self.report.as_deref() {
            Some(SmartReport { wwn: Some(wwn), .. }) => Some(wwn.clone()),
            _ => self.drive.identity.wwn(),
        }
    }

    /// Applies a reading. If it is of another drive, resets the record and returns the serial number of the previous drive.
    pub(super) fn apply(&mut self, reading: &Reading) -> Option<SerialNumber> {
        let replaced = match (&reading.outcome, &self.report) {
            (Outcome::Good(report), Some(known)) => replaced(known, report),
            _ => None,
        };
        if replaced.is_some() {
            *self = Self {
                bay: self.bay.clone(),
                bay_as_of: self.bay_as_of,
                bay_source: self.bay_source,
                is_contested: self.is_contested,
                possible_bays: self.possible_bays.clone(),
                // The paths are those of the RAID controller or USB enclosure.
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
            Outcome::Good(report) if !report.has_health() && self.has_health() => {
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

/// The device has log pages of its own: attributes, or a temperature together with error counters or hours. For a volume, a
/// RAID controller reports none of these, but only a status of its own.
fn has_own_logs(report: &SmartReport) -> bool {
    if report.has_attributes() {
        return true;
    }
    report.temperature_celsius.is_some() && (report.has_scsi_counters() || report.power_on_hours.is_some())
}

/// The serial number of the previous drive if the reading is of another one. sysfs cannot show that behind a RAID controller
/// or in a USB enclosure.
fn replaced(known: &SmartReport, read: &SmartReport) -> Option<SerialNumber> {
    let (known, read) = (known.serial_number.as_ref()?, read.serial_number.as_ref()?);
    if known == read { None } else { Some(known.clone()) }
}
