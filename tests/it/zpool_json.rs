//! Pools from zpool's JSON (OpenZFS 2.3 and later) are the same as from its text, which is used if the JSON is invalid.

use crate::support;
use crate::support::wait_for;

use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use support::daemon::Daemon;
use support::fixture;
use support::json::{pool_members, text};
use support::redis::Redis;
use support::sim::Sim;

const OFTEN: (&str, &str) = ("SMART_POLL_INTERVAL", "1");

/// A response of /api/zfs without what differs between text and JSON: its time, the text of activities, and guids, of
/// which text has only those of missing leaves.
fn compared(mut zfs: Value) -> Value {
    for field in ["version", "generated_at", "collected_at"] {
        zfs[field] = Value::Null;
    }
    let lists = zfs["pools"].as_array_mut().into_iter().flatten();
    for pool in lists {
        without_words(&mut pool["scan"]);
        pool["activities"].as_array_mut().into_iter().flatten().for_each(without_words);
        for vdev in pool["vdevs"].as_array_mut().into_iter().flatten() {
            for leaf in vdev["members"].as_array_mut().into_iter().flatten().filter(|leaf| leaf["was"].is_null()) {
                leaf["guid"] = Value::Null;
            }
        }
    }
    for leaf in zfs["unmatched"].as_array_mut().into_iter().flatten().filter(|leaf| leaf["was"].is_null()) {
        leaf["guid"] = Value::Null;
    }
    zfs
}

/// Removes the text, and the start of an activity that has ended, which the text format does not have.
fn without_words(activity: &mut Value) {
    activity["text"] = Value::Null;
    if !activity["ended_at"].is_null() {
        activity["started_at"] = Value::Null;
    }
}

/// The first place where two values differ.
fn difference(place: &str, left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Object(first), Value::Object(second)) if first.keys().eq(second.keys()) => {
            first.keys().find_map(|key| difference(&format!("{place}/{key}"), &left[key], &right[key]))
        }
        (Value::Array(first), Value::Array(second)) if first.len() == second.len() => (0..first.len())
            .find_map(|number| difference(&format!("{place}/{number}"), &first[number], &second[number])),
        _ if left == right => None,
        _ => Some(format!("{place}: text {left}, JSON {right}")),
    }
}

/// The pools as a new daemon shows them.
fn fresh(sim: &Sim, json: &str) -> Value {
    sim.set("zpool", &[&format!("json={json}")]);
    let daemon = Daemon::ready(sim, &Redis::absent(), &[]);
    let zfs = daemon.json("/api/zfs");
    assert_eq!((&zfs["available"], &zfs["error"]), (&true.into(), &Value::Null), "json={json}");
    daemon.stop(Signal::TERM);
    zfs
}

