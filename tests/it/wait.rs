//! Waiting for a condition, instead of for a time.

use crate::support::eventually;

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}

/// Asks again until the result is as `wanted`, and returns it.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    eventually(what, || Some(ask()).filter(&wanted))
}
