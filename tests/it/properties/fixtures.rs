//! What tools print: the simulator's answers, and the files of `tests/fixtures`. Smallest first.

use crate::support::fixture;
use crate::support::rng::Rng;
use crate::support::sim::Sim;
use serde_json::Value;
use std::process::Command;
use std::sync::OnceLock;

/// Larger answers take a debug build long and hold little that the others do not.
const LARGEST_BYTES: usize = 10_000;

/// What is set of the simulated drives, by kind, so that their answers hold what is seldom said.
#[rustfmt::skip]
const SET: [(&str, &[&str]); 5] = [
    ("sata", &["attr.5.raw=40", "attr.5.value=8", "self_test_result=7", "ata_error_count=3", "percentage_used=85"]),
    ("sata", &["attr.188.raw=644254924803", "attr.188.text=3 150 150", "hours_packed=true", "smartctl_version=7.1"]),
    ("sas", &["grown_defects=30", "uncorrected_read=1", "pending=2", "self_test_result=4", "non_medium_errors=9", "failed=true"]),
    ("sas", &["smartctl_version=7.3", "no_temperature_page=true", "drive_trip=60"]),
    ("nvme", &["critical_warning=2", "media_errors=1", "self_test_result=6", "num_err_log_entries=4871"]),
];

/// A host of eight drives of every kind in a pool of each state.
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

fn said(sim: &Sim, tool: &str, args: &[&str]) -> Vec<u8> {
    let out = Command::new(sim.tool(tool)).args(args).output().expect("the played tool runs");
    assert!(!out.stdout.is_empty(), "{tool} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

struct Said {
    smartctl: Vec<Vec<u8>>,
    zpool_text: Vec<Vec<u8>>,
    zpool_json: Vec<Vec<u8>>,
}

fn all() -> &'static Said {
    static ALL: OnceLock<Said> = OnceLock::new();
    ALL.get_or_init(|| {
        let sim = host();
        let smartctl = |drive: &Value| {
            let device = drive["devices"][0].as_str().expect("a device").to_owned();
            said(&sim, "smartctl", &["--json=c", "-a", "--", &format!("/dev/{device}")])
        };
        let mut all = Said {
            smartctl: sim.list().iter().map(smartctl).collect(),
            zpool_text: vec![said(&sim, "zpool", &["status", "-P", "-p", "-it"]), said(&sim, "zpool", &["status"])],
            zpool_json: Vec::new(),
        };
        sim.set("zpool", &["json=true"]);
        all.zpool_json.push(said(&sim, "zpool", &["status", "-j", "--json-int", "-P", "-p", "-it"]));
        all.zpool_json.push(said(&sim, "zpool", &["status", "-j"]));
        all.smartctl.extend(files("smartctl").iter().map(|bytes| compact(bytes)));
        let (json, text) = files("zpool").into_iter().partition::<Vec<_>, _>(|bytes| bytes.starts_with(b"{"));
        all.zpool_json.extend(json.iter().map(|bytes| compact(bytes)));
        all.zpool_text.extend(text);
        for list in [&mut all.smartctl, &mut all.zpool_text, &mut all.zpool_json] {
            list.retain(|bytes| bytes.len() <= LARGEST_BYTES);
            // Every run has the same order, so that a seed gives the same cases.
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

/// JSON without blanks.
fn compact(bytes: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<Value>(bytes).map_or_else(|_| bytes.to_vec(), |value| value.to_string().into_bytes())
}

/// Answers of `smartctl --json=c -a`.
pub fn smartctl() -> &'static [Vec<u8>] {
    &all().smartctl
}

/// At most so many of them that are JSON, of every size.
pub fn smartctl_json(rng: &mut Rng, count: usize) -> Vec<Value> {
    let all: Vec<Value> = smartctl().iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
    let step = all.len().div_ceil(count);
    all.into_iter().skip(rng.below(step)).step_by(step).collect()
}

/// Of `zpool status`.
pub fn zpool_text() -> &'static [Vec<u8>] {
    &all().zpool_text
}

/// Of `zpool status -j`.
pub fn zpool_json() -> &'static [Vec<u8>] {
    &all().zpool_json
}

/// A whole host of files, for what is read out of sysfs.
pub fn sysfs() -> Sim {
    host()
}
