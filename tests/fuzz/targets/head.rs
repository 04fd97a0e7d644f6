//! Any bytes as the head of a request: refused, incomplete or parsed. The end of the head does not depend on the bytes
//! after it.

#![no_main]

use jbod_monitor::fuzzing::head;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, parsed)) = head(bytes) else { return };
    assert!((1..=16 * 1024).contains(&length) && length <= bytes.len(), "{length}");
    let (own, rest) = bytes.split_at(length);
    assert_eq!(head(own), Some((length, parsed)), "differs without {rest:?}");
    assert_eq!(head(&own[..length - 1]), None, "complete one byte earlier");
});
