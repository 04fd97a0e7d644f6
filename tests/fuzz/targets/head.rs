//! Whatever a stranger sends as the head of a request: it is refused, waited for or understood,
//! and where the next request begins does not depend on what follows.

#![no_main]

use jbod_monitor::fuzzing::head;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, told)) = head(bytes) else { return };
    assert!((1..=16 * 1024).contains(&length) && length <= bytes.len(), "{length}");
    let (own, rest) = bytes.split_at(length);
    assert_eq!(head(own), Some((length, told)), "the same without {rest:?}");
    assert_eq!(head(&own[..length - 1]), None, "not whole yet");
});
