//! 10,000 damaged inputs other than outputs of tools: files of the kernel, the rules file, values in Redis, tools through a
//! real fork and exec, and requests of clients.

use super::fixtures;
use super::mutate;
use super::random::try_cases;
use crate::support::daemon::Daemon;
use crate::support::redis::Redis;
use crate::support::rng::Rng;
use crate::support::sim::Sim;
use clap::{CommandFactory, FromArgMatches};
use jbod_monitor::api::document_header::DocumentHeader;
use jbod_monitor::api::drive_document::{StoredDocument, smartctl_json};
use jbod_monitor::api::missing_drives::parse_missing_list;
use jbod_monitor::api::stale::mark_stale;
use jbod_monitor::cli::Cli;
use jbod_monitor::config::{Config, Environment};
use jbod_monitor::domain::drive::Drive;
use jbod_monitor::domain::time::Timestamp;
use jbod_monitor::probe::links::Links;
use jbod_monitor::probe::{Host, drives, enclosure, smartctl, tools};
use jbod_monitor::stop::Stop;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn host(sim: &Sim) -> Host {
    Host { root: sim.root().to_owned(), smartctl: Some(sim.tool("smartctl")), zpool: Some(sim.tool("zpool")) }
}

/// The regular files in a folder. Links are not followed.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the host").flatten() {
        let kind = entry.file_type().expect("its type");
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

fn discover(host: &Host) -> Vec<Drive> {
    drives::discover(host).expect("a discovery of drives")
}

/// Drives and enclosures are discovered, whatever one of the files contains.
#[test]
fn files_of_sysfs_may_have_any_content() {
    let sim = fixtures::sysfs();
    let host = host(&sim);
    let mut all = Vec::new();
    files(&sim.root().join("sys"), &mut all);
    all.sort();
    let here = discover(&host).len();
    let damage = move |rng: &mut Rng| {
        // The path of the file, then its new content.
        let at = rng.below(all.len());
        let was = std::fs::read(&all[at]).expect("a file of the host");
        let now = if rng.below(2) == 0 { mutate::raw(rng, was) } else { mutate::text(rng, &was) };
        [all[at].to_str().expect("a path").as_bytes(), b"\0", &now].concat()
    };
    try_cases("sysfs", 2_000, damage, move |bytes| {
        let end = bytes.iter().position(|byte| *byte == 0).expect("a path");
        let path = std::str::from_utf8(&bytes[..end]).expect("a path");
        let was = std::fs::read(path).expect("a file of the host");
        std::fs::write(path, &bytes[end + 1..]).expect("the file is written");
        let mut found = discover(&host);
        let mut known = enclosure::EnclosureHistory::default();
        let shelves = enclosure::discover(&host, &enclosure::DriveOwners::of(&found), &mut known, Instant::now());
        let shelves = shelves.expect("a discovery of enclosures").enclosures;
        let links = Links::read(&host, &mut found);
        assert!(found.len() + 1 >= here, "a file affects more than one drive: {path}");
        assert!(found.iter().all(|drive| !drive.paths.is_empty()));
        assert_eq!(links.drive("nosuchdrive"), None);
        assert!(shelves.iter().all(|shelf| shelf.slots.is_sorted_by_key(|slot| (slot.number.is_none(), slot.number))));
        std::fs::write(path, was).expect("the file is written");
    });
}

