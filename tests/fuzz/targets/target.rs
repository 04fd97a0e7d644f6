//! Any request target and `Accept`: a route or a refusal. No segment of the path leads upwards.

#![no_main]

use jbod_monitor::fuzzing::target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (url, accept) = text.split_once('\n').unwrap_or((text, ""));
    let Some((segments, route)) = target(url, accept) else { return };
    for segment in &segments {
        assert!(segment != ".." && segment != "." && !segment.contains(['\0', '\\']), "{segment:?} of {url:?}");
        assert!(segment.len() <= url.len(), "longer after decoding");
    }
    assert_ne!(route.as_deref(), Some(""));
});
