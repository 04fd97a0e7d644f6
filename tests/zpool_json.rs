//! `zpool status` in JSON (OpenZFS 2.3 and later): the same pools as in text, and text where JSON
//! is not to be had.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and starts what it needs"
)]

mod support;

use serde_json::{Value, json};
use support::daemon::Daemon;
use support::redis::Redis;
use support::sim::Sim;
use support::{corpus, eventually};

/// As people read the files: pool, role and vdev, then the leaves, all by the last part of their
/// names; and the scan.
const READ_BY_PEOPLE: [(&str, &[&str], &str); 5] = [
    ("openzfs-zfs__zpool-list_example1.json", &[], "none none null"),
    (
        "openzfs-zfs__zpool-status_example1.json",
        &[
            "tank data raidz1-0: ca1eb824-c371-491d-ac13-37637e35c683 97cd98fb-8fb8-4ac4-bc84-bd8950a7ace7 e9ddba5f-f948-4734-a472-cb8aa5f0ff65",
            "tank dedup mirror-2: db017360-d8e9-4163-961b-144ca75293a3 952c3baf-b08a-4a8c-b7fa-33a07af5fe6f",
            "tank special 25d418f8-92bd-4327-b59f-7ef5d5f50d81: 25d418f8-92bd-4327-b59f-7ef5d5f50d81",
        ],
        "none none null",
    ),
    (
        "zfs-spectator__zpool_list.json",
        &[
            "miniTank data wwn-0x50014ee2b702ad1b: wwn-0x50014ee2b702ad1b",
            "miniTank data wwn-0x50014ee2b2d93b72: wwn-0x50014ee2b2d93b72",
            "zfsPool data raidz1-0: wwn-0x5000c5008777065b wwn-0x5000c5008776f851 ata-WDC_WD20EZRZ-00Z5HB0_WD-WCC4M5UDEPK1 wwn-0x50004cf2070dcd38 wwn-0x50014ee1af651273",
        ],
        "none none null",
    ),
    (
        "zfs-spectator__zpool_status.json",
        &[
            "miniTank data wwn-0x50014ee2b702ad1b-part1: wwn-0x50014ee2b702ad1b-part1",
            "miniTank data wwn-0x50014ee2b2d93b72-part1: wwn-0x50014ee2b2d93b72-part1",
            "zfsPool data raidz1-0: wwn-0x50014ee2c06fdd9f-part2 wwn-0x50014ee2c06f6164-part2 wwn-0x50014ee26b194e0d-part2",
            "zfsPool special mirror-1: nvme-WDC_PC_SN530_SDBPNPZ-256G-1006_205161805086-part1 nvme-eui.001b444a46ea3364-part1",
        ],
        "scrub finished null",
    ),
    (
        "zfs-spectator__zpool_status_scanning.json",
        &[
            "zfsPool data raidz1-0: wwn-0x5000c5008777065b-part1 wwn-0x5000c5008776f851-part1 ata-WDC_WD20EZRZ-00Z5HB0_WD-WCC4M5UDEPK1-part1 wwn-0x50004cf2070dcd38-part1 wwn-0x50014ee1af651273-part1",
        ],
        "scrub in_progress 88.54",
    ),
];

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

fn last_part(name: &Value) -> &str {
    name.as_str().and_then(|name| name.rsplit('/').next()).unwrap_or("null")
}

fn as_people_read(zfs: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for pool in list(zfs, "pools") {
        for vdev in list(pool, "vdevs") {
            let leaves: Vec<&str> = list(vdev, "members").map(|leaf| last_part(&leaf["name"])).collect();
            let [pool, role, name] = [&pool["name"], &vdev["role"], &vdev["name"]].map(last_part);
            lines.push(format!("{pool} {role} {name}: {}", leaves.join(" ")));
        }
    }
    lines
}

fn members(zfs: &Value) -> Vec<Value> {
    let vdevs = list(zfs, "pools").flat_map(|pool| list(pool, "vdevs"));
    vdevs.flat_map(|vdev| list(vdev, "members")).cloned().collect()
}

/// A host with one drive, and a zpool that prints the file whatever it is asked.
fn printing(text: &str) -> Value {
    let shape = ["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--sata", "0", "--ssd", "0"];
    let sim = Sim::host(&shape);
    let file = sim.script("status.json", text);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let zpool = zpool.to_string_lossy().into_owned();
    Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)]).json("/api/zfs")
}

/// The same text with numbers as `--json-int` gives them, its order as it was.
fn with_numbers(text: &str) -> String {
    let mut parts = text.split('"');
    let mut out = parts.next().unwrap_or_default().to_owned();
    // Every other part stood between quotes; what follows a colon is a value.
    while let (Some(quoted), Some(after)) = (parts.next(), parts.next()) {
        let is_number = !quoted.is_empty() && quoted.bytes().all(|b| b.is_ascii_digit());
        if is_number && out.trim_end().ends_with(':') {
            out.push_str(quoted);
        } else {
            out.push_str(&format!("\"{quoted}\""));
        }
        out.push_str(after);
    }
    serde_json::from_str::<Value>(&out).expect("still JSON");
    out
}

