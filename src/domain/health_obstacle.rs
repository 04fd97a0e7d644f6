//! Why a reading lacks health data, or the drive's own verdict.

use super::smart::{Protocol, SmartReport};

/// Why a drive reported its identity, but no health data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthObstacle {
    Unknown,
    SmartDisabled,
    SmartUnavailable,
    Locked,
    NotReady,
}

const EXCEPTIONS_OFF: &str = "informational exceptions are disabled on the drive, so it does not report that it is failing; \
                              smartctl -s on enables them";

impl SmartReport {
    /// Why the drive's own verdict is unknown although smartctl reports it as passed.
    pub(crate) fn smart_status_not_judged(&self) -> Option<&'static str> {
        let is_disabled = self.protocol == Some(Protocol::Scsi) && self.smart_enabled == Some(false);
        if is_disabled && self.smart_status_passed.is_none() { Some(EXCEPTIONS_OFF) } else { None }
    }

    /// Why the reading has no health data, as far as it shows that.
    pub(crate) fn health_obstacle(&self) -> HealthObstacle {
        // smartctl(8) exit bit 1: TEST UNIT READY failed after the identity was read. The JSON does not have the reason.
        let is_unready = self.protocol == Some(Protocol::Scsi) && self.exit_status.bit(1);
        if self.is_locked == Some(true) {
            HealthObstacle::Locked
        } else if self.smart_available == Some(false) {
            HealthObstacle::SmartUnavailable
        } else if self.smart_enabled == Some(false) {
            HealthObstacle::SmartDisabled
        } else if is_unready {
            HealthObstacle::NotReady
        } else {
            HealthObstacle::Unknown
        }
    }
}
