//! Hostile clients, names of drives, and values in Redis: the daemon keeps running, responds to other clients, and
//! releases the resources that an attack took.
//!
//! Malformed requests depend on a seed, which is fixed and printed. `HOSTILE_SEED=NUMBER` or `HOSTILE_SEED=random` sets
//! another one.

mod access;
mod connections;
pub mod grammar;
mod limits;
mod malformed;
mod names;
mod values;
mod wire;
