//! Damaged and hostile output of smartctl and zpool: a value that cannot be read is null, output beyond the limits is an
//! error, and memory is limited.

use crate::support;
use crate::support::wait_until;

use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use support::daemon::Daemon;
use support::eventually;
use support::json::{drive, drives, list, text};
use support::redis::Redis;
use support::sim::Sim;

/// All of them are read at once.
const DRIVES: usize = 16;
/// A debug build takes about 20 MiB with 16 drives.
const PEAK_KIB: usize = 128 * 1024;
/// The limits of the output of smartctl and of zpool.
const SMARTCTL_BYTES: usize = 256 * 1024;
const ZPOOL_BYTES: usize = 16 * 1024 * 1024;

fn shelf() -> Sim {
    let count = DRIVES.to_string();
    Sim::host(&["--bays", "24", "--drives", &count, "--paths", "1", "--sata", "0", "--ssd", "0", "--nvme", "0"])
}

/// A change of smartctl's JSON, and the resulting value of a field.
struct Edit {
    /// The changed part, as a pattern of sed; `^{` is the beginning.
    from: &'static str,
    to: String,
    field: &'static str,
    /// `None`: a string, as without the change.
    shown: Option<Value>,
}

fn edits() -> Vec<Edit> {
    let digits = "9".repeat(400);
    let mut all = Vec::new();
    for value in ["1e999", "-1e999", "\"\\ud800\"", "\"\\udc00 \\ud83d\"", "\"\\q\"", "\"\u{1}\"", digits.as_str()] {
        all.push(Edit { from: "^{", to: format!("{{\"new_field\":{value},"), field: "model_name", shown: None });
        let to = format!("\"rotation_rate\":{value}");
        all.push(Edit { from: "\"rotation_rate\":[0-9]*", to, field: "rotation_rate_rpm", shown: Some(Value::Null) });
    }
    // If smartctl's revision cannot be read, that of the kernel is shown.
    for (value, shown) in [("A\\ud800B", Some("A\u{fffd}B".into())), ("A\\qB", None)] {
        let to = format!("\"scsi_revision\":\"{value}\"");
        all.push(Edit { from: "\"scsi_revision\":\"[^\"]*\"", to, field: "firmware_version", shown });
    }
    assert_eq!(all.len(), DRIVES);
    all
}

/// The output for each drive has another value that no strict parser accepts.
#[test]
fn a_value_that_cannot_be_read_affects_no_other() {
    let sim = shelf();
    let truth = sim.list();
    let nodes: Vec<&str> = truth.iter().map(|drive| drive["sg"][0].as_str().expect("a node")).collect();
    let mut cases = String::new();
    for (node, Edit { from, to, .. }) in nodes.iter().zip(edits()) {
        let edit = format!("s|{from}|{}|", to.replace('\\', "\\\\"));
        cases.push_str(&format!("*/{node}) edit='{edit}';;\n"));
    }
    let real = sim.tool("smartctl");
    let text = format!(
        "#!/bin/sh\nfor node do :; done\nedit=\ncase $node in\n{cases}esac\n'{}' \"$@\" | sed -e \"$edit\"\n",
        real.display()
    );
    let script = sim.script("editing-smartctl", &text);
    let script = script.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMARTCTL_PATH", &script)]);
    let overview = daemon.json("/api/overview");
    for (wanted, edit) in truth.iter().zip(edits()) {
        let Edit { to, field, shown, .. } = edit;
        let to: String = to.chars().take(60).collect();
        let serial = wanted["serial"].as_str().expect("a serial number");
        let seen = drive(&overview, serial);
        assert_eq!((&seen["state"], &seen["error"]), (&"active".into(), &Value::Null), "{to}: {seen}");
        // The response is valid JSON for a strict parser.
        let document = daemon.json(&format!("/api/drives/{serial}"));
        assert_eq!(document["temperature_celsius"], wanted["temperature"], "{to}: {document}");
        assert_eq!(document["power_on_hours"], wanted["hours"], "{to}: {document}");
        assert_eq!(document["smartctl"]["power_on_time"]["hours"], wanted["hours"], "{to}: {document}");
        match shown {
            Some(shown) => assert_eq!(document[field], shown, "{to}: {field}"),
            None => assert!(document[field].is_string(), "{to}: {field}"),
        }
        let untouched = if field == "rotation_rate_rpm" { "firmware_version" } else { "rotation_rate_rpm" };
        assert!(!document[untouched].is_null(), "{to}: {document}");
    }
}

