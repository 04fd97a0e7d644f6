//! The words of the kernel for what a shelf says of a bay (`drivers/misc/enclosure.c` of Linux).

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

open_vocabulary! {
    /// Power to a bay: `get_component_power_status` there.
    pub(crate) enum PowerStatus {
        On = "on",
        Off = "off",
    }
}
