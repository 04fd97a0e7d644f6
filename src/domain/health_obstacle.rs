//! Why the health of a drive, or its own verdict, is not in a reading.

use super::smart::{Protocol, SmartReport};

/// Why a drive gave its identity and no health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthObstacle {
    Unknown,
    SmartDisabled,
    SmartUnavailable,
    Locked,
    NotReady,
}

const EXCEPTIONS_OFF: &str = "informational exceptions are switched off on the drive: it does not report that it fails; \
                              smartctl -s on switches them on";

impl SmartReport {
    /// Why the drive's own verdict is not known although smartctl calls it passed.
    pub(crate) fn smart_status_not_judged(&self) -> Option<&'static str> {
        let is_silent = self.protocol == Some(Protocol::Scsi) && self.smart_enabled == Some(false);
        (is_silent && self.smart_status_passed.is_none()).then_some(EXCEPTIONS_OFF)
    }

    /// Why a reading has no health, as far as it shows.
    pub(crate) fn health_obstacle(&self) -> HealthObstacle {
        // smartctl(8) exit bit 1: TEST UNIT READY failed after the identity was read. Its reason is not in the JSON.
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
