//! No stranger on the port, and nothing that a drive calls itself, hurts the daemon: it stays the
//! same process, answers whoever behaves, and gives back what an attack has cost.
//!
//! Malformed requests are made by chance; the seed is printed, and `HOSTILE_SEED=NUMBER` tries the
//! same ones again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and starts what it needs"
)]

mod support;

#[path = "hostile/crowds.rs"]
mod crowds;
#[path = "hostile/door.rs"]
mod door;
#[path = "hostile/grammar.rs"]
mod grammar;
#[path = "hostile/limits.rs"]
mod limits;
#[path = "hostile/malformed.rs"]
mod malformed;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/values.rs"]
mod values;
#[path = "hostile/wire.rs"]
mod wire;