#[test]
fn every_recorded_json_is_read_as_people_read_it() {
    let Some(corpus) = corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("the manifest is JSON");
    let (mut count, mut wrong) = (0, Vec::new());
    for file in list(&manifest, "files").filter(|f| f["kind"] == "zpool" && f["format"] == "json") {
        count += 1;
        let path = file["file"].as_str().expect("a path");
        let name = last_part(&file["file"]);
        let recorded = std::fs::read_to_string(corpus.join(path)).expect("a recording");
        let as_int = with_numbers(&recorded);
        let (_, lines, scan) = READ_BY_PEOPLE.iter().find(|(of, ..)| *of == name).expect("read by hand");
        for (kind, text) in [("as recorded", &recorded), ("with numbers", &as_int)] {
            let zfs = printing(text);
            let last = list(&zfs, "pools").last().cloned().unwrap_or_default();
            let states: Vec<Value> =
                list(&zfs, "pools").map(|p| json!({"name": p["name"], "state": p["state"]})).collect();
            let wanted: Vec<Value> =
                list(&file["expected"], "pools").map(|p| json!({"name": p["name"], "state": p["state"]})).collect();
            let shown = &last["scan"];
            let percent = shown["done_percent"].as_f64().map_or("null".to_owned(), |p| format!("{p:.2}"));
            let shown = format!("{} {} {percent}", last_part(&shown["kind"]), last_part(&shown["state"]));
            let mut check = |what: &str, is: String, wanted: String| {
                if is != wanted {
                    wrong.push(format!("{name} {kind}: {what} {is}\nwanted {wanted}"));
                }
            };
            check("pools", json!(states).to_string(), json!(wanted).to_string());
            check("leaves", as_people_read(&zfs).join("\n"), lines.join("\n"));
            check("scan", shown, (*scan).to_owned());
            for leaf in members(&zfs) {
                assert!(leaf["guid"].is_string() && leaf["state"] == "ONLINE", "{name} {kind}: {leaf}");
                let counted = leaf["read_errors"] == 0 || name.contains("list");
                assert!(counted && leaf["cksum_errors"] == leaf["read_errors"], "{name} {kind}: {leaf}");
            }
        }
    }
    eprintln!("recorded zpool JSON: {count} read as recorded and with numbers, {} wrong", wrong.len());
    assert_eq!(count, READ_BY_PEOPLE.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A rack with a drive for each thing that can be the matter with a leaf.
fn troubled() -> Sim {
    let shape = ["--enclosures", "2", "--bays", "24", "--drives", "40", "--paths", "2", "--sata", "4", "--ssd", "4"];
    let sim = Sim::host(&[&shape[..], &["--nvme", "1", "--pools", "2"]].concat());
    let leaves: Vec<String> = sim
        .list()
        .iter()
        .filter(|d| d["pool"] == "tank" && d["vdev"].as_str().is_some_and(|v| v.starts_with("raidz")))
        .filter_map(|d| d["serial"].as_str().map(str::to_owned))
        .collect();
    let spare = sim.list().iter().find(|d| d["vdev"] == "spares").and_then(|d| d["serial"].as_str().map(str::to_owned));
    sim.set(&format!("leaf/{}", leaves[0]), &["state=FAULTED", "write=7"]);
    sim.set(&format!("leaf/{}", leaves[1]), &["cksum=12"]);
    if let Some(spare) = spare {
        sim.set(&format!("leaf/{}", leaves[0]), &[&format!("spare={spare}")]);
    }
    sim.set("pool/backup", &["scan=scrubbing", "progress=37.5"]);
    sim
}

/// The wording of scans and advice; and guids, which text gives of gone leaves only.
fn strip(value: &mut Value) {
    match value {
        Value::Object(all) => {
            for field in ["guid", "text", "errors", "status", "action"] {
                all.remove(field);
            }
            all.values_mut().for_each(strip);
        }
        Value::Array(all) => all.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What does not depend on how zpool was asked.
fn comparable(zfs: &Value) -> Value {
    let mut zfs = zfs.clone();
    for field in ["collected_at", "generated_at", "topology"] {
        zfs[field] = Value::Null;
    }
    strip(&mut zfs);
    zfs
}

#[test]
fn json_and_text_tell_the_same() {
    let sim = troubled();
    let pools = |known: &str| {
        sim.set("zpool", &[&format!("json={known}")]);
        Daemon::ready(&sim, &Redis::absent(), &[]).json("/api/zfs")
    };
    let (text, json) = (pools("false"), pools("true"));
    assert_eq!(comparable(&json), comparable(&text));
    let guids = |zfs: &Value| members(zfs).iter().filter(|leaf| leaf["guid"].is_string()).count();
    assert!(guids(&json) == members(&json).len() && guids(&text) < members(&text).len(), "{json}");
    assert!(members(&json).iter().any(|leaf| leaf["state"] == "FAULTED" && leaf["write_errors"] == 7), "{json}");
    assert_eq!(json["pools"][1]["scan"]["done_percent"], 37.5, "{}", json["pools"][1]);
}

#[test]
fn broken_json_gives_way_to_text() {
    let sim = troubled();
    sim.set("zpool", &["json=false"]);
    let text = Daemon::ready(&sim, &Redis::absent(), &[]).json("/api/zfs");
    sim.set("zpool", &["json=broken"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    assert_eq!(comparable(&daemon.json("/api/zfs")), comparable(&text));
    assert_eq!(daemon.logged("zpool status gives no good JSON"), 1, "{}", daemon.log());
}

/// An upgrade of OpenZFS while the daemon runs, and back.
#[test]
fn a_zpool_that_is_exchanged_is_understood() {
    let sim = troubled();
    sim.set("zpool", &["json=true"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = comparable(&daemon.json("/api/zfs"));
    let later = |what: &str| {
        let seen = daemon.json("/api/zfs")["collected_at"].clone();
        eventually(what, || {
            let zfs = daemon.json("/api/zfs");
            (zfs["error"].is_null() && zfs["collected_at"] != seen && comparable(&zfs) == before).then_some(())
        });
    };
    sim.set("zpool", &["json=false"]);
    later("the pools after JSON was taken away");
    sim.set("zpool", &["json=true"]);
    later("the pools after JSON came back");
}
