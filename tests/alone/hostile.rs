//! No stranger on the port, and nothing that a drive calls itself, hurts the daemon: it stays the
//! same process, answers whoever behaves, and gives back what an attack has cost.
//!
//! Malformed requests are made from a fixed seed, which is printed. `HOSTILE_SEED=NUMBER` or
//! `HOSTILE_SEED=random` makes other ones.

mod access;
mod connections;
pub mod grammar;
mod limits;
mod malformed;
mod names;
mod values;
mod wire;
