//! The command `scan`, and output that is not read.

use super::{exits, on, pid_of, runs};
use crate::helpers::{array, string};
use crate::support::daemon::{Daemon, children_of};
use crate::support::eventually;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use crate::support::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::Read;
use std::process::{Command, Stdio};

/// Runs a command whose output is not read, as with `| head -1`.
#[track_caller]
fn assert_quiet_without_a_reader(command: &mut Command) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the command starts");
    let status = eventually("the command ends", || child.try_wait().expect("the state of the command"));
    let mut errors = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("standard error");
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""), "{command:?}");
}

#[test]
fn a_closed_standard_output_is_not_an_error() {
    let sim = Sim::rack();
    assert_quiet_without_a_reader(on(&sim).arg("scan"));
    assert_quiet_without_a_reader(on(&sim).args(["scan", "--json"]));
    assert_quiet_without_a_reader(on(&sim).arg("check-config"));
}

#[test]
fn scan_prints_a_line_for_each_bay_with_the_state_of_its_drive() {
    let sim = Sim::host(&["--enclosures", "2", "--bays", "12", "--drives", "20", "--paths", "2"]);
    sim.set("bay/0/2", &["failed=true"]);
    sim.set("bay/1/4", &["hang=true"]);
    let ended = exits(on(&sim).args(["scan", "--smart-timeout", "1"]), 0);
    assert!(!ended.stdout.contains(['\x1b', '\r']) && !ended.stderr.contains(['\x1b', '\r']), "{ended:?}");
    let drives = sim.list();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let bays: Vec<&str> = lines.iter().copied().filter(|line| is_bay(line)).collect();
    assert_eq!(bays.len(), 24, "{}", ended.stdout);
    let empty = bays.iter().filter(|line| line.contains("(empty)")).count();
    let in_bays = drives.iter().filter(|drive| !drive["bay"].is_null()).count();
    assert_eq!(empty, 24 - in_bays, "{}", ended.stdout);
    for drive in &drives {
        let line = lines.iter().find(|line| line.contains(string(drive, "serial")));
        let line = line.unwrap_or_else(|| panic!("no {drive}: {}", ended.stdout));
        let words: Vec<&str> = line.split_whitespace().collect();
        let bay = if drive["bay"].is_null() { "-".to_owned() } else { drive["bay"].to_string() };
        assert_eq!(words[0], bay, "{line}");
        let devices: Vec<&str> = array(drive, "devices").iter().filter_map(Value::as_str).collect();
        assert_eq!(words[1], devices.join(","), "{line}");
        match (drive["enclosure"].as_u64(), drive["bay"].as_u64()) {
            (Some(0), Some(2)) => {
                assert!(line.contains("crit") && line.contains("reports that it is failing"), "{line}");
            }
            (Some(1), Some(4)) => assert!(line.contains("no answer within 1 s"), "{line}"),
            _ => assert!(line.contains(" ok"), "{line}"),
        }
    }
}

/// Whether a line of `scan` is about a bay: it begins with the number of a slot.
fn is_bay(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    first.parse::<u32>().is_ok() && !line.contains("drives on")
}

#[test]
fn scan_of_a_healthy_host_prints_nothing_but_the_table() {
    let sim = Sim::small();
    let ended = exits(on(&sim).arg("scan"), 0);
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.contains("4 of 6 bays occupied"), "{}", ended.stdout);
}

/// The value without what differs in each sweep of the same host.
fn steady(value: &Value) -> Value {
    // The version is a hash over these, too.
    const VARYING: [&str; 9] =
        ["generated_at", "collected_at", "checked_at", "started_at", "ended_at", "took_ms", "stale", "text", "version"];
    match value {
        Value::Object(fields) => {
            let mut kept = serde_json::Map::new();
            for (name, value) in fields {
                let value = if VARYING.contains(&name.as_str()) { Value::Null } else { steady(value) };
                kept.insert(name.clone(), value);
            }
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(steady).collect()),
        other => other.clone(),
    }
}

/// Adds the places at which two values differ.
fn compare(place: &str, one: &Value, two: &Value, differences: &mut Vec<String>) {
    let absent = Value::String("absent".to_owned());
    match (one, two) {
        (Value::Object(first), Value::Object(second)) => {
            for name in first.keys().chain(second.keys().filter(|name| !first.contains_key(*name))) {
                let (first, second) = (first.get(name).unwrap_or(&absent), second.get(name).unwrap_or(&absent));
                compare(&format!("{place}.{name}"), first, second, differences);
            }
        }
        (Value::Array(first), Value::Array(second)) => {
            for index in 0..first.len().max(second.len()) {
                let (first, second) = (first.get(index).unwrap_or(&absent), second.get(index).unwrap_or(&absent));
                compare(&format!("{place}[{index}]"), first, second, differences);
            }
        }
        _ if one != two => differences.push(format!("{place}: {one}, {two}")),
        _ => {}
    }
}

#[test]
fn scan_in_json_is_the_overview() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let scanned = exits(on(&sim).args(["scan", "--json"]), 0);
    assert_eq!(scanned.stderr, "");
    let scanned: Value = serde_json::from_str(&scanned.stdout).expect("JSON and nothing else");
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview =
        daemon.overview_when("the sweep is in the overview", |overview| !overview["sweep"]["started_at"].is_null());
    let mut differences = Vec::new();
    compare("", &steady(&scanned), &steady(&overview), &mut differences);
    assert_eq!(differences, [""; 0]);
}

#[test]
fn sigint_ends_a_scan_and_its_children() {
    let sim = Sim::small();
    sim.set("all", &["latency_ms=60000"]);
    sim.set("bay/0/1", &["hang_ignore_term=true"]);
    let mut scan = on(&sim);
    scan.arg("scan").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = scan.spawn().expect("the scan starts");
    let children = eventually("every drive is being read", || {
        let children = children_of(child.id());
        (children.len() >= 4).then_some(children)
    });
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    let status = eventually("the scan ends", || child.try_wait().expect("the state of the scan"));
    assert!(!status.success(), "{status:?}");
    let mut table = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut table).expect("output");
    assert_eq!(table, "", "an incomplete table is not printed");
    wait_until("no child runs", || children.iter().all(|child| !runs(pid_of(child))));
}
