//! What a drive, a shelf's link or a pool calls itself is text wherever it is shown, and steers
//! nothing: no terminal, no log, no header, no key.

use super::wire::{answers, sent};
use crate::support::daemon::{Daemon, command, run};
use crate::support::json::drives;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use serde_json::{Map, Value, json};
use std::process::Command;

/// What stands in every name besides: it is looked for where no name belongs.
const MARK: &str = "Mk9q";

/// A device that lies can put these bytes into a field; the JSON around them is smartctl's.
fn hostile() -> Vec<String> {
    [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\r\nERROR forged\r\n2026-01-01T00:00:00Z ERROR forged",
        "\r\nSet-Cookie: a=b\r\n\r\n<html>",
        "\"},{\"verdict\":\"ok\",\\\"",
        "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
        "\0before\0and after\0",
        "\u{202e}txt.exe\u{202d}\u{2066}\u{2069}\u{200f}\u{61c}",
        "\u{2028}line\u{2029}paragraph\u{85}next\u{9b}31m\u{9d}0;t\u{9c}",
        "\u{feff}\u{200b}\u{2060}\u{ad}hidden",
        "%s%n%x ${jndi:ldap://x} $(id) `id` ; rm -rf ~ | cat",
        "../../../../etc/passwd",
        "jbod:smart:sda\r\nFLUSHALL\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    ]
    .map(|odd| format!("{MARK}{odd}{MARK}"))
    .into_iter()
    .chain([format!("{MARK}{}", "L".repeat(10_000)), format!("{MARK}{}", "\u{1F600}e\u{301}".repeat(3_000))])
    .collect()
}

/// A smartctl of which every answer is in a file of the drive's own node.
fn script(sim: &Sim) -> String {
    sim.script("odd-smartctl", "#!/bin/sh\nfor last; do :; done\ncat \"${0%odd-smartctl}said-${last##*/}\"\n")
        .to_string_lossy()
        .into_owned()
}

fn answer(name: &str, number: usize) -> Value {
    json!({
        "json_format_version": [1, 0],
        "smartctl": {"version": [7, 4], "exit_status": 0, "messages": [{"string": name, "severity": "error"}]},
        "device": {"name": name, "type": name, "protocol": "SCSI"},
        "serial_number": format!("S{number}{name}"),
        "model_name": name, "scsi_model_name": name, "scsi_vendor": name, "scsi_product": name, "vendor": name,
        "firmware_version": name, "scsi_revision": name, "logical_unit_id": name,
        "power_mode": {"name": name},
        "temperature": {"current": 31},
        "smart_status": {"passed": false, "scsi": {"ie_string": name}},
    })
}

/// Steers a terminal, turns a line round, hides in it, or ends it.
fn is_control_or_bidi(c: char) -> bool {
    let marks = ['\u{ad}', '\u{61c}', '\u{feff}', '\u{2028}', '\u{2029}'];
    let ranges = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2060}'..='\u{206f}'];
    c.is_control() || marks.contains(&c) || ranges.iter().any(|range| range.contains(&c))
}

/// Text for people: lines, and nothing in them that steers.
#[track_caller]
fn assert_plain(text: &str, what: &str) {
    let odd = text.char_indices().find(|(_, c)| *c != '\n' && is_control_or_bidi(*c));
    if let Some((at, c)) = odd {
        let near: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what}: {c:?} behind {near:?}");
    }
    assert!(text.lines().all(|line| !line.starts_with("ERROR")), "{what}: a forged line");
}

/// A host of which every drive has a hostile name, and every leaf and pool, as far as their tools
/// let them.
fn host() -> (Sim, Vec<String>) {
    let names = hostile();
    let count = names.len().to_string();
    let sim = Sim::host(&[
        "--enclosures",
        "1",
        "--bays",
        "24",
        "--drives",
        &count,
        "--paths",
        "1",
        "--sata",
        "0",
        "--ssd",
        "0",
        "--nvme",
        "0",
        "--pools",
        "1",
        "--vdev-width",
        "4",
    ]);
    let list = sim.list();
    for (number, (drive, name)) in list.iter().zip(&names).enumerate() {
        let node = drive["sg"][0].as_str().or(drive["sg"].as_str()).expect("an sg node").to_owned();
        std::fs::write(sim.root().join(format!("said-{node}")), answer(name, number).to_string()).expect("an answer");
        // The kernel's own view of it: what INQUIRY gave, as bytes.
        let device = drive["devices"][0].as_str().expect("a device");
        let block = sim.root().join("sys/block").join(device).join("device");
        for file in ["vendor", "model", "rev"] {
            std::fs::write(block.join(file), format!("{name}\n")).expect("a file of the host");
        }
        std::fs::write(block.join("vpd_pg80"), [&[0, 0x80, 0, 255][..], name.as_bytes()].concat()).expect("a page");
    }
    // zpool(8) lets a pool's name have letters, digits, `-_.: `; a text of its own may be anything.
    let leaf = |name: &str| format!("\t    {name}  ONLINE  0  0  0  \u{1b}[31m{MARK}\r\n");
    let text = format!(
        "  pool: {MARK}my pool:1\n state: DEGRADED\nstatus: \u{1b}[2J{MARK}\u{202e}\n  scan: none requested\nconfig:\n\n\tNAME  STATE  READ WRITE CKSUM\n\t{MARK}my pool:1  ONLINE  0  0  0\n\t  raidz1-0  ONLINE  0  0  0\n{}{}errors: \u{7}{MARK}\u{1b}]0;x\u{7}\n",
        leaf(&format!("/dev/{}", list[0]["devices"][0].as_str().expect("a device"))),
        leaf("/dev/\u{1b}[31m<b>\u{202e}"),
    );
    std::fs::write(sim.root().join("said-zpool"), text).expect("an answer");
    (sim, names)
}

