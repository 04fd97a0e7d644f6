//! Outputs of tools: from the simulator and from `tests/fixtures`, the smallest first.

use crate::support::fixture;
use crate::support::rng::Rng;
use crate::support::sim::Sim;
use serde_json::Value;
use std::process::Command;
use std::sync::OnceLock;

/// Larger outputs take long in a debug build, and contain little that others do not.
const LARGEST_BYTES: usize = 10_000;

/// Settings of simulated drives, by kind, so that their outputs contain rare values.
#[rustfmt::skip]
const SET: [(&str, &[&str]); 5] = [
    ("sata", &["attr.5.raw=40", "attr.5.value=8", "self_test_result=7", "ata_error_count=3", "percentage_used=85"]),
    ("sata", &["attr.188.raw=644254924803", "attr.188.text=3 150 150", "hours_packed=true", "smartctl_version=7.1"]),
    ("sas", &["grown_defects=30", "uncorrected_read=1", "pending=2", "self_test_result=4", "non_medium_errors=9", "failed=true"]),
    ("sas", &["smartctl_version=7.3", "no_temperature_page=true", "drive_trip=60"]),
    ("nvme", &["critical_warning=2", "media_errors=1", "self_test_result=6", "num_err_log_entries=4871"]),
];

/// A host with drives of every kind, and pools and leaves in several states.
fn host() -> Sim {
    let sim = Sim::host(&[
        "--enclosures",
        "1",
        "--bays",
        "14",
        "--drives",
        "12",
        "--paths",
        "1",
        "--sata",
        "4",
        "--sata-ssd",
        "1",
        "--ssd",
        "1",
        "--nvme",
        "2",
        "--pools",
        "2",
        "--vdev-width",
        "3",
        "--latency-ms",
        "0",
    ]);
    sim.set("smartctl", &["version=7.5"]);
    let mut drives = sim.list();
    for (kind, pairs) in SET {
        let at = drives.iter().position(|drive| drive["kind"] == kind).expect("a drive of that kind");
        sim.set(drives.remove(at)["serial"].as_str().expect("a serial"), pairs);
    }
    let leaves = sim.list().into_iter().filter(|drive| drive["role"] == "data");
    for (drive, pair) in leaves.zip(["state=FAULTED", "cksum=12", "state=REMOVED"]) {
        sim.set(&format!("leaf/{}", drive["serial"].as_str().expect("a serial")), &[pair]);
    }
    let pool = sim.list().iter().find_map(|drive| drive["pool"].as_str().map(str::to_owned)).expect("a pool");
    sim.set(&format!("pool/{pool}"), &["scan=rebuilding", "progress=37.5", "expand=running", "remove=running"]);
    sim.set(&format!("pool/{pool}"), &["checkpoint=exists", "trim=running", "initialize=done"]);
    sim
}

fn output(sim: &Sim, tool: &str, args: &[&str]) -> Vec<u8> {
    let out = Command::new(sim.tool(tool)).args(args).output().expect("the tool of the simulator runs");
    assert!(!out.stdout.is_empty(), "{tool} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn smartctl_output(sim: &Sim, drive: &Value) -> Vec<u8> {
    let device = drive["devices"][0].as_str().expect("a device");
    output(sim, "smartctl", &["--json=c", "-a", "--", &format!("/dev/{device}")])
}

struct Outputs {
    smartctl: Vec<Vec<u8>>,
    zpool_text: Vec<Vec<u8>>,
    zpool_json: Vec<Vec<u8>>,
}

fn all() -> &'static Outputs {
    static ALL: OnceLock<Outputs> = OnceLock::new();
    ALL.get_or_init(|| {
        let sim = host();
        let mut all = Outputs {
            smartctl: sim.list().iter().map(|drive| smartctl_output(&sim, drive)).collect(),
            zpool_text: vec![output(&sim, "zpool", &["status", "-P", "-p", "-it"]), output(&sim, "zpool", &["status"])],
            zpool_json: Vec::new(),
        };
        sim.set("zpool", &["json=true"]);
        all.zpool_json.push(output(&sim, "zpool", &["status", "-j", "--json-int", "-P", "-p", "-it"]));
        all.zpool_json.push(output(&sim, "zpool", &["status", "-j"]));
        all.smartctl.extend(files("smartctl").iter().map(|bytes| compact(bytes)));
        let (json, text) = files("zpool").into_iter().partition::<Vec<_>, _>(|bytes| bytes.starts_with(b"{"));
        all.zpool_json.extend(json.iter().map(|bytes| compact(bytes)));
        all.zpool_text.extend(text);
        for list in [&mut all.smartctl, &mut all.zpool_text, &mut all.zpool_json] {
            list.retain(|bytes| bytes.len() <= LARGEST_BYTES);
            // A defined order, so that a seed determines the cases.
            list.sort_by(|left, right| (left.len(), left).cmp(&(right.len(), right)));
        }
        all
    })
}

/// The files of one folder of fixtures.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(fixture(folder)).expect("fixtures").flatten();
    entries.map(|entry| std::fs::read(entry.path()).expect("a fixture")).collect()
}

/// JSON without whitespace; other text is unchanged.
fn compact(bytes: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => value.to_string().into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

/// Outputs of `smartctl --json=c -a`.
pub fn smartctl() -> &'static [Vec<u8>] {
    &all().smartctl
}

/// At most `count` of them that are JSON, from all sizes.
pub fn smartctl_json(rng: &mut Rng, count: usize) -> Vec<Value> {
    let all: Vec<Value> = smartctl().iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
    let step = all.len().div_ceil(count);
    all.into_iter().skip(rng.below(step)).step_by(step).collect()
}

/// Outputs of `zpool status`.
pub fn zpool_text() -> &'static [Vec<u8>] {
    &all().zpool_text
}

/// Outputs of `zpool status -j`.
pub fn zpool_json() -> &'static [Vec<u8>] {
    &all().zpool_json
}

/// A host with the files of sysfs.
pub fn sysfs() -> Sim {
    host()
}