/// As many `unit`s as fit into `bytes` between a beginning and an end, separated by commas.
fn filled(begin: &str, unit: &str, end: &str, bytes: usize) -> String {
    let count = (bytes - begin.len() - end.len() - 2) / (unit.len() + 1);
    [begin, &vec![unit; count].join(","), end].concat()
}

/// The same without commas and end.
fn nested(begin: &str, unit: &str, bytes: usize) -> String {
    [begin, &unit.repeat((bytes - begin.len()) / unit.len())].concat()
}

fn printing(sim: &Sim, name: &str, output: &[u8], wait: &str) -> String {
    std::fs::write(sim.root().join("output"), output).expect("an output");
    let file = sim.root().join("output");
    let script = sim.script(name, &format!("#!/bin/sh\n{wait}\nexec cat '{}'\n", Path::display(&file)));
    script.to_string_lossy().into_owned()
}

/// smartctl prints this for all drives at once. Returns the peak memory of the daemon and the overview.
fn peak_of_smartctl(name: &str, output: &str) -> (usize, Value) {
    let sim = shelf();
    // All of them run before the first one ends.
    let program = printing(&sim, "hostile-smartctl", output.as_bytes(), "[ \"$1\" = --version ] || sleep 1");
    let settings =
        [("SMARTCTL_PATH", program.as_str()), ("SMART_CONCURRENCY", "16"), ("SMART_CONCURRENCY_PER_HOST", "16")];
    let daemon = Daemon::ready(&sim, &Redis::absent(), &settings);
    let overview = daemon.json("/api/overview");
    let peak = daemon.vitals().peak_kib;
    println!("smartctl, {name}, {} bytes: {peak} KiB at most", output.len());
    (peak, overview)
}

