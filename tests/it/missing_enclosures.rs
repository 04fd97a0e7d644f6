//! Missing enclosures and IO modules: what is still shown of them, what is reported, and that they are known after a
//! restart.

use crate::support;

use crate::helpers::{array, in_state, serials, sim_host, string};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::daemon::Daemon;
use support::eventually;
use support::json::list;
use support::redis::Redis;
use support::sim::Sim;

const QUICK: [(&str, &str); 3] = [("REDIS_TIMEOUT_MS", "10000"), ("OVERVIEW_TTL", "3"), ("SMART_POLL_INTERVAL", "3")];

/// Two shelves with two IO modules and four drives each.
fn host() -> Sim {
    sim_host("--enclosures 2 --bays 6 --drives 8 --paths 2 --sata 0 --nvme 0 --pools 0")
}

fn ids(overview: &Value) -> Vec<&str> {
    array(overview, "enclosures").iter().map(|enclosure| string(enclosure, "id")).collect()
}

/// The id of the enclosure that the simulator calls enclosure/0, from its first IO module.
fn first_shelf(sim: &Sim) -> String {
    let class = std::fs::read_dir(sim.root().join("sys/class/enclosure")).expect("enclosures");
    let mut names: Vec<_> = class.flatten().map(|entry| entry.path()).collect();
    names.sort();
    let id = std::fs::read_to_string(names[0].join("id")).expect("an id");
    id.trim().to_owned()
}

/// The enclosure with that id; null if there is none.
fn enclosure<'a>(overview: &'a Value, id: &str) -> &'a Value {
    array(overview, "enclosures").iter().find(|enclosure| enclosure["id"] == id).unwrap_or(&Value::Null)
}

/// Waits until the enclosure is shown as missing.
#[track_caller]
fn wait_missing(daemon: &Daemon, id: &str) -> Value {
    daemon.overview_when("the enclosure is missing", |overview| enclosure(overview, id)["missing_since"].is_string())
}

/// Waits until the enclosure is shown as present.
#[track_caller]
fn wait_present(daemon: &Daemon, id: &str) -> Value {
    daemon.overview_when("the enclosure is present", |overview| {
        let enclosure = enclosure(overview, id);
        enclosure.is_object() && enclosure["missing_since"].is_null()
    })
}

/// The drives in its bays.
fn drives_of<'a>(overview: &'a Value, id: &str) -> Vec<&'a Value> {
    list(enclosure(overview, id), "slots").map(|slot| &slot["drive"]).filter(|drive| drive.is_object()).collect()
}

/// Serial number and some fields of the drives in its bays.
fn places(overview: &Value, id: &str, fields: [&str; 2]) -> Vec<Value> {
    let mut places = Vec::new();
    for drive in drives_of(overview, id) {
        places.push(json!([drive["serial_number"], drive[fields[0]], drive[fields[1]]]));
    }
    places
}

fn has_finding(subject: &Value, code: &str) -> bool {
    list(subject, "findings").any(|finding| finding["code"] == code)
}

fn metric(daemon: &Daemon, name: &str, id: &str) -> Option<f64> {
    daemon.metrics().get(name, &[("enclosure", id)])
}

#[track_caller]
fn wait_metric(daemon: &Daemon, name: &str, id: &str, wanted: f64) {
    daemon.metrics_when(&format!("{name} is {wanted}"), |page| page.get(name, &[("enclosure", id)]) == Some(wanted));
}

