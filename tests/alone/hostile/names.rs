//! Hostile names of drives and pools are shown as plain text: they inject nothing into the terminal, the log, headers
//! or keys.

use super::wire::{answers, sent};
use crate::support::daemon::{Daemon, command, run};
use crate::support::json::{drives, text};
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use serde_json::{Value, json};

/// A part of every name, for checks that no name is in a header or key.
const MARK: &str = "Mk9q";

/// Names as a hostile device may report them, within valid JSON of smartctl.
fn hostile() -> Vec<String> {
    let odd = [
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
    ];
    let mut names: Vec<String> = odd.iter().map(|odd| format!("{MARK}{odd}{MARK}")).collect();
    names.push(format!("{MARK}{}", "L".repeat(10_000)));
    names.push(format!("{MARK}{}", "\u{1F600}e\u{301}".repeat(3_000)));
    names
}

/// A smartctl that prints a file named after the node of the drive.
fn hostile_smartctl(sim: &Sim) -> String {
    let text = "#!/bin/sh\nfor last; do :; done\ncat \"${0%odd-smartctl}output-${last##*/}\"\n";
    sim.script("odd-smartctl", text).to_string_lossy().into_owned()
}

/// A zpool without JSON that prints a file.
fn hostile_zpool(sim: &Sim) -> String {
    let text = "#!/bin/sh\ncase \"$*\" in *-j*) exit 2 ;; esac\ncat \"${0%odd-zpool}output-zpool\"\n";
    sim.script("odd-zpool", text).to_string_lossy().into_owned()
}

/// smartctl's JSON of a drive with this name in every text.
fn smartctl_output(name: &str, number: usize) -> Value {
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

/// Controls a terminal, changes the direction of a line, is invisible, or ends a line.
fn is_control_or_bidi(character: char) -> bool {
    let marks = ['\u{ad}', '\u{61c}', '\u{feff}', '\u{2028}', '\u{2029}'];
    let ranges = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2060}'..='\u{206f}'];
    let is_in_range = ranges.iter().any(|range| range.contains(&character));
    character.is_control() || marks.contains(&character) || is_in_range
}

/// Fails unless the text is lines without such characters.
#[track_caller]
fn assert_plain(text: &str, what: &str) {
    for line in text.lines() {
        assert!(!line.contains(is_control_or_bidi), "{what}: {line:?}");
        assert!(!line.starts_with("ERROR"), "{what}: a forged line: {line:?}");
    }
}

/// A host with hostile names of all drives, and of pools and leaves as far as their tools allow. Returns the names.
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
        let output = smartctl_output(name, number).to_string();
        std::fs::write(sim.root().join(format!("output-{node}")), output).expect("an output");
        // The kernel shows the bytes of INQUIRY.
        let device = drive["devices"][0].as_str().expect("a device");
        let block = sim.root().join("sys/block").join(device).join("device");
        for file in ["vendor", "model", "rev"] {
            std::fs::write(block.join(file), format!("{name}\n")).expect("a file of the host");
        }
        std::fs::write(block.join("vpd_pg80"), [&[0, 0x80, 0, 255][..], name.as_bytes()].concat()).expect("a page");
    }
    // The name of a pool has only letters, digits and `-_.: ` (zpool-create(8)).
    let text = format!(
        "  pool: {MARK}my pool:1\n state: DEGRADED\nstatus: \u{1b}[2J{MARK}\u{202e}\n  scan: none requested\nconfig:\n\n\tNAME  STATE  READ WRITE CKSUM\n\t{MARK}my pool:1  ONLINE  0  0  0\n\t  raidz1-0  ONLINE  0  0  0\n{}{}errors: \u{7}{MARK}\u{1b}]0;x\u{7}\n",
        leaf(list[0]["devices"][0].as_str().expect("a device")),
        leaf("\u{1b}[31m<b>\u{202e}"),
    );
    std::fs::write(sim.root().join("output-zpool"), text).expect("an output");
    (sim, names)
}

/// The line of a leaf in `zpool status`.
fn leaf(name: &str) -> String {
    format!("\t    /dev/{name}  ONLINE  0  0  0  \u{1b}[31m{MARK}\r\n")
}