#[test]
fn json_and_text_give_the_same_pools() {
    let sim = Sim::rack();
    let truth = sim.list();
    let (mut data, mut spares, mut free) = (Vec::new(), Vec::new(), Vec::new());
    for drive in &truth {
        let serial = text(&drive["serial"]);
        match (text(&drive["pool"]), text(&drive["role"])) {
            ("tank", "data") => data.push(serial),
            ("tank", "spare") => spares.push(serial),
            ("null", _) if !drive["bay"].is_null() => free.push(serial),
            _ => {}
        }
    }
    let leaves: Vec<String> = data.iter().map(|serial| format!("leaf/{serial}")).collect();
    let spare = spares[0];
    let steps: [(&str, &dyn Fn()); 8] = [
        ("no activity", &|| {}),
        ("a running resilver onto another drive", &|| {
            sim.set("pool/tank", &["scan=resilvering", "progress=42"]);
            sim.set(&leaves[0], &[&format!("replacing={}", free[0])]);
            sim.set(&leaves[6], &["note=(resilvering)"]);
        }),
        ("a spare in use", &|| {
            sim.set(&leaves[1], &["state=FAULTED", "note=too many errors", "read=3", "write=99", "cksum=100980"]);
            sim.set(&leaves[1], &[&format!("spare={spare}")]);
        }),
        ("drives offline, removed and degraded", &|| {
            sim.set(&leaves[2], &["state=OFFLINE"]);
            sim.set(&leaves[3], &["state=REMOVED"]);
            sim.set(&leaves[4], &["state=DEGRADED", "cksum=18446744073709551615", "note=too many errors"]);
        }),
        ("a removed drive", &|| sim.pull(&[data[5]])),
        ("a paused scrub, and errors", &|| {
            sim.set(&leaves[6], &["note="]);
            sim.set("pool/tank", &["scan=scrub-paused", "errors=7 data errors, use '-v' for a list"]);
            sim.set("pool/backup", &["scan=scrub-canceled"]);
        }),
        ("all activities", &|| {
            sim.set("pool/tank", &["scan=rebuilding", "expand=waiting", "remove=running", "checkpoint=exists"]);
            sim.set("pool/tank", &["trim=running", "initialize=suspended"]);
            sim.set("pool/backup", &["scan=error-scrubbing", "expand=done", "remove=done", "checkpoint=discarding"]);
            sim.set("pool/backup", &["trim=done"]);
        }),
        ("a suspended pool", &|| sim.set("pool/tank", &["state=SUSPENDED", "scan=none"])),
    ];
    for (what, step) in steps {
        step();
        let (from_text, from_json) = (fresh(&sim, "false"), fresh(&sim, "true"));
        assert!(pool_members(&from_json).all(|leaf| leaf["guid"].is_string()), "{what}: a leaf without a guid");
        assert_eq!(difference("", &compared(from_text), &compared(from_json)), None, "{what}");
    }
    let zfs = fresh(&sim, "true");
    let leaf = zfs["unmatched"].as_array().into_iter().flatten().find(|leaf| leaf["state"] == "UNAVAIL");
    let leaf = leaf.unwrap_or_else(|| panic!("no leaf of the removed drive: {}", zfs["unmatched"]));
    assert_eq!(leaf["name"], leaf["guid"]);
    assert!(text(&leaf["was"]).starts_with("/dev/disk/by-id/"), "{leaf}");
}

#[test]
fn broken_json_is_logged_once_and_text_is_read() {
    let sim = Sim::small();
    let wanted = compared(fresh(&sim, "false"));
    sim.set("zpool", &["json=broken"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[OFTEN]);
    assert_eq!(compared(daemon.json("/api/zfs")), wanted);
    daemon.after_sweeps(2);
    assert_eq!(compared(daemon.json("/api/zfs")), wanted);
    assert_eq!(daemon.logged("zpool status printed unusable JSON"), 1, "{}", daemon.log());
}

/// Replaces zpool by renaming, as a package manager does.
fn replace_zpool(sim: &Sim, text: &str) -> String {
    let new = sim.script("zpool.new", text);
    let program = sim.root().join("zpool-in-use");
    std::fs::rename(new, &program).expect("the program is replaced");
    program.to_string_lossy().into_owned()
}

#[test]
fn the_output_of_a_replaced_zpool_is_parsed_at_once() {
    let sim = Sim::small();
    sim.set("zpool", &["json=true"]);
    let real = sim.tool("zpool").to_string_lossy().into_owned();
    // Before 2.3, `-j` is an invalid option.
    let old = format!(
        "#!/bin/sh\ncase \" $* \" in *' -j '*) echo \"invalid option 'j'\" >&2; echo usage: >&2; exit 2;; esac\nexec '{real}' \"$@\"\n"
    );
    let new = format!("#!/bin/sh\nexec '{real}' \"$@\"\n");
    let zpool = replace_zpool(&sim, &old);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[OFTEN, ("ZPOOL_PATH", &zpool)]);
    let before = daemon.json("/api/zfs");
    assert_eq!(pool_members(&before).count(), 3);
    assert!(pool_members(&before).all(|leaf| leaf["guid"].is_null()), "text has no guids");
    for (program, has_guids) in [(&new, true), (&old, false), (&new, true)] {
        replace_zpool(&sim, program);
        let zfs = wait_for(
            "the pools are those of the new zpool",
            || daemon.json("/api/zfs"),
            |zfs| pool_members(zfs).all(|leaf| leaf["guid"].is_null() != has_guids),
        );
        assert_eq!(compared(zfs), compared(before.clone()));
    }
    assert_eq!(daemon.logged("zpool status failed"), 0, "{}", daemon.log());
}