/// The rules file is valid, or the error names the setting.
#[test]
fn the_rules_file_may_have_any_content() {
    const FILES: [&str; 3] = [
        "[rules.A5]\nwatch = 8\nwarn = 100\ncrit = false\n\n[rules.A7]\nenabled = false\n",
        "[models.\"ST4000*\".T1]\nwarn = 55\n[models.\"ST4000*\".A9-184]\nenabled = false\n",
        "[rules.A9-10]\nenabled = true\nwarn = 3\n[rules.\"A9-196\"]\nwatch = 99\n[models.\"*\".Z2]\nwarn = 20\n",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.toml");
    let args = Cli::command().get_matches_from(["jbod-monitor", "--rules-file", file.to_str().expect("a path")]);
    let cli = Cli::from_arg_matches(&args).expect("the command line");
    let damaged_file = |rng: &mut Rng| {
        let from = *rng.one(&FILES);
        mutate::text(rng, from.as_bytes())
    };
    try_cases("limits", 2_000, damaged_file, move |bytes| {
        std::fs::write(&file, bytes).expect("the file is written");
        match Config::build(&cli.settings, &Environment::default()) {
            Ok(config) => assert!(config.limit_rows().iter().all(|(_, limits, _)| !limits.is_empty())),
            Err(error) => assert_eq!(error.setting, "JBOD_RULES_FILE", "{error}"),
        }
    });
    drop(folder);
}

/// The version or an output of smartctl, damaged.
fn damaged_smartctl(rng: &mut Rng) -> Vec<u8> {
    const VERSION: &str = "smartctl 7.4 2023-08-01 r5530 [x86_64-linux-6.1.0-18-amd64] (local build)\nmore\n";
    let from = rng.small(fixtures::smartctl());
    if rng.below(2) == 0 { mutate::text(rng, VERSION.as_bytes()) } else { mutate::raw(rng, from.clone()) }
}

/// smartctl as a program with any output.
#[test]
fn smartctl_as_a_program_may_print_anything() {
    let sim = fixtures::sysfs();
    let out = sim.root().join("out");
    let host = Host { smartctl: Some(sim.script("tool", "#!/bin/sh\ncat \"${0%tool}out\"\n")), ..host(&sim) };
    let drive: Drive = discover(&host).into_iter().next().expect("a drive");
    let stop = Stop::new().expect("a stop");
    let options = smartctl::Options { timeout: Duration::from_secs(30), nocheck: "never" };
    try_cases("tools", 500, damaged_smartctl, move |bytes| {
        std::fs::write(&out, bytes).expect("the file is written");
        let version = tools::smartctl(&host, &stop).expect("no stop was requested").to_string();
        assert!(!version.is_empty() && version.chars().count() < 1000, "{version}");
        let answer = smartctl::read(&host, &drive, &drive.paths[0], None, options, &stop);
        assert!(answer.stuck.is_none() && !answer.stopped);
    });
    drop(sim);
}

/// A daemon with a host and a Redis.
fn daemon() -> (Sim, Redis, Daemon) {
    let (sim, redis) = (fixtures::sysfs(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    (sim, redis, daemon)
}

/// Other programs may have written the values in Redis.
#[test]
fn values_in_redis_may_be_anything() {
    let (_sim, redis, daemon) = daemon();
    daemon.json("/api/overview");
    let mut stored: Vec<Vec<u8>> =
        redis.keys().iter().filter_map(|key| redis.get(key)).map(String::into_bytes).collect();
    stored.sort_by_key(Vec::len);
    assert!(stored.len() > 10, "only {} documents are stored", stored.len());
    let damage = move |rng: &mut Rng| {
        let from = rng.small(&stored);
        mutate::json(rng, from)
    };
    try_cases("redis", 4_000, damage, |bytes| {
        let (head, stored) = (DocumentHeader::parse(bytes), StoredDocument::parse(bytes));
        assert!(stored.is_none() || head.is_some(), "a document without a header");
        if let Some(stored) = stored
            && let Some(restored) = stored.to_restored(None, Timestamp(0))
        {
            assert!(restored.drive.is_restored());
        }
        let labelled = mark_stale(bytes);
        assert!(labelled.len() <= bytes.len());
        assert_eq!(smartctl_json(bytes).is_some(), smartctl_json(&labelled).is_some(), "smartctl's JSON is kept");
        if let Some(drives) = parse_missing_list(bytes, "nas1") {
            assert!(drives.iter().all(|drive| !drive.get().is_empty()));
        }
    });
}

/// Every client sends, shuts down its side of the connection, and receives a response or the end of the connection.
#[test]
fn clients_may_send_anything() {
    const HEADS: [&str; 4] = [
        "GET /api/drives?verdict=crit&pool=my+tank HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/whereis/%2Fdev%2Fsda HTTP/1.1\r\nHost: localhost\r\nAccept: application/json;q=0.5, text/plain\r\n\r\n",
        "HEAD /api/drives/sda HTTP/1.0\r\nIf-None-Match: \"a\", W/\"b\"\r\nConnection: keep-alive\r\n\r\n",
        "POST /api/overview HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    ];
    let (_sim, _redis, daemon) = daemon();
    let port = daemon.port;
    let damaged_head = |rng: &mut Rng| {
        let from = *rng.one(&HEADS);
        if rng.below(3) == 0 { mutate::raw(rng, from.as_bytes().to_vec()) } else { mutate::text(rng, from.as_bytes()) }
    };
    try_cases("clients", 1_500, damaged_head, move |bytes| {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the daemon accepts");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        // The daemon may have closed the connection already.
        let _ = socket.write_all(bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let end = socket.read_to_end(&mut answer).map_err(|error| error.kind());
        assert_ne!(end, Err(std::io::ErrorKind::WouldBlock), "neither a response nor the end of the connection");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&answer));
    });
    assert_eq!(daemon.get("/healthz").status, 200);
    assert_eq!(daemon.logged("panic"), 0, "{}", daemon.log());
}
