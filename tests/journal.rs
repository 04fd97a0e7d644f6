//! systemd's journal: the life of a drive by its serial number, and a journal that is away, stands
//! still, or is lied to.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and starts what it needs"
)]

mod support;

use jbod_monitor::event::Kind;
use serde_json::Value;
use std::process::Command;
use support::daemon::{Daemon, command};
use support::http::Client;
use support::journal::{Journald, Stand, as_unit, values};
use support::redis::Redis;
use support::sim::Sim;
use support::{eventually, free_port};

/// The daemon as a unit, not yet started. `None`: not on this machine.
fn unit(sim: &Sim, redis: &Redis, folder: Option<&std::path::Path>, settings: &[(&str, &str)]) -> Option<(Command, u16)> {
    let port = free_port();
    let mut plain = command(sim, redis.port);
    plain.env("JBOD_LISTEN", format!("127.0.0.1:{port}")).env("SMART_POLL_INTERVAL", "1").envs(settings.iter().copied());
    Some((as_unit(&plain, folder)?, port))
}

/// … started, and its first sweep whole.
fn ready(sim: &Sim, redis: &Redis, folder: Option<&std::path::Path>, settings: &[(&str, &str)]) -> Option<Daemon> {
    let (mut command, port) = unit(sim, redis, folder, settings)?;
    let mut daemon = Daemon::spawn(&mut command, port);
    daemon.wait_listening("the daemon listens", || Client::connect(port));
    daemon.wait_ready();
    Some(daemon)
}

fn serial_in(sim: &Sim, bay: u64) -> String {
    let list = sim.list();
    let drive = list.iter().find(|d| d["bay"] == bay || d["slot"] == bay);
    drive.unwrap_or_else(|| panic!("{list:#?}"))["serial"].as_str().expect("a serial number").to_owned()
}

#[test]
fn probe() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let _ = sim.list();
    let Some(journald) = Journald::start() else { return };
    let Some(daemon) = ready(&sim, &redis, Some(&journald.folder()), &[("SMART_TIMEOUT", "1")]) else { return };
    let d=&daemon; let (s1,s3)=(serial_in(&sim,1),serial_in(&sim,3)); sim.pull(&[&s1]); eventually("a",||(!journald.ctl(&["-g","drive missing"]).is_empty()).then_some(())); sim.insert(&["bay/0/5","--serial",&s1]); eventually("m",||(!journald.ctl(&["-g","drive moved"]).is_empty()).then_some(())); sim.set(&s3,&["failed=true"]); eventually("c",||(!journald.ctl(&["-g","drive crit"]).is_empty()).then_some(())); sim.set(&s3,&["failed="]);eventually("o",||(!journald.ctl(&["-g","drive ok"]).is_empty()).then_some(())); println!("STDERR {}", d.log());
    println!("{}", journald.ctl(&["-o", "verbose"]));
}