/// The number of drives with a hostile serial number.
fn hostile_count(overview: &Value) -> usize {
    drives(overview).filter(|drive| text(&drive["serial_number"]).contains(MARK)).count()
}

#[test]
fn hostile_names_are_harmless_in_responses_and_logs() {
    let (sim, names) = host();
    let redis = Redis::start();
    let (smartctl, zpool) = (hostile_smartctl(&sim), hostile_zpool(&sim));
    let settings =
        [("SMARTCTL_PATH", &*smartctl), ("ZPOOL_PATH", &*zpool), ("RUST_LOG", "trace"), ("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    daemon.after_sweeps(2);

    let overview = daemon.json("/api/overview");
    assert_eq!(hostile_count(&overview), names.len(), "{overview}");
    let mut paths: Vec<String> =
        ["overview", "drives", "enclosures", "zfs", "map.txt", "whereis/nosuch", "drives/nosuch", "drives?pool=x"]
            .map(|path| format!("/api/{path}"))
            .into();
    for drive in drives(&overview) {
        let device = drive["device"].as_str().expect("a device");
        paths.extend([format!("/api/drives/{device}"), format!("/api/whereis/{device}")]);
    }
    // A name in a request that the response repeats.
    paths.extend(["/api/whereis/%1b%5b31m%e2%80%aex".to_owned(), "/api/drives/%1b%5b31m%0d%0aX-Injected:1".to_owned()]);
    for path in &paths {
        for accept in ["text/plain", "application/json"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
            let responses = answers(&sent(daemon.port, request.as_bytes()));
            let [response] = responses.as_slice() else { panic!("{path}: {} responses", responses.len()) };
            let head = &response.head;
            assert!(!head.contains(MARK) && !head.contains("X-Injected"), "{path}: {head}");
            assert!(head.bytes().all(|byte| matches!(byte, b' '..0x7f | b'\r' | b'\n')), "{path}: {head:?}");
            let body = std::str::from_utf8(&response.body).unwrap_or_else(|error| panic!("{path}: {error}"));
            if head.contains("json") {
                serde_json::from_str::<Value>(body).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert!(body.trim_end().bytes().all(|byte| byte >= 0x20), "{path}: control characters");
            } else {
                assert_plain(body, path);
            }
        }
    }
    daemon.stop_and_check_log();

    for key in redis.keys() {
        assert!(!key.contains(MARK), "{key:?}");
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte)), "{key:?}");
    }
}

/// The commands that print to a terminal.
#[test]
fn hostile_names_are_harmless_on_a_terminal() {
    let (sim, names) = host();
    let redis = Redis::start();
    let (smartctl, zpool) = (hostile_smartctl(&sim), hostile_zpool(&sim));
    let settings = [("SMARTCTL_PATH", &smartctl), ("ZPOOL_PATH", &zpool)];
    for name in ["scan", "doctor"] {
        let ended = run(command(&sim, redis.port).envs(settings).arg(name));
        assert_plain(&ended.stdout, name);
        assert_plain(&ended.stderr, &format!("stderr of {name}"));
        assert!(name != "scan" || ended.stdout.contains(MARK), "{}", ended.stdout);
    }
    let ended = run(command(&sim, redis.port).envs(settings).args(["scan", "--json"]));
    let overview: Value = serde_json::from_str(&ended.stdout).expect("scan --json prints JSON");
    assert_eq!(hostile_count(&overview), names.len());
    let is_printable = ended.stdout.trim_end().bytes().all(|byte| byte == b'\n' || byte >= 0x20);
    assert!(is_printable, "control characters: {}", ended.stdout);
}

impl Daemon {
    /// Stops the daemon. Fails unless each record is one line of plain text with the time at its start.
    #[track_caller]
    fn stop_and_check_log(self) {
        let (status, log) = self.stop(rustix::process::Signal::TERM);
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains(MARK), "no name is logged");
        for line in log.lines() {
            assert!(line.starts_with("20") && line.contains("Z "), "no time: {line:.200}");
            assert!(line.len() < 8_000, "a line of {} bytes: {line:.200}", line.len());
        }
        assert_plain(&log, "the log");
    }
}
