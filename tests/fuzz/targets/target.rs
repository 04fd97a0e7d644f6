//! Whatever stands in a request line or in `Accept`: a route or a refusal, and no way out of the tree.

#![no_main]

use jbod_monitor::fuzzing::target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (url, accept) = text.split_once('\n').unwrap_or((text, ""));
    let Some((segments, route)) = target(url, accept) else { return };
    for segment in &segments {
        assert!(segment != ".." && segment != "." && !segment.contains(['\0', '\\']), "{segment:?} of {url:?}");
        assert!(segment.len() <= url.len(), "decoding makes nothing longer");
    }
    assert!(route.is_none_or(|route| !route.is_empty()));
});