#[test]
fn bays_and_drives_of_a_missing_enclosure_are_shown() {
    let (sim, redis) = (host(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    let before = daemon.json("/api/overview");
    assert_eq!((ids(&before).len(), drives_of(&before, &id).len()), (2, 4), "{before}");
    sim.shelf(&["enclosure/0", "gone"]);
    let overview = wait_missing(&daemon, &id);
    let since = enclosure(&overview, &id)["missing_since"].clone();
    let drives = drives_of(&overview, &id);
    assert_eq!((ids(&overview), drives.len()), (ids(&before), 4), "{overview}");
    assert!(drives.iter().all(|drive| drive["bay_as_of"] == since && drive["state"] != "missing"), "{drives:?}");
    assert_eq!((&overview["totals"]["slots"], &overview["totals"]["slots_occupied"]), (&12.into(), &8.into()));
    assert_eq!(enclosure(&overview, &id)["findings"][0]["code"], "E13", "{overview}");
    assert_eq!(enclosure(&overview, &id)["slots"][0]["status"], Value::Null, "unknown: {overview}");
    let shown = daemon.json(&format!("/api/enclosures/{id}"));
    assert_eq!((&shown["missing_since"], array(&shown, "slots").len()), (&since, 6));
    let device = string(drives[0], "device");
    let place = format!("enclosure {id} bay {} (as of ", drives[0]["slot"]);
    assert!(daemon.get(&format!("/api/whereis/{device}")).text().contains(&place), "{device}: {place}");
    assert_eq!(daemon.json(&format!("/api/drives/{device}"))["bay_as_of"], since);
    assert!(daemon.get("/api/map.txt").text().contains("the shelf has been missing since"));
    assert!(daemon.get("/healthz").text().contains("the shelf has been missing since"));
    wait_metric(&daemon, "jbod_enclosure_up", &id, 0.0);
    assert_eq!(metric(&daemon, "jbod_enclosure_modules", &id), Some(0.0));
    assert_eq!(metric(&daemon, "jbod_enclosure_expected_modules", &id), Some(2.0));
    assert!(metric(&daemon, "jbod_enclosure_missing_since_timestamp_seconds", &id) > Some(0.0));
    daemon.wait_logged(&format!("shelf missing enclosure={id} bays=6 drives=4 drives_missing=0"));

    sim.shelf(&["enclosure/0", "back"]);
    let overview = wait_present(&daemon, &id);
    assert!(drives_of(&overview, &id).iter().all(|drive| drive["bay_as_of"].is_null()), "{overview}");
    daemon.wait_logged(&format!("shelf returned enclosure={id} bays=6 drives=4 drives_missing=0"));
    wait_metric(&daemon, "jbod_enclosure_up", &id, 1.0);
    daemon.after_sweeps(2);
    for line in ["drive moved", "drive missing", "drive returned", "io module", "drive added"] {
        assert_eq!(daemon.logged(line), 0, "{}", daemon.log());
    }
    assert_eq!((daemon.logged("shelf missing"), daemon.logged("shelf returned")), (1, 1), "{}", daemon.log());
}

#[test]
fn an_enclosure_without_power_is_one_event_with_all_its_drives() {
    let (sim, redis) = (host(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    sim.shelf(&["enclosure/0", "gone", "--drives"]);
    let overview = daemon.overview_when("its drives are missing", |overview| in_state(overview, "missing") == 4);
    let drives = drives_of(&overview, &id);
    assert_eq!(drives.len(), 4, "the drives are in their bays: {overview}");
    assert!(drives.iter().all(|drive| drive["state"] == "missing" && drive["bay_as_of"].is_null()), "{drives:?}");
    assert!(enclosure(&overview, &id)["missing_since"].is_string());
    daemon.wait_logged(&format!("shelf missing enclosure={id} bays=6 drives=4 drives_missing=4"));
    sim.shelf(&["enclosure/0", "back", "--drives"]);
    daemon.overview_when("all drives are active", |overview| in_state(overview, "active") == 8);
    daemon.wait_logged(&format!("shelf returned enclosure={id} bays=6 drives=4 drives_missing=0"));
    daemon.after_sweeps(2);
    assert_eq!((daemon.logged("drive missing"), daemon.logged("drive returned")), (0, 0), "{}", daemon.log());
    // A single missing drive is a separate event.
    sim.pull(&["bay/0/0"]);
    daemon.wait_logged("drive missing enclosure=");
    assert_eq!(daemon.logged("shelf missing"), 1, "{}", daemon.log());
}

#[test]
fn a_missing_io_module_is_a_finding_until_it_returns() {
    let (sim, redis) = (host(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    sim.module(&["enclosure/0", "0", "gone", "--drives"]);
    let overview = daemon.overview_when("a module is missing", |overview| has_finding(enclosure(overview, &id), "E12"));
    let shelf = enclosure(&overview, &id);
    assert_eq!((&shelf["verdict"], &shelf["missing_since"]), (&"warn".into(), &Value::Null), "{shelf}");
    let modules = array(shelf, "modules");
    let lost: Vec<&Value> = modules.iter().filter(|module| module["present"] == false).collect();
    assert_eq!((modules.len(), lost.len()), (2, 1), "{shelf}");
    assert!(lost[0]["missing_since"].is_string() && lost[0]["address"].is_string(), "{lost:?}");
    let name = string(lost[0], "sysfs_name");
    assert!(name.starts_with("0:"), "{name}");
    daemon.wait_logged(&format!("io module missing enclosure={id} module={name} modules=1 expected=2"));
    wait_metric(&daemon, "jbod_enclosure_modules", &id, 1.0);
    assert_eq!(metric(&daemon, "jbod_enclosure_expected_modules", &id), Some(2.0));
    assert_eq!(metric(&daemon, "jbod_enclosure_up", &id), Some(1.0), "the other module responds");
    // Each of its drives has lost a path, which the event about the module implies.
    daemon.overview_when("its drives have lost a path", |overview| {
        drives_of(overview, &id).iter().filter(|drive| has_finding(drive, "P1")).count() == 4
    });
    daemon.after_sweeps(1);

    // The module returns with another number.
    sim.module(&["enclosure/0", "0", "back", "--drives", "--target", "77"]);
    let overview =
        daemon.overview_when("no module is missing", |overview| !has_finding(enclosure(overview, &id), "E12"));
    let modules = enclosure(&overview, &id)["modules"].to_string();
    assert!(modules.contains("0:0:77:0") && !modules.contains(name), "{modules}");
    daemon.wait_logged(&format!("io module returned enclosure={id} module=0:0:77:0 modules=2 expected=2"));
    daemon.after_sweeps(2);
    daemon.overview_when("its drives have both paths", |overview| {
        !drives_of(overview, &id).iter().any(|drive| has_finding(drive, "P1"))
    });
    for line in ["lost a path", "regained a path"] {
        assert_eq!(daemon.logged(line), 0, "{}", daemon.log());
    }
    for line in ["io module missing", "io module returned"] {
        assert_eq!(daemon.logged(line), 1, "{}", daemon.log());
    }
    assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
}

/// Waits until the stored list has the enclosure as missing, or as present.
#[track_caller]
fn wait_stored(redis: &Redis, id: &str, presence: Presence) {
    eventually("the known enclosures are stored", || {
        let list: Value = serde_json::from_str(&redis.get("jbod:last:known_enclosures")?).ok()?;
        let stored = enclosure(&list, id);
        let found = if stored["missing_since"].is_string() { Presence::Missing } else { Presence::Present };
        (stored.is_object() && found == presence).then_some(())
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Missing,
}

#[test]
fn missing_enclosures_and_modules_are_known_after_a_restart() {
    let (sim, redis) = (host(), Redis::start());
    let id = first_shelf(&sim);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    sim.shelf(&["enclosure/0", "gone"]);
    daemon.wait_logged("shelf missing");
    let before = wait_missing(&daemon, &id);
    wait_stored(&redis, &id, Presence::Missing);
    daemon.stop(Signal::TERM);

    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let after = wait_missing(&daemon, &id);
    let fields = ["slot", "bay_as_of"];
    assert_eq!(places(&after, &id, fields), places(&before, &id, fields));
    daemon.after_sweeps(2);
    assert_eq!(daemon.logged("shelf missing"), 0, "it was reported before the restart: {}", daemon.log());
    daemon.stop(Signal::TERM);

    sim.shelf(&["enclosure/0", "back"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    daemon.wait_logged(&format!("shelf returned enclosure={id}"));
    wait_stored(&redis, &id, Presence::Present);
    daemon.stop(Signal::TERM);

    // While no daemon runs, one enclosure loses a module, and the other one disappears.
    let other = ids(&before).into_iter().find(|other| *other != id).expect("two enclosures");
    sim.module(&["enclosure/0", "1", "gone"]);
    sim.shelf(&["enclosure/1", "gone"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    daemon.wait_logged(&format!("shelf missing enclosure={other} bays=6 drives=4 drives_missing=0"));
    daemon.wait_logged(&format!("io module missing enclosure={id} module=1:"));
    let overview = wait_missing(&daemon, other);
    assert_eq!(drives_of(&overview, other).len(), 4, "{overview}");
    assert_eq!(enclosure(&overview, &id)["findings"][0]["code"], "E12", "{overview}");
}

#[test]
fn without_redis_a_missing_enclosure_is_known_while_the_daemon_runs() {
    let (sim, mut redis) = (host(), Redis::start());
    redis.kill();
    let id = first_shelf(&sim);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    sim.shelf(&["enclosure/0", "gone"]);
    let overview = wait_missing(&daemon, &id);
    assert_eq!(drives_of(&overview, &id).len(), 4, "{overview}");
    daemon.wait_logged("shelf missing");
    daemon.stop(Signal::TERM);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let overview = daemon.json("/api/overview");
    assert_eq!((ids(&overview).len(), &overview["totals"]["slots_occupied"]), (1, &4.into()), "{overview}");
    sim.shelf(&["enclosure/0", "back"]);
    daemon.overview_when("the enclosure is present", |overview| drives_of(overview, &id).len() == 4);
}

#[test]
fn a_list_of_another_host_or_format_is_ignored() {
    let (sim, redis) = (host(), Redis::start());
    let elsewhere = r#"{"schema":1,"host":"elsewhere","generated_at":"2026-01-01T00:00:00Z","enclosures":[{"id":"0x1","vendor":null,"model":null,"rev":null,"missing_since":null,"modules":[],"slots":[]}]}"#;
    for value in [elsewhere, "{}", "[", "\"\""] {
        redis.set("jbod:last:known_enclosures", value.as_bytes());
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        assert_eq!(ids(&daemon.json("/api/overview")).len(), 2, "{value}");
        daemon.stop(Signal::TERM);
    }
}

/// Containers on several hosts may have the same name.
#[test]
fn a_list_of_another_host_with_the_same_name_is_ignored() {
    let redis = Redis::start();
    for seed in ["1", "2"] {
        let sim = support::lease::host("jbod-monitor", seed);
        let id = first_shelf(&sim);
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        wait_stored(&redis, &id, Presence::Present);
        daemon.after_sweeps(1);
        assert_eq!(ids(&daemon.json("/api/overview")), [id], "{}", daemon.log());
        assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
        daemon.stop(Signal::TERM);
    }
}

/// The driver of the HBA has other bay numbers than the enclosure reported.
#[test]
fn bays_from_an_hba_do_not_replace_those_of_a_missing_enclosure() {
    let (sim, redis) = (host(), Redis::start());
    sim.set("enclosure/0", &["sas_devices=true"]);
    for (number, serial) in serials(&sim).iter().enumerate() {
        sim.set(serial, &[&format!("sas_bay={}", 20 + number)]);
    }
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    let fields = ["slot", "slot_source"];
    let before = places(&daemon.json("/api/overview"), &id, fields);
    sim.shelf(&["enclosure/0", "gone"]);
    let overview = wait_missing(&daemon, &id);
    assert_eq!((before.len(), places(&overview, &id, fields)), (4, before), "{overview}");
    assert!(drives_of(&overview, &id).iter().all(|drive| drive["slot_source"] == "ses"), "{overview}");
    daemon.wait_logged(&format!("shelf missing enclosure={id} bays=6 drives=4 drives_missing=0"));
    sim.shelf(&["enclosure/0", "back"]);
    wait_present(&daemon, &id);
    daemon.wait_logged(&format!("shelf returned enclosure={id}"));
    daemon.after_sweeps(2);
    assert_eq!(daemon.logged("drive moved"), 0, "{}", daemon.log());
}

/// An enclosure without an SES device is known from its drives only.
#[test]
fn an_enclosure_that_only_an_hba_reports_is_never_missing() {
    let (sim, redis) = (host(), Redis::start());
    sim.set("enclosure/0", &["sas_devices=true", "ses=false"]);
    let drives: Vec<Value> = sim.list().into_iter().filter(|drive| drive["enclosure"] == 0).collect();
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    assert_eq!(array(&daemon.json("/api/overview"), "enclosures").len(), 2);
    let bays: Vec<String> = drives.iter().map(|drive| format!("bay/0/{}", drive["bay"])).collect();
    sim.pull(&bays.iter().map(String::as_str).collect::<Vec<_>>());
    let overview = daemon.overview_when("its drives are missing", |overview| in_state(overview, "missing") == 4);
    assert_eq!(array(&overview, "enclosures").len(), 1, "{overview}");
    daemon.wait_logged("drive missing enclosure=");
    daemon.after_sweeps(1);
    assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
    let stored = redis.get("jbod:last:known_enclosures").expect("a list");
    let stored: Value = serde_json::from_str(&stored).expect("JSON");
    assert_eq!(array(&stored, "enclosures").len(), 1, "{stored}");
}

/// A second enclosure with the same id appears, after which both have other ids.
#[test]
fn an_enclosure_whose_id_changes_is_not_missing() {
    let (sim, redis) = (host(), Redis::start());
    let id = first_shelf(&sim);
    sim.set("enclosure/1", &["ses=false"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    sim.set("enclosure/1", &[&format!("id={}", id.trim_start_matches("0x")), "ses=true"]);
    let overview = daemon.overview_when("both enclosures are shown", |overview| ids(overview).len() == 2);
    assert!(ids(&overview).iter().all(|name| name.starts_with(&format!("{id}-"))), "{:?}", ids(&overview));
    daemon.after_sweeps(2);
    let overview = daemon.json("/api/overview");
    assert_eq!((ids(&overview).len(), &overview["totals"]["slots_occupied"]), (2, &8.into()), "{overview}");
    assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
    assert_eq!(daemon.logged("io module"), 0, "{}", daemon.log());
}
