//! What is known of one drive, and how a reading changes it.

use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::Bay;
use crate::domain::no_reading::NoReading;
use crate::domain::smart::SmartReport;
use crate::domain::time::Timestamp;
use crate::domain::transport::Transport;
use std::sync::Arc;

/// Rule C4: so many silences in a row make a drive with earlier values `unresponsive`.
const SILENCES_TO_UNRESPONSIVE: u32 = 3;

/// What came of asking one drive.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) key: DriveKey,
    /// When it was asked.
    pub(crate) at: Timestamp,
    /// How long the drive took; `None` when it was not asked (its old child still hangs).
    pub(crate) took_ms: Option<u64>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Good(Arc<SmartReport>),
    /// Asleep, and left so.
    Standby,
    /// No answer within the deadline.
    Silent(NoReading),
    /// An answer without values: no permission, junk, gone in between.
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
    /// Silences in a row.
    pub(crate) silences: u32,
    /// The bay it sits in, or sat in last.
    pub(crate) bay: Option<Bay>,
    /// The bay that it was no longer linked to, and since when: a drive that is pulled loses one path, and
    /// its bay, a moment before the other.
    pub(super) left_bay: Option<(Bay, Timestamp)>,
    pub(crate) missing_since: Option<Timestamp>,
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
            silences: 0,
            bay: None,
            left_bay: None,
            missing_since: None,
        }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.missing_since.is_none()
    }

    /// It is in no bay, and might be in one. An NVMe drive and a USB enclosure are in no bay that an enclosure knows of.
    pub(crate) fn is_homeless(&self) -> bool {
        let transport = self.drive.attachment.transport();
        self.bay.is_none()
            && self.drive.raid_volume().is_none()
            && !matches!(transport, Some(Transport::Nvme | Transport::Usb))
    }

    /// Why there is no current reading, or no verdict although the drive was read.
    pub(crate) fn why_no_reading(&self) -> Option<NoReading> {
        if let Some(why) = &self.error {
            return Some(why.clone());
        }
        let report = self.report.as_deref()?;
        if self.drive.is_raid_volume() && self.is_here() {
            return Some(self.drive.raid_volume_reason(None));
        }
        if report.has_health() {
            return None;
        }
        Some(self.drive.without_health_reason(report.exit_status.0))
    }

    /// It has rotating platters: as the drive says, else as the kernel found.
    pub fn rotates(&self) -> Option<bool> {
        let said = self.report.as_deref().and_then(|report| report.rotation_rate_rpm).map(|rpm| rpm > 0);
        said.or(self.drive.rotational)
    }

    /// As the drive gave it, else as sysfs has it.
    pub(crate) fn serial_number(&self) -> Option<&str> {
        let read = self.report.as_ref().and_then(|r| r.serial_number.as_deref());
        read.or(self.drive.identity.unit_serial.as_deref())
    }

    /// Takes in a reading. Gives the serial number of the drive that was here before, if the reading
    /// is of another one: then nothing of the earlier one stays.
    pub(super) fn apply(&mut self, reading: &Reading) -> Option<String> {
        let replaced = match &reading.outcome {
            Outcome::Good(report) => self.report.as_ref().and_then(|known| replaced(known, report)),
            _ => None,
        };
        if replaced.is_some() {
            *self = Self { bay: self.bay.clone(), ..Self::new(Arc::clone(&self.drive)) };
        }
        self.checked_at = Some(reading.at);
        self.took_ms = reading.took_ms.or(self.took_ms);
        if !matches!(reading.outcome, Outcome::Silent(_)) {
            self.silences = 0;
        }
        self.error = None;
        match &reading.outcome {
            // A drive that is not ready gives its identity only; the values it gave before stay.
            Outcome::Good(report) if !report.has_health() && self.report.as_ref().is_some_and(|r| r.has_health()) => {
                self.state = DriveState::Active;
                self.error = Some(NoReading::WithoutHealth { exit_status: report.exit_status.0 });
            }
            Outcome::Good(report) => {
                self.state = DriveState::Active;
                self.report = Some(Arc::clone(report));
                self.collected_at = Some(reading.at);
            }
            Outcome::Standby => self.state = DriveState::Standby,
            Outcome::Silent(why) => {
                self.silences += 1;
                self.error = Some(why.clone());
                if self.report.is_none() || self.silences >= SILENCES_TO_UNRESPONSIVE {
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

/// Of another drive than the one that was known, where sysfs cannot tell (behind a RAID controller, in
/// a USB box): the earlier one's serial number.
fn replaced(known: &SmartReport, read: &SmartReport) -> Option<String> {
    let (known, read) = (known.serial_number.as_deref()?.trim(), read.serial_number.as_deref()?.trim());
    (known != read).then(|| known.to_owned())
}