#[test]
fn hostile_json_of_smartctl_takes_little_memory() {
    let attributes = r#"{"serial_number":"S","device":{"protocol":"ATA"},"ata_smart_attributes":{"table":["#;
    let spaces = r#"{"serial_number":"S","device":{"protocol":"NVMe"},"nvme_namespaces":["#;
    let messages = r#"{"smartctl":{"messages":["#;
    let n = SMARTCTL_BYTES;
    let mut wrong = Vec::new();
    for (name, output, message) in [
        ("objects of one entry", filled(r#"{"a":["#, r#"{"":0}"#, "]}", n), "smartctl's JSON has over 65536 values"),
        ("numbers", filled(r#"{"a":["#, "0", "]}", n), "smartctl's JSON has over 65536 values"),
        ("entries", filled(r#"{"a":{"#, r#""":0"#, "}}", n), ""),
        ("objects within objects", nested("", r#"{"a":"#, n), "smartctl's JSON is nested deeper than 32 levels"),
        ("lists within lists", nested(r#"{"a":"#, "[", n), "smartctl's JSON is nested deeper than 32 levels"),
        ("attributes", filled(attributes, r#"{"id":5}"#, "]}}", n), ""),
        ("named attributes", filled(attributes, r#"{"id":5,"name":"x"}"#, "]}}", n), ""),
        ("namespaces", filled(spaces, r#"{"id":5}"#, "]}", n), ""),
        ("messages", filled(messages, r#"{"string":"a message"}"#, "]}}", n), ""),
        ("objects of one entry", filled(r#"{"a":["#, r#"{"":0}"#, "]}", 4_000_000), "output exceeds 262144 bytes"),
    ] {
        let (peak, overview) = peak_of_smartctl(name, &output);
        if peak >= PEAK_KIB {
            wrong.push(format!("{name}, {} bytes: {peak} KiB", output.len()));
        }
        if let Some(drive) = drives(&overview).find(|drive| !text(&drive["error"]).contains(message)) {
            wrong.push(format!("{name}, {} bytes: {}, expected {message:?}", output.len(), drive["error"]));
        }
        // The overview is much shorter than the output.
        let size = overview.to_string().len();
        if size > 200_000 {
            wrong.push(format!("{name}: the overview has {size} bytes"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn peak_of_zpool(name: &str, output: &[u8]) -> (usize, Value) {
    let sim = Sim::small();
    let program = printing(&sim, "hostile-zpool", output, "");
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", program.as_str())]);
    let zfs = daemon.json("/api/zfs");
    daemon.json("/api/overview");
    let peak = daemon.vitals().peak_kib;
    println!("zpool, {name}, {} bytes: {peak} KiB at most", output.len());
    (peak, zfs)
}

/// A pool with `drives` leaves, whose names have `bytes` bytes each, as JSON.
fn leaves_of(drives: usize, bytes: usize) -> String {
    let begin = r#"{"pools":{"t":{"name":"t","state":"ONLINE","vdevs":{"t":{"vdev_type":"root","vdevs":{"#;
    let leaves: Vec<String> =
        (0..drives).map(|number| format!(r#""{number}":{{"name":"{number:0>bytes$}","state":"ONLINE"}}"#)).collect();
    [begin, &leaves.join(","), "}}}}}}"].concat()
}

/// The same as text.
fn rows_of(drives: usize, bytes: usize) -> String {
    let begin = "  pool: t\n state: ONLINE\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\tt ONLINE 0 0 0\n";
    let rows: Vec<String> = (0..drives).map(|number| format!("\t  {number:0>bytes$} ONLINE 0 0 0\n")).collect();
    begin.to_owned() + &rows.concat()
}

#[test]
fn hostile_output_of_zpool_takes_little_memory() {
    let leaves = r#"{"pools":{"t":{"vdevs":{"t":{"vdev_type":"root","vdevs":{"#;
    let long = "x".repeat(4000);
    let group = format!(r#"{leaves}"replacing-{long}":{{"vdevs":{{"#);
    let rows = "  pool: t\n state: ONLINE\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\tt ONLINE 0 0 0\n";
    let rows_of_group = format!("{rows}\t  a ONLINE 0 0 0\n\t    replacing-{long} ONLINE 0 0 0\n");
    let n = ZPOOL_BYTES;
    let mut hostile = Vec::new();
    for (name, output) in [
        ("objects of one entry", filled(r#"{"pools":{"t":{"x":["#, r#"{"":0}"#, "]}}}", n)),
        (
            "objects",
            filled(r#"{"pools":{"t":{"x":{"#, &format!(r#""":{}"#, filled("{", r#""":0"#, "}", 1000)), "}}}}", n),
        ),
        ("objects within objects", nested("", r#"{"x":"#, n)),
        ("pools", filled(r#"{"pools":{"#, r#""":{}"#, "}}", n)),
        ("leaves", filled(leaves, r#""a":{}"#, "}}}}}}", n)),
        ("leaves of a long group", filled(&group, r#""a":{}"#, "}}}}}}}}", n)),
        ("rows", nested(rows, "\t  a\n", n)),
        ("rows of a long group", nested(&rows_of_group, "\t      a\n", n)),
        ("pools as text", nested("", "  pool: t\n", n)),
        ("scans", nested("  pool: t\n", "  scan: scrub in progress, 1% done\n", n)),
    ] {
        hostile.push((name, output.into_bytes()));
    }
    hostile.push(("long names", leaves_of(19_000, 800).into_bytes()));
    hostile.push(("long rows", rows_of(19_000, 800).into_bytes()));
    hostile.push(("rows of 300 bytes", rows_of(19_000, 300).into_bytes()));
    hostile.push(("invalid UTF-8", vec![0xff; n]));
    let mut wrong = Vec::new();
    for (name, output) in hostile {
        let (peak, zfs) = peak_of_zpool(name, &output);
        if peak >= PEAK_KIB {
            wrong.push(format!("{name}, {} bytes: {peak} KiB", output.len()));
        }
        if zfs["error"].is_null() {
            wrong.push(format!("{name}: accepted"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Output just below the limits.
#[test]
fn the_largest_accepted_output_of_zpool_takes_little_memory() {
    for (name, output) in [("JSON", leaves_of(19_000, 150)), ("text", rows_of(19_000, 150))] {
        let (peak, zfs) = peak_of_zpool(name, output.as_bytes());
        assert_eq!(zfs["error"], Value::Null, "{name}");
        assert!(peak < PEAK_KIB, "{name}: {peak} KiB");
    }
}

/// The same limits apply to values in Redis: a document beyond them is ignored, the others are restored.
#[test]
fn a_stored_document_beyond_the_limits_is_not_restored() {
    let (sim, redis) = (shelf(), Redis::start());
    let settings = [("SMART_POLL_INTERVAL", "3600"), ("SMART_CACHE_TTL", "7200")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let key = "jbod:smart:sda";
    let own = eventually("a document is stored", || redis.get(key));
    wait_until("all documents are stored", || {
        redis.keys().iter().filter(|key| key.starts_with("jbod:smart:")).count() == DRIVES
    });
    daemon.stop(Signal::TERM);
    // Within the limit of nesting for documents, and beyond that for smartctl.
    let (before, _) = own.split_once("\"smartctl\":").expect("smartctl's JSON");
    let nested = "[".repeat(35) + &"]".repeat(35);
    redis.set(key, format!("{before}\"smartctl\":{{\"a\":{nested}}}}}").as_bytes());
    // No reading ends during the test.
    sim.set("all", &["latency_ms=60000"]);
    redis.ask(&["DEL", "jbod:overview", "jbod:last:overview"]);
    let daemon = Daemon::start(&sim, &redis, &settings);
    let overview = daemon.overview_when("documents are restored", |overview| {
        drives(overview).any(|drive| !drive["collected_at"].is_null())
    });
    for drive in drives(&overview) {
        let is_restored = drive["device"] != "sda";
        let state = if is_restored { "active" } else { "reading" };
        assert_eq!((drive["collected_at"].is_string(), &drive["state"]), (is_restored, &state.into()), "{drive}");
    }
}

/// The entry about smartctl in the list of degraded components.
fn degraded_smartctl(daemon: &Daemon) -> Option<Value> {
    let health = daemon.json("/api/health");
    list(&health, "degraded").find(|entry| entry["part"] == "smartctl").cloned()
}

/// A smartctl that prints its version and no readings.
#[test]
fn a_smartctl_that_reads_no_drive_is_a_degraded_component() {
    let sim = shelf();
    let junk = sim.root().join("junk");
    std::fs::write(&junk, "").expect("written");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] && [ -e '{}' ] && echo junk && exit 0\nexec '{}' \"$@\"\n",
        junk.display(),
        sim.tool("smartctl").display()
    );
    let program = sim.script("junk-smartctl", &script).to_string_lossy().into_owned();
    let settings = [("SMARTCTL_PATH", program.as_str()), ("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::ready(&sim, &Redis::absent(), &settings);
    let entry = eventually("smartctl is degraded", || degraded_smartctl(&daemon));
    let why = "smartctl failed on 16 of 16 drives: smartctl printed no JSON, exit status 0: junk";
    assert_eq!(entry["error"], why, "{entry}");
    std::fs::remove_file(&junk).expect("removed");
    wait_until("smartctl is not degraded", || degraded_smartctl(&daemon).is_none());
}
