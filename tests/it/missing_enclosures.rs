//! Shelves and IO modules that disappear: what is still shown of them, what is reported, and that a restart forgets
//! nothing.

use crate::support;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::daemon::Daemon;
use support::eventually;
use support::exposition::Exposition;
use support::json::list;
use support::redis::Redis;
use support::sim::Sim;

const QUICK: [(&str, &str); 3] = [("REDIS_TIMEOUT_MS", "10000"), ("OVERVIEW_TTL", "3"), ("SMART_POLL_INTERVAL", "3")];

/// Two shelves with two IO modules and four drives each.
fn host() -> Sim {
    let options = "--enclosures 2 --bays 6 --drives 8 --paths 2 --sata 0 --nvme 0 --pools 0";
    Sim::host(&options.split(' ').collect::<Vec<_>>())
}

fn ids(overview: &Value) -> Vec<String> {
    let enclosures = overview["enclosures"].as_array().expect("enclosures");
    enclosures.iter().map(|enclosure| enclosure["id"].as_str().expect("an id").to_owned()).collect()
}

/// The id of the shelf that the simulator calls enclosure/0, by a module of it.
fn first_shelf(sim: &Sim) -> String {
    let class = std::fs::read_dir(sim.root().join("sys/class/enclosure")).expect("enclosures");
    let mut names: Vec<_> = class.flatten().map(|entry| entry.path()).collect();
    names.sort();
    let id = std::fs::read_to_string(names[0].join("id")).expect("an id");
    id.trim().to_owned()
}

fn enclosure<'a>(overview: &'a Value, id: &str) -> &'a Value {
    let enclosures = overview["enclosures"].as_array().expect("enclosures");
    enclosures.iter().find(|enclosure| enclosure["id"] == id).unwrap_or(&Value::Null)
}

/// Waits until the shelf is missing, or here.
#[track_caller]
fn wait_presence(daemon: &Daemon, id: &str, is_missing: bool) -> Value {
    let what = if is_missing { "the shelf is missing" } else { "the shelf is here" };
    daemon.overview_when(what, |overview| {
        let enclosure = enclosure(overview, id);
        enclosure.is_object() && enclosure["missing_since"].is_string() == is_missing
    })
}

/// The drives in its bays.
fn drives_of<'a>(overview: &'a Value, id: &str) -> Vec<&'a Value> {
    let slots = enclosure(overview, id)["slots"].as_array();
    slots.into_iter().flatten().map(|slot| &slot["drive"]).filter(|drive| drive.is_object()).collect()
}

fn metric(daemon: &Daemon, name: &str, id: &str) -> Option<f64> {
    Exposition::read(&daemon.get("/metrics").text()).get(name, &[("enclosure", id)])
}

