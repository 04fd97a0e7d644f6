//! Whatever a drive says on its VPD pages 0x80 and 0x83: a name, or none.

#![no_main]

use jbod_monitor::fuzzing::vpd;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| {
    let (serial, name) = vpd(page);
    assert!(serial.is_none_or(|serial| !serial.is_empty() && serial.trim() == serial));
    if let Some(name) = name {
        assert!(name.len() <= 2 * 255 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    }
});