#[test]
fn hostile_names_are_harmless_in_responses_and_logs() {
    let (sim, names) = host();
    let redis = Redis::start();
    let smartctl = script(&sim);
    let zpool = "#!/bin/sh\ncase \"$*\" in *-j*) exit 2 ;; esac\ncat \"${0%odd-zpool}said-zpool\"\n";
    let zpool = sim.script("odd-zpool", zpool).to_string_lossy().into_owned();
    let settings =
        [("SMARTCTL_PATH", &*smartctl), ("ZPOOL_PATH", &*zpool), ("RUST_LOG", "trace"), ("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    daemon.after_sweeps(2);

    let overview = daemon.json("/api/overview");
    let named = drives(&overview).filter(|d| d["serial_number"].as_str().is_some_and(|s| s.contains(MARK))).count();
    assert_eq!(named, names.len(), "each drive is there: {overview}");
    let mut paths: Vec<String> =
        ["overview", "drives", "enclosures", "zfs", "map.txt", "whereis/nosuch", "drives/nosuch", "drives?pool=x"]
            .map(|path| format!("/api/{path}"))
            .into();
    for drive in drives(&overview) {
        let device = drive["device"].as_str().expect("a device");
        paths.extend([format!("/api/drives/{device}"), format!("/api/whereis/{device}")]);
    }
    // A name that comes back to who asks with it.
    paths.extend(["/api/whereis/%1b%5b31m%e2%80%aex".to_owned(), "/api/drives/%1b%5b31m%0d%0aX-Injected:1".to_owned()]);
    for path in &paths {
        for accept in ["text/plain", "application/json"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
            let told = answers(&sent(daemon.port, request.as_bytes()));
            let [told] = told.as_slice() else { panic!("{path}: {} answers", told.len()) };
            assert!(!told.head.contains(MARK) && !told.head.contains("X-Injected"), "{path}: {}", told.head);
            assert!(told.head.bytes().all(|b| (b' '..0x7f).contains(&b) || b == b'\r' || b == b'\n'), "{path}");
            let body = std::str::from_utf8(&told.body).unwrap_or_else(|e| panic!("{path}: {e}"));
            if told.head.contains("json") {
                serde_json::from_str::<Value>(body).unwrap_or_else(|e| panic!("{path}: {e}"));
                assert!(body.trim_end().bytes().all(|b| b >= 0x20), "{path}: control characters are escaped");
            } else {
                assert_plain(body, path);
            }
        }
    }
    daemon.stop_and_check_log();

    for key in redis.keys() {
        assert!(!key.contains(MARK), "{key:?}");
        assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:".contains(&b)), "{key:?}");
    }
}

/// The commands that a person runs at a terminal.
#[test]
fn hostile_names_are_harmless_on_a_terminal() {
    let (sim, names) = host();
    let redis = Redis::start();
    let zpool = "#!/bin/sh\ncase \"$*\" in *-j*) exit 2 ;; esac\ncat \"${0%odd-zpool}said-zpool\"\n";
    let (smartctl, zpool) = (script(&sim), sim.script("odd-zpool", zpool));
    let ask = |args: &[&str]| {
        let mut command: Command = command(&sim, redis.port);
        run(command.env("SMARTCTL_PATH", &smartctl).env("ZPOOL_PATH", &zpool).args(args))
    };
    for args in [&["scan"][..], &["doctor"]] {
        let ended = ask(args);
        assert_plain(&ended.stdout, &format!("{args:?}"));
        assert_plain(&ended.stderr, &format!("{args:?}, stderr"));
        assert!(args[0] != "scan" || ended.stdout.contains(MARK), "{}", ended.stdout);
    }
    let ended = ask(&["scan", "--json"]);
    let overview: Value = serde_json::from_str(&ended.stdout).expect("scan --json gives JSON");
    let named = drives(&overview).filter(|d| d["serial_number"].as_str().is_some_and(|s| s.contains(MARK))).count();
    assert_eq!(named, names.len());
    assert!(ended.stdout.trim_end().bytes().all(|b| b == b'\n' || b >= 0x20), "control characters are escaped");
    assert_ne!(overview.as_object().map(Map::len), Some(0));
}

impl Daemon {
    /// One record is one line, each begins as a line does, and nothing in it steers.
    #[track_caller]
    fn stop_and_check_log(self) {
        let (status, log) = self.stop(rustix::process::Signal::TERM);
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains(MARK), "the names are told of");
        for line in log.lines() {
            assert!(line.starts_with("20") && line.contains("Z "), "a line of its own: {line:.200}");
            assert!(line.len() < 8_000, "a line of {} bytes: {line:.200}", line.len());
        }
        assert_plain(&log, "the log");
    }
}
