//! Interprets smartctl's messages about a drive that it could not read: another device type to use, or the cause.
//!
//! Messages of smartmontools 6 and 7 (`os_linux.cpp`, `scsiata.cpp`): `… please try adding
//! '-d megaraid,N'`, `… requires option '-d cciss,N'`, `… Unknown USB bridge [0x2537:0x1081 (0x100)]`.

use crate::domain::device_type::Controller;
use crate::domain::drive::Drive;
use crate::domain::no_reading::{Cause, NoReading};

/// The reason, if the messages name another device type or an unknown USB bridge.
pub(super) fn other_type(messages: &[String], drive: &Drive) -> Option<NoReading> {
    for controller in [Controller::Megaraid, Controller::Cciss] {
        let option = format!("'-d {},N'", controller.as_str());
        if messages.iter().any(|message| message.contains(&option)) {
            return Some(drive.raid_volume_reason(Some(controller)));
        }
    }
    let ids = messages.iter().find_map(|message| bridge_in(message))?.to_owned();
    Some(NoReading::UnknownBridge { device: drive.device.clone(), ids, tried: drive.smartctl_type })
}

/// Messages end with strerror(3) of the system call (`os_linux.cpp`), and name a disk behind a controller as
/// `[megaraid_disk_03]` or `[cciss_disk_03]`.
pub(super) fn cause(messages: &str) -> Cause {
    if messages.contains("Permission denied") || messages.contains("Operation not permitted") {
        Cause::PermissionDenied
    } else if messages.contains("_disk_") && messages.contains("INQUIRY failed") {
        Cause::NoSuchDisk
    } else if messages.contains("No such device") {
        Cause::NoSuchDevice
    } else {
        Cause::Other
    }
}

/// The ids in a message: `0x2537:0x1081` of `[0x2537:0x1081 (0x100)]`.
fn bridge_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("USB bridge [")?;
    let (ids, _) = rest.split_once(']')?;
    let ids = ids.split_whitespace().next()?;
    if ids.len() > 20 || !ids.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x' || byte == b':') {
        return None;
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_are_named_by_their_numbers() {
        assert_eq!(bridge_in("/dev/sdb: Unknown USB bridge [0x2537:0x1081 (0x100)]"), Some("0x2537:0x1081"));
        assert_eq!(bridge_in("/dev/sdb: Unsupported USB bridge [0x2537:0x1081]"), Some("0x2537:0x1081"));
        for none in ["", "Unknown USB bridge", "Unknown USB bridge [", "Unknown USB bridge []", "USB bridge [\x1b[2J]"]
        {
            assert_eq!(bridge_in(none), None, "{none}");
        }
    }

    #[test]
    fn causes_are_those_of_smartctl() {
        for (messages, expected) in [
            ("Smartctl open device: /dev/sda failed: Permission denied", Cause::PermissionDenied),
            ("Smartctl open device: /dev/nvme0 failed: Operation not permitted", Cause::PermissionDenied),
            ("Smartctl open device: /dev/sda [megaraid_disk_03] failed: INQUIRY failed", Cause::NoSuchDisk),
            ("Smartctl open device: /dev/sg3 failed: No such device", Cause::NoSuchDevice),
            ("Smartctl open device: /dev/sg3 failed: No such device or address", Cause::NoSuchDevice),
            ("Smartctl open device: /dev/sg3 failed: INQUIRY failed", Cause::Other),
            ("", Cause::Other),
        ] {
            assert_eq!(cause(messages), expected, "{messages}");
        }
    }
}
