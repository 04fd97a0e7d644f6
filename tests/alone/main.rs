//! Tests that load the machine or measure it. They run after the others, and one at a time where they take `alone()`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and starts programs"
)]

mod crash;
mod hostile;
mod journal_week;
mod smartctl_hangs;
mod soak;
#[path = "../support/mod.rs"]
mod support;
mod swaps;