#[test]
fn shelf_that_disappears_keeps_its_bays_and_drives() {
    let (sim, redis) = (host(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    let before = daemon.json("/api/overview");
    assert_eq!((ids(&before).len(), drives_of(&before, &id).len()), (2, 4), "{before}");
    sim.shelf(&["enclosure/0", "gone"]);
    let overview = wait_presence(&daemon, &id, true);
    let since = enclosure(&overview, &id)["missing_since"].clone();
    let drives = drives_of(&overview, &id);
    assert_eq!((ids(&overview), drives.len()), (ids(&before), 4), "{overview}");
    assert!(drives.iter().all(|drive| drive["bay_as_of"] == since && drive["state"] != "missing"), "{drives:?}");
    assert_eq!((&overview["totals"]["slots"], &overview["totals"]["slots_occupied"]), (&12.into(), &8.into()));
    assert_eq!(enclosure(&overview, &id)["findings"][0]["code"], "E13", "{overview}");
    assert_eq!(enclosure(&overview, &id)["slots"][0]["status"], Value::Null, "unknown: {overview}");
    let shown = daemon.json(&format!("/api/enclosures/{id}"));
    assert_eq!((&shown["missing_since"], shown["slots"].as_array().map(Vec::len)), (&since, Some(6)));
    let device = drives[0]["device"].as_str().expect("a name").to_owned();
    let place = format!("enclosure {id} bay {} (as of ", drives[0]["slot"]);
    assert!(daemon.get(&format!("/api/whereis/{device}")).text().contains(&place), "{device}: {place}");
    assert_eq!(daemon.json(&format!("/api/drives/{device}"))["bay_as_of"], since);
    assert!(daemon.get("/api/map.txt").text().contains("the shelf has been missing since"));
    assert!(daemon.get("/healthz").text().contains("the shelf has been missing since"));
    eventually("metrics have it", || (metric(&daemon, "jbod_enclosure_up", &id) == Some(0.0)).then_some(()));
    assert_eq!(metric(&daemon, "jbod_enclosure_modules", &id), Some(0.0));
    assert_eq!(metric(&daemon, "jbod_enclosure_expected_modules", &id), Some(2.0));
    assert!(metric(&daemon, "jbod_enclosure_missing_since_timestamp_seconds", &id) > Some(0.0));
    daemon.wait_logged(&format!("shelf missing enclosure={id} bays=6 drives=4 drives_missing=0"));

    sim.shelf(&["enclosure/0", "back"]);
    let overview = wait_presence(&daemon, &id, false);
    assert!(drives_of(&overview, &id).iter().all(|drive| drive["bay_as_of"].is_null()), "{overview}");
    daemon.wait_logged(&format!("shelf returned enclosure={id} bays=6 drives=4 drives_missing=0"));
    eventually("metrics have it", || (metric(&daemon, "jbod_enclosure_up", &id) == Some(1.0)).then_some(()));
    daemon.after_sweeps(2);
    for line in ["drive moved", "drive missing", "drive returned", "io module", "drive added"] {
        assert_eq!(daemon.logged(line), 0, "{}", daemon.log());
    }
    assert_eq!((daemon.logged("shelf missing"), daemon.logged("shelf returned")), (1, 1), "{}", daemon.log());
}

#[test]
fn shelf_that_loses_power_is_one_event_with_all_its_drives() {
    let (sim, redis) = (host(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    sim.shelf(&["enclosure/0", "gone", "--drives"]);
    let overview =
        daemon.overview_when("its drives are missing", |overview| overview["totals"]["by_state"]["missing"] == 4);
    let drives = drives_of(&overview, &id);
    assert_eq!(drives.len(), 4, "in its bays: {overview}");
    assert!(drives.iter().all(|drive| drive["state"] == "missing" && drive["bay_as_of"].is_null()), "{drives:?}");
    assert!(enclosure(&overview, &id)["missing_since"].is_string());
    daemon.wait_logged(&format!("shelf missing enclosure={id} bays=6 drives=4 drives_missing=4"));
    sim.shelf(&["enclosure/0", "back", "--drives"]);
    daemon.overview_when("all are here", |overview| overview["totals"]["by_state"]["active"] == 8);
    daemon.wait_logged(&format!("shelf returned enclosure={id} bays=6 drives=4 drives_missing=0"));
    daemon.after_sweeps(2);
    assert_eq!((daemon.logged("drive missing"), daemon.logged("drive returned")), (0, 0), "{}", daemon.log());
    // A single drive is an event of its own.
    sim.pull(&["bay/0/0"]);
    daemon.wait_logged("drive missing enclosure=");
    assert_eq!(daemon.logged("shelf missing"), 1, "{}", daemon.log());
}

#[test]
fn lost_io_module_is_a_finding_until_it_is_back() {
    let (sim, redis) = (host(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    sim.module(&["enclosure/0", "0", "gone", "--drives"]);
    let has_finding = |overview: &Value| enclosure(overview, &id)["findings"].to_string().contains("\"E12\"");
    let overview = daemon.overview_when("a module is missing", has_finding);
    let shelf = enclosure(&overview, &id);
    assert_eq!((&shelf["verdict"], &shelf["missing_since"]), (&"warn".into(), &Value::Null), "{shelf}");
    let lost: Vec<&Value> =
        shelf["modules"].as_array().expect("modules").iter().filter(|module| module["present"] == false).collect();
    assert_eq!((shelf["modules"].as_array().map(Vec::len), lost.len()), (Some(2), 1), "{shelf}");
    assert!(lost[0]["missing_since"].is_string() && lost[0]["address"].is_string(), "{lost:?}");
    let name = lost[0]["sysfs_name"].as_str().expect("a name");
    assert!(name.starts_with("0:"), "{name}");
    daemon.wait_logged(&format!("io module missing enclosure={id} module={name} modules=1 expected=2"));
    eventually("metrics have it", || (metric(&daemon, "jbod_enclosure_modules", &id) == Some(1.0)).then_some(()));
    assert_eq!(metric(&daemon, "jbod_enclosure_expected_modules", &id), Some(2.0));
    assert_eq!(metric(&daemon, "jbod_enclosure_up", &id), Some(1.0), "the other one answers");
    // Its drives have one path each; the event of the module covers that.
    let lacks_path = |drive: &&Value| drive["findings"].to_string().contains("\"P1\"");
    daemon.overview_when("its drives have lost a path", |overview| {
        drives_of(overview, &id).iter().filter(|drive| lacks_path(drive)).count() == 4
    });
    daemon.after_sweeps(1);

    // The kernel has numbered it again.
    sim.module(&["enclosure/0", "0", "back", "--drives", "--target", "77"]);
    let overview = daemon.overview_when("it is back", |overview| !has_finding(overview));
    let modules = enclosure(&overview, &id)["modules"].to_string();
    assert!(modules.contains("0:0:77:0") && !modules.contains(name), "{modules}");
    daemon.wait_logged(&format!("io module returned enclosure={id} module=0:0:77:0 modules=2 expected=2"));
    daemon.after_sweeps(2);
    daemon.overview_when("its drives have both paths", |overview| {
        drives_of(overview, &id).iter().all(|drive| !lacks_path(drive))
    });
    for line in ["lost a path", "regained a path"] {
        assert_eq!(daemon.logged(line), 0, "{}", daemon.log());
    }
    for line in ["io module missing", "io module returned"] {
        assert_eq!(daemon.logged(line), 1, "{}", daemon.log());
    }
    assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
}

/// Waits until Redis has a list of known enclosures in which the shelf is missing, or here.
#[track_caller]
fn wait_stored(redis: &Redis, id: &str, is_missing: bool) {
    eventually("the known enclosures are stored", || {
        let list: Value = serde_json::from_str(&redis.get("jbod:last:known_enclosures")?).ok()?;
        let stored = enclosure(&list, id);
        (stored.is_object() && stored["missing_since"].is_string() == is_missing).then_some(())
    });
}

#[test]
fn restart_forgets_neither_shelf_nor_module() {
    let (sim, redis) = (host(), Redis::start());
    let id = first_shelf(&sim);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    sim.shelf(&["enclosure/0", "gone"]);
    daemon.wait_logged("shelf missing");
    let before = wait_presence(&daemon, &id, true);
    wait_stored(&redis, &id, true);
    daemon.stop(Signal::TERM);

    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let after = wait_presence(&daemon, &id, true);
    let places = |overview: &Value| -> Vec<Value> {
        let place = |drive: &&Value| json!([drive["serial_number"], drive["slot"], drive["bay_as_of"]]);
        drives_of(overview, &id).iter().map(place).collect()
    };
    assert_eq!(places(&after), places(&before), "as of the same time");
    daemon.after_sweeps(2);
    assert_eq!(daemon.logged("shelf missing"), 0, "reported already: {}", daemon.log());
    daemon.stop(Signal::TERM);

    sim.shelf(&["enclosure/0", "back"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    daemon.wait_logged(&format!("shelf returned enclosure={id}"));
    wait_stored(&redis, &id, false);
    daemon.stop(Signal::TERM);

    // While no daemon runs, one shelf loses a module, and the other one goes.
    let other = ids(&before).into_iter().find(|other| *other != id).expect("two shelves");
    sim.module(&["enclosure/0", "1", "gone"]);
    sim.shelf(&["enclosure/1", "gone"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    daemon.wait_logged(&format!("shelf missing enclosure={other} bays=6 drives=4 drives_missing=0"));
    daemon.wait_logged(&format!("io module missing enclosure={id} module=1:"));
    let overview = wait_presence(&daemon, &other, true);
    assert_eq!(drives_of(&overview, &other).len(), 4, "{overview}");
    assert_eq!(enclosure(&overview, &id)["findings"][0]["code"], "E12", "{overview}");
}

#[test]
fn without_redis_a_missing_shelf_is_known_while_the_daemon_runs() {
    let (sim, mut redis) = (host(), Redis::start());
    redis.kill();
    let id = first_shelf(&sim);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    sim.shelf(&["enclosure/0", "gone"]);
    let overview = wait_presence(&daemon, &id, true);
    assert_eq!(drives_of(&overview, &id).len(), 4, "{overview}");
    daemon.wait_logged("shelf missing");
    daemon.stop(Signal::TERM);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let overview = daemon.json("/api/overview");
    assert_eq!((ids(&overview).len(), &overview["totals"]["slots_occupied"]), (1, &4.into()), "{overview}");
    sim.shelf(&["enclosure/0", "back"]);
    daemon.overview_when("it is here", |overview| drives_of(overview, &id).len() == 4);
}

#[test]
fn foreign_list_of_enclosures_is_ignored() {
    let (sim, redis) = (host(), Redis::start());
    let elsewhere = r#"{"schema":1,"host":"elsewhere","generated_at":"2026-01-01T00:00:00Z","enclosures":[{"id":"0x1","vendor":null,"model":null,"rev":null,"missing_since":null,"modules":[],"slots":[]}]}"#;
    for value in [elsewhere, "{}", "[", "\"\""] {
        redis.set("jbod:last:known_enclosures", value.as_bytes());
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        assert_eq!(ids(&daemon.json("/api/overview")).len(), 2, "{value}");
        daemon.stop(Signal::TERM);
    }
}

/// In containers all hosts may have one name.
#[test]
fn list_of_another_host_with_the_same_name_is_ignored() {
    let redis = Redis::start();
    for seed in ["1", "2"] {
        let sim = support::lease::host("jbod-monitor", seed);
        let id = first_shelf(&sim);
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        wait_stored(&redis, &id, false);
        daemon.after_sweeps(1);
        assert_eq!(ids(&daemon.json("/api/overview")), [id], "{}", daemon.log());
        assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
        daemon.stop(Signal::TERM);
    }
}

/// The HBA's driver still knows bays, but they are not those that the shelf reported.
#[test]
fn bays_that_an_hba_knows_do_not_replace_those_of_a_missing_shelf() {
    let (sim, redis) = (host(), Redis::start());
    sim.set("enclosure/0", &["sas_devices=true"]);
    for (number, drive) in sim.list().iter().enumerate() {
        sim.set(drive["serial"].as_str().expect("a serial number"), &[&format!("sas_bay={}", 20 + number)]);
    }
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let id = first_shelf(&sim);
    let places = |overview: &Value| -> Vec<Value> {
        drives_of(overview, &id).iter().map(|drive| json!([drive["serial_number"], drive["slot"]])).collect()
    };
    let before = places(&daemon.json("/api/overview"));
    sim.shelf(&["enclosure/0", "gone"]);
    let overview = wait_presence(&daemon, &id, true);
    assert_eq!((before.len(), places(&overview)), (4, before), "{overview}");
    assert!(drives_of(&overview, &id).iter().all(|drive| drive["slot_source"] == "ses"), "{overview}");
    daemon.wait_logged(&format!("shelf missing enclosure={id} bays=6 drives=4 drives_missing=0"));
    sim.shelf(&["enclosure/0", "back"]);
    wait_presence(&daemon, &id, false);
    daemon.wait_logged(&format!("shelf returned enclosure={id}"));
    daemon.after_sweeps(2);
    assert_eq!(daemon.logged("drive moved"), 0, "{}", daemon.log());
}

/// No SES device shows that enclosure: nothing is known of it apart from its drives.
#[test]
fn enclosure_that_only_an_hba_knows_is_never_missing() {
    let (sim, redis) = (host(), Redis::start());
    sim.set("enclosure/0", &["sas_devices=true", "ses=false"]);
    let drives: Vec<Value> = sim.list().into_iter().filter(|drive| drive["enclosure"] == 0).collect();
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let enclosures = |overview: &Value| list(overview, "enclosures").count();
    assert_eq!(enclosures(&daemon.json("/api/overview")), 2);
    let bays: Vec<String> = drives.iter().map(|drive| format!("bay/0/{}", drive["bay"])).collect();
    sim.pull(&bays.iter().map(String::as_str).collect::<Vec<_>>());
    let overview =
        daemon.overview_when("its drives are missing", |overview| overview["totals"]["by_state"]["missing"] == 4);
    assert_eq!(enclosures(&overview), 1, "{overview}");
    daemon.wait_logged("drive missing enclosure=");
    daemon.after_sweeps(1);
    assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
    let stored = redis.get("jbod:last:known_enclosures").expect("a list");
    let stored: Value = serde_json::from_str(&stored).expect("JSON");
    assert_eq!(enclosures(&stored), 1, "{stored}");
}

/// Another shelf with its id appears: both have other names then.
#[test]
fn shelf_that_gets_another_name_is_not_missing() {
    let (sim, redis) = (host(), Redis::start());
    let id = first_shelf(&sim);
    sim.set("enclosure/1", &["ses=false"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    sim.set("enclosure/1", &[&format!("id={}", id.trim_start_matches("0x")), "ses=true"]);
    let overview = daemon.overview_when("both are shown", |overview| ids(overview).len() == 2);
    assert!(ids(&overview).iter().all(|name| name.starts_with(&format!("{id}-"))), "{:?}", ids(&overview));
    daemon.after_sweeps(2);
    let overview = daemon.json("/api/overview");
    assert_eq!((ids(&overview).len(), &overview["totals"]["slots_occupied"]), (2, &8.into()), "{overview}");
    assert_eq!(daemon.logged("shelf missing"), 0, "{}", daemon.log());
    assert_eq!(daemon.logged("io module"), 0, "{}", daemon.log());
}
