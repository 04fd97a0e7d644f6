//! Waiting for a condition, instead of for a time.

use crate::support::redis::Redis;
use crate::support::{PATIENCE, eventually, eventually_within};
use std::time::Duration;

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    wait_until_within(PATIENCE, what, condition);
}

#[track_caller]
pub fn wait_until_within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    eventually_within(patience, what, || if condition() { Some(()) } else { None });
}

/// Waits until the value of a key in Redis contains `text`.
#[track_caller]
pub fn wait_stored(redis: &Redis, key: &str, text: &str) {
    wait_until(&format!("{key} contains {text}"), || redis.get(key).is_some_and(|value| value.contains(text)));
}

/// Asks again until the result is as `wanted`, and returns it.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    eventually(what, || Some(ask()).filter(&wanted))
}
