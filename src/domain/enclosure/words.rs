//! The values of bays as the kernel writes them (`drivers/misc/enclosure.c` of Linux).

use crate::domain::vocabulary::open_vocabulary;

open_vocabulary! {
    /// SES status of a bay: `enclosure_status` there.
    pub(crate) enum SlotStatus {
        Unsupported = "unsupported",
        Ok = "OK",
        Critical = "critical",
        NonCritical = "non-critical",
        Unrecoverable = "unrecoverable",
        NotInstalled = "not installed",
        Unknown = "unknown",
        Unavailable = "unavailable",
    }
}

impl SlotStatus {
    /// The enclosure reports that the bay is occupied. `unavailable` is installed and not turned on (SES-3, element status
    /// code 7); `unsupported` and `unknown` do not show whether the bay is occupied.
    pub(super) fn is_installed(&self) -> bool {
        matches!(self, Self::Ok | Self::Critical | Self::NonCritical | Self::Unrecoverable | Self::Unavailable)
    }

    /// Order by information, then by severity: if two IO modules report different values, the higher one counts.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Unsupported => 1,
            Self::Unknown => 2,
            Self::NotInstalled => 3,
            Self::Unavailable => 4,
            Self::Ok => 5,
            Self::NonCritical => 6,
            Self::Critical => 7,
            Self::Unrecoverable => 8,
        }
    }
}

open_vocabulary! {
    /// Power to a bay: `get_component_power_status` there.
    pub(crate) enum PowerStatus {
        On = "on",
        Off = "off",
    }
}
