//! Any VPD page 0x80 or 0x83: a serial number or a name, or none.

#![no_main]

use jbod_monitor::fuzzing::vpd;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| {
    let (serial, name) = vpd(page);
    if let Some(serial) = serial {
        assert!(!serial.is_empty() && serial.trim() == serial, "{serial:?}");
    }
    if let Some(name) = name {
        assert!(name.len() <= 2 * 255, "{name}");
        assert!(name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{name}");
    }
});
