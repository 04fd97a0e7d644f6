//! What holds for whatever comes in: no text from outside ends or holds up the program, one odd
//! value costs itself only, and a worse value never makes a better verdict.
//!
//! Every run tries other cases. The seed is printed first; `PROPERTIES_SEED=NUMBER` tries the same
//! ones again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and starts what it needs"
)]

mod support;

#[path = "properties/fields.rs"]
mod fields;
#[path = "properties/fixtures.rs"]
mod fixtures;
#[path = "properties/mutate.rs"]
mod mutate;
#[path = "properties/names.rs"]
mod names;
#[path = "properties/outside.rs"]
mod outside;
#[path = "properties/parsers.rs"]
mod parsers;
#[path = "properties/random.rs"]
mod random;
#[path = "properties/subjects.rs"]
mod subjects;
#[path = "properties/verdict.rs"]
mod verdict;
