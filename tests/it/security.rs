//! The promises of SECURITY.md: each names tests that exist, and those that are not tested elsewhere are tested here.

use crate::support;
use crate::support::wait_until;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::daemon::{Daemon, command};
use support::port::ANY_PORT;
use support::redis::Redis;
use support::sim::Sim;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all tests: `file::test` for those in `tests/`, `module::test` for those in `src/`.
fn all_tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["tests", "src"] {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    tests.extend(tests_of(&path));
                }
            }
        }
    }
    tests
}

fn tests_of(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("source");
    let stem = path.file_stem().expect("a name").to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
    // src/a/mod.rs and src/a/tests.rs are module a.
    let module = if matches!(&*stem, "mod" | "tests" | "main") { folder } else { stem };
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if line.starts_with("#[ignore") && !line.starts_with("#[ignore = \"needs ") {
            // `make test` does not run it. Tests that need something run where the need is met.
            is_test = false;
        } else if is_test && let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            found.push(format!("{module}::{name}"));
            is_test = false;
        }
    }
    found
}

#[test]
fn each_promise_names_tests_that_exist() {
    let text = read("SECURITY.md");
    let (_, rest) = text.split_once("| promise | tests |").expect("the table");
    let (table, _) = rest.split_once("\n\n").expect("the end of the table");
    let tests = all_tests();
    let mut broken = Vec::new();
    let mut promises = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        promises += 1;
        let (promise, named) = row.trim_matches(['|', ' ']).rsplit_once(" | ").expect("two columns");
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            broken.push(format!("no test: {promise}"));
        }
        let missing = named.into_iter().filter(|name| !tests.contains(*name));
        broken.extend(missing.map(|name| format!("no such test: {name}")));
    }
    assert!(promises > 20, "{promises} promises");
    assert!(broken.is_empty(), "SECURITY.md:\n{}", broken.join("\n"));
}

/// A script that logs its arguments and runs the tool of the simulator; and its log.
fn logging(sim: &Sim, tool: &str) -> (PathBuf, PathBuf) {
    let (real, log) = (sim.tool(tool), sim.root().join(format!("log-{tool}")));
    let script = format!("#!/bin/sh\necho \"$@\" >>'{}'\nexec '{}' \"$@\"\n", log.display(), real.display());
    (sim.script(&format!("logging-{tool}"), &script), log)
}

/// True if each of the options only reads, by smartctl(8) and zpool-status(8).
fn only_reads(tool: &str, line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    if tool == "zpool" {
        return matches!(words[..], ["status", "-j", "--json-int", "-P", "-p", "-it"] | ["status", "-P", "-p", "-it"]);
    }
    let mut words = words.into_iter();
    loop {
        match words.next() {
            None => return true,
            Some("--json=c" | "-a" | "--version" | "-V") => {}
            Some("-n") => {
                if !matches!(words.next(), Some("never" | "standby,3" | "sleep,3" | "idle,3")) {
                    return false;
                }
            }
            Some("-d") => {
                let kind = words.next().unwrap_or_default();
                if kind.is_empty() || kind.starts_with('-') || kind.starts_with('/') {
                    return false;
                }
            }
            Some("-B") => {
                if words.next() != Some("/dev/null") {
                    return false;
                }
            }
            Some("--") => {
                let node = words.next().unwrap_or_default();
                return node.starts_with("/dev/") && words.next().is_none();
            }
            Some(_) => return false,
        }
    }
}

fn runs(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

#[test]
fn no_run_of_a_tool_changes_anything() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("bay/0/3", &["standby=true"]);
    let (smartctl, smartctl_log) = logging(&sim, "smartctl");
    let (zpool, zpool_log) = logging(&sim, "zpool");
    let mut command = command(&sim, redis.port);
    command.env("JBOD_LISTEN", ANY_PORT).env("SMART_POLL_INTERVAL", "1");
    command.env("SMARTCTL_PATH", smartctl).env("ZPOOL_PATH", zpool);
    let daemon = Daemon::listening(&mut command);
    wait_until("three sweeps are complete", || runs(&smartctl_log).lines().count() > 3 * 79);
    daemon.wait_ready();
    for path in ["/api/drives/sda", "/api/whereis/sdb", "/api/overview", "/api/zfs", "/metrics", "/api/drives/nvme0n1"]
    {
        assert_eq!(daemon.get(path).status, 200, "{path}");
    }
    drop(daemon);
    for (tool, log) in [("smartctl", smartctl_log), ("zpool", zpool_log)] {
        let text = runs(&log);
        let bad: BTreeSet<&str> = text.lines().filter(|line| !only_reads(tool, line)).collect();
        assert!(bad.is_empty(), "{tool} was run with {bad:?}");
        assert!(text.lines().count() > 0, "{tool} was never run");
    }
}

/// The lines of the unit that restrict the service.
#[test]
fn the_unit_keeps_its_sandbox() {
    const SANDBOX: [&str; 36] = [
        "User=jbod-monitor",
        "AmbientCapabilities=CAP_SYS_RAWIO CAP_SYS_ADMIN",
        "CapabilityBoundingSet=CAP_SYS_RAWIO CAP_SYS_ADMIN",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "ProtectProc=invisible",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectControlGroups=yes",
        "LockPersonality=yes",
        "MemoryDenyWriteExecute=yes",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "RemoveIPC=yes",
        "KeyringMode=private",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@resources @privileged",
        "DevicePolicy=closed",
        "DeviceAllow=block-sd r",
        "DeviceAllow=block-blkext r",
        "DeviceAllow=char-sg rw",
        "DeviceAllow=char-nvme rw",
        "DeviceAllow=char-megaraid_sas_ioctl rwm",
        "DeviceAllow=/dev/zfs rw",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
        "TasksMax=512",
        "MemoryMax=512M",
    ];
    let unit = read("systemd/jbod-monitor.service");
    let lines: Vec<&str> = unit.lines().map(str::trim).collect();
    for line in SANDBOX {
        assert_eq!(lines.iter().filter(|found| **found == line).count(), 1, "{line}");
    }
    let widening = [
        "DeviceAllow=",
        "AmbientCapabilities=",
        "CapabilityBoundingSet=",
        "IPAddressAllow=",
        "SystemCallFilter=",
        "ReadWritePaths=",
    ];
    for line in lines.iter().filter(|line| widening.iter().any(|name| line.starts_with(name))) {
        assert!(SANDBOX.contains(line), "{line} is not in the list of this test");
    }
}

#[test]
fn the_program_has_no_unsafe_code_of_its_own() {
    // The compiler enforces it: `forbid` allows no exception.
    assert!(read("Cargo.toml").lines().any(|line| line == "unsafe_code = \"forbid\""));
}

#[test]
fn no_response_sets_a_cookie_or_allows_another_origin() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let evil = [("Origin", "http://evil.example"), ("Cookie", "a=b")];
    for path in
        ["/", "/page.js", "/api/overview", "/api/drives/sda", "/metrics", "/healthz", "/openapi.json", "/nothing"]
    {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let answer = daemon.request(method, path, &evil);
            for name in answer.headers.keys() {
                assert!(name != "set-cookie" && !name.starts_with("access-control-"), "{method} {path}: {name}");
            }
        }
    }
}
