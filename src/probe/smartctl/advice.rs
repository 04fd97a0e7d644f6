//! What smartctl's own words mean for a drive that it could not read as it was asked: what the drive
//! is, and what mends it, in one sentence.
//!
//! The messages are those of smartmontools 6 and 7 (`os_linux.cpp`, `scsiata.cpp`): `… please try adding
//! '-d megaraid,N'`, `… requires option '-d cciss,N'`, `… Unknown USB bridge [0x2537:0x1081 (0x100)]`.

use crate::model::device_type::{Controller, DeviceType};
use crate::model::drive::Drive;

/// `None`: they name no other way to ask.
pub(super) fn advice(messages: &[String], drive: &Drive) -> Option<String> {
    let says = |text: &str| messages.iter().any(|m| m.contains(text));
    let device = &drive.device;
    for controller in [Controller::Megaraid, Controller::Cciss] {
        if says(&format!("'-d {},N'", controller.as_str())) {
            return Some(drive.volume_says(Some(controller)));
        }
    }
    let bridge = messages.iter().find_map(|m| bridge_in(m))?;
    let mend = match drive.told_type {
        None | Some(DeviceType::Auto) => format!("SMART_DEVICE_TYPES={device}=sat mends it for most boxes"),
        Some(told) => format!("{told} was tried"),
    };
    Some(format!("{device} is in a USB box whose bridge smartctl does not know ({bridge}): {mend}"))
}

/// Why a SATA drive gives no ATA data, and what mends it.
pub(super) fn no_pass_through(drive: &Drive) -> String {
    let otherwise = match drive.told_type {
        Some(DeviceType::Sat) => "or its HBA passes none through".to_owned(),
        _ => format!("or it needs SMART_DEVICE_TYPES={}=sat", drive.device),
    };
    format!("the SATA drive answers as SCSI: no ATA pass-through (CAP_SYS_RAWIO is missing, {otherwise})")
}

/// `0x2537:0x1081` out of `[0x2537:0x1081 (0x100)]`.
fn bridge_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("USB bridge [")?;
    let (ids, _) = rest.split_once(']')?;
    let ids = ids.split_whitespace().next()?;
    (ids.len() <= 20 && ids.bytes().all(|b| b.is_ascii_hexdigit() || b == b'x' || b == b':')).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_are_named_by_their_numbers() {
        assert_eq!(bridge_in("/dev/sdb: Unknown USB bridge [0x2537:0x1081 (0x100)]"), Some("0x2537:0x1081"));
        assert_eq!(bridge_in("/dev/sdb: Unsupported USB bridge [0x2537:0x1081]"), Some("0x2537:0x1081"));
        for odd in ["", "Unknown USB bridge", "Unknown USB bridge [", "Unknown USB bridge []", "USB bridge [\x1b[2J]"] {
            assert_eq!(bridge_in(odd), None, "{odd}");
        }
    }
}