/// Output and exit status of the releases without pools and without ZFS.
#[test]
fn no_pools_and_no_zfs_are_distinguished_in_every_release() {
    let empty = r#"{"output_version":{"command":"zpool status","vers_major":0,"vers_minor":1},"pools":{}}"#;
    let refuses = "case \" $* \" in *' -j '*) echo \"invalid option 'j'\" >&2; exit 2;; esac";
    for (what, script, available) in [
        ("JSON without pools", format!("echo '{empty}'"), true),
        ("JSON without pools, and a message on standard error", format!("echo '{empty}'; echo 'no pools available' >&2"), true),
        ("no output, although `-j` is valid", "echo 'no pools available' >&2".to_owned(), true),
        ("text on standard output", format!("{refuses}\necho 'no pools available'"), true),
        ("text on standard error", format!("{refuses}\necho 'no pools available' >&2"), true),
        (
            "no module",
            "echo 'The ZFS modules are not loaded.' >&2; echo \"Try running '/sbin/modprobe zfs' as root to load them.\" >&2; exit 1".to_owned(),
            false,
        ),
        (
            "no device",
            "echo 'Unable to open /dev/zfs: No such file or directory.' >&2; exit 1".to_owned(),
            false,
        ),
    ] {
        let sim = Sim::small();
        let zpool = replace_zpool(&sim, &format!("#!/bin/sh\n{script}\n"));
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)]);
        let zfs = daemon.json("/api/zfs");
        assert_eq!(
            (&zfs["available"], &zfs["error"], &zfs["pools"]),
            (&available.into(), &Value::Null, &Value::Array(vec![])),
            "{what}"
        );
    }
}

/// The same JSON with numbers as with `--json-int`, in the same order.
fn with_numbers(text: &str) -> String {
    let mut parts = text.split('"');
    let mut out = parts.next().unwrap_or_default().to_owned();
    // Every other part was between quotes; a part after a colon is a value.
    while let (Some(quoted), Some(after)) = (parts.next(), parts.next()) {
        let is_number = !quoted.is_empty() && quoted.bytes().all(|byte| byte.is_ascii_digit());
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

/// The pools that are shown if zpool prints this.
fn printing(text: &str) -> Value {
    let shape = ["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--sata", "0", "--ssd", "0"];
    let sim = Sim::host(&shape);
    let file = sim.script("status.json", text);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let zpool = zpool.to_string_lossy().into_owned();
    let mut zfs = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)]).json("/api/zfs");
    for field in ["version", "generated_at", "collected_at", "topology"] {
        zfs[field] = Value::Null;
    }
    zfs
}

/// The contents are tested by `zpool_fixtures`.
#[test]
fn numbers_are_read_like_strings() {
    let files = std::fs::read_dir(fixture("zpool")).expect("the fixtures").flatten();
    let json = files.map(|file| file.path()).filter(|path| path.extension() == Some(OsStr::new("json")));
    let mut count = 0;
    for path in json {
        let file = std::fs::read_to_string(&path).expect("a fixture");
        let (as_text, as_numbers) = (printing(&file), printing(&with_numbers(&file)));
        assert_eq!(difference("", &as_text, &as_numbers), None, "{}", path.display());
        count += 1;
    }
    assert!(count >= 6, "{count} files");
}
