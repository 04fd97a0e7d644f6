//! jbod-monitor: shows each drive of JBOD enclosures with its bay, its verdict and its pools.
//!
//! # Modules
//!
//! | subject | module |
//! |---|---|
//! | facts, units, rules | [`domain`] (pure: no I/O, no clock, no log) |
//! | response bodies, stored values, text about them | [`api`] (pure, too) |
//! | paths of sysfs, arguments of tools, foreign formats | [`probe`] (the only module that accesses sysfs, smartctl, zpool) |
//! | when drives, pools and enclosures are read, and the results | [`collector`] |
//! | Redis | [`cache`] (the only module that names the redis crate) |
//! | HTTP | `http` (never imports `probe` nor redis) |
//! | time, threads, order of execution | [`poller`], `reader`, [`daemon`], [`stop`], [`clock`], `supervise`, [`scan`], [`doctor`] |
//! | resource usage of this process | [`process`] |
//! | binding of Unix sockets | `unix_socket` |
//! | commands to the running daemon | [`control`] |
//! | events as values, the sinks that receive them | [`events`] |
//! | the log | [`logging`] |
//! | the terminal | [`terminal`] |
//! | commands, options, settings | [`cli`], [`config`] |
//!
//! # Import rules
//!
//! ```text
//! 0 domain    1 stop, config, clock, events, process, unix_socket, api    2 probe, cache, terminal    3 collector
//! 4 poller    5 reader, control    6 http    7 supervise    8 daemon, scan    9 doctor, cli, logging    10 main
//! ```
//!
//! A module imports only lower levels; modules of one level never import each other. `tests/it/tidy.rs` checks this, and
//! `tests/it/import_cycles.rs` checks that no three or more files import each other in a cycle.

#![warn(unreachable_pub)]

pub mod api;
pub mod cache;
pub mod cli;
pub(crate) mod clock;
pub mod collector;
pub mod config;
pub mod control;
pub mod daemon;
pub mod doctor;
pub mod domain;
pub mod events;
mod http;
pub mod logging;
pub(crate) mod poller;
pub mod probe;
pub(crate) mod process;
mod reader;
pub mod scan;
pub mod stop;
mod supervise;
pub mod terminal;
pub(crate) mod unix_socket;

/// Entry points for the fuzz targets in `tests/fuzz`, built with the fuzzer's flags only.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::cache::redis::fuzz as redis;
    pub use crate::http::{fuzz_head as head, fuzz_target as target};
    pub use crate::probe::drives::fuzz_vpd as vpd;
}
