//! The series of `/metrics` on which alerts rely. `prometheus` tests that Prometheus accepts the page.

use crate::support;

mod formats;

use crate::helpers::{array, sim_host, string};
use crate::support::wait_until;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::daemon::Daemon;
use support::exposition::Exposition;
use support::http::Client;
use support::redis::Redis;
use support::sim::Sim;

const QUICK: [(&str, &str); 2] = [("SMART_POLL_INTERVAL", "2"), ("SMART_TIMEOUT", "1")];
/// Only the first sweep takes place during a test.
const ONCE: (&str, &str) = ("SMART_POLL_INTERVAL", "3600");

/// The simulator's drive in a bay of the first shelf.
fn in_bay(sim: &Sim, bay: u64) -> Value {
    let found = sim.list().into_iter().find(|drive| drive["enclosure"] == 0 && drive["bay"] == bay);
    found.unwrap_or_else(|| panic!("no drive in bay {bay}"))
}

fn serial_in_bay(sim: &Sim, bay: u64) -> String {
    string(&in_bay(sim, bay), "serial").to_owned()
}

/// A value of one drive.
#[track_caller]
fn value(page: &Exposition, name: &str, serial: &str) -> Option<f64> {
    page.get(name, &[("serial_number", serial)])
}

/// How many series of that name are not 0.
fn count_nonzero(page: &Exposition, name: &str) -> usize {
    page.all(name, &[]).filter(|series| series.value > 0.0).count()
}

fn is_redis_up(page: &Exposition) -> Option<f64> {
    page.get("jbod_redis_up", &[])
}

fn is_redis_writable(page: &Exposition) -> Option<f64> {
    page.get("jbod_redis_writable", &[])
}

#[track_caller]
fn verdict(page: &Exposition, serial: &str) -> Option<String> {
    page.state("jbod_device_verdict", "verdict", &[("serial_number", serial)])
}

#[track_caller]
fn state(page: &Exposition, serial: &str) -> Option<String> {
    page.state("jbod_device_state", "state", &[("serial_number", serial)])
}

#[test]
fn every_drive_and_bay_of_the_rack_has_its_series() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    let page = daemon.metrics();
    let drives = sim.list();
    assert_eq!(page.all("jbod_device_info", &[]).count(), drives.len());
    for drive in &drives {
        let serial = string(drive, "serial");
        let info = page.all("jbod_device_info", &[("serial_number", serial)]).next().expect("a series");
        let bay = if drive["bay"].is_null() { String::new() } else { drive["bay"].to_string() };
        let device = drive["devices"][0].as_str().expect("a device");
        assert_eq!((info.label("device"), info.label("slot")), (device, bay.as_str()), "{info:?}");
        assert_eq!(info.label("pool"), drive["pool"].as_str().unwrap_or_default(), "{info:?}");
        assert_eq!(value(&page, "jbod_device_temperature_celsius", serial), drive["temperature"].as_f64());
        let hours = value(&page, "jbod_device_power_on_seconds_total", serial).map(|seconds| seconds / 3600.0);
        assert_eq!(hours, drive["hours"].as_f64(), "{serial}");
        let capacity = value(&page, "jbod_device_capacity_bytes", serial);
        assert_eq!(capacity, drive["size_bytes"].as_f64());
        let paths = value(&page, "jbod_device_paths", serial).expect("a number of paths");
        assert_eq!(paths.to_string(), array(drive, "devices").len().to_string(), "{serial}");
        assert_eq!(state(&page, serial).as_deref(), Some("active"));
        assert_eq!(verdict(&page, serial).as_deref(), Some("ok"));
        for name in ["jbod_device_collected_timestamp_seconds", "jbod_device_smartctl_duration_seconds"] {
            assert!(value(&page, name, serial).is_some(), "{name} of {serial}");
        }
    }
    let slots = page.all("jbod_slot_occupied", &[]).count();
    assert_eq!((slots, count_nonzero(&page, "jbod_slot_occupied")), (84, 78));
    assert_eq!(page.all("jbod_slot_status", &[("status", "OK")]).count(), 78);
    assert_eq!(count_nonzero(&page, "jbod_enclosure_up"), 2);
    for (kind, name) in [
        ("sas", "jbod_scsi_uncorrected_errors_total"),
        ("sata", "jbod_device_attribute"),
        ("nvme", "jbod_nvme_critical_warning"),
    ] {
        let drive =
            drives.iter().find(|drive| drive["kind"] == kind).unwrap_or_else(|| panic!("no drive of kind {kind}"));
        assert!(page.all(name, &[("serial_number", string(drive, "serial"))]).next().is_some(), "{name} of {drive}");
    }
    assert_eq!(page.get("jbod_sweep_drives", &[]), Some(79.0));
    assert_eq!(page.get("jbod_smartctl_runs_total", &[("outcome", "good")]), Some(79.0));
    assert_eq!((page.get("jbod_sweeps_total", &[]), page.get("jbod_ready", &[])), (Some(1.0), Some(1.0)));
    for name in ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(page.get(name, &[]).is_some_and(|value| value > 1.0), "{name}");
    }
}

#[test]
fn problems_of_a_drive_and_its_bay_have_series() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let [hot, failing, asleep, sata] = [0, 1, 3, 4].map(|bay| serial_in_bay(&sim, bay));
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let before = daemon.metrics();
    sim.set(&hot, &["temperature=63"]);
    sim.set(&failing, &["failed=true"]);
    sim.set(&asleep, &["standby=true"]);
    sim.set(&sata, &["attr.197.raw=109"]);
    sim.set("bay/0/1", &["fault=4", "locate=1"]);
    let page = daemon.metrics_when("all problems are shown", |page| {
        value(page, "jbod_device_temperature_celsius", &hot) == Some(63.0)
            && state(page, &asleep).as_deref() == Some("standby")
            && verdict(page, &failing).as_deref() == Some("crit")
            && verdict(page, &sata).as_deref() == Some("crit")
    });
    assert_eq!(value(&page, "jbod_device_smart_status", &failing), Some(0.0));
    let rule = [("serial_number", failing.as_str()), ("code", "S1"), ("severity", "crit")];
    assert_eq!(page.get("jbod_device_finding", &rule), Some(1.0));
    let limit = [("serial_number", hot.as_str()), ("limit", "drive_trip")];
    assert!(page.get("jbod_device_temperature_limit_celsius", &limit).is_some());
    let pending = [("serial_number", sata.as_str()), ("attribute_id", "197"), ("attribute_value_type", "raw")];
    assert_eq!(page.get("jbod_device_attribute", &pending), Some(109.0));
    let bay = [("slot", "1")];
    for (name, is) in [("jbod_slot_fault_sensed", 1.0), ("jbod_slot_fault_requested", 0.0), ("jbod_slot_locate", 1.0)] {
        assert_eq!(page.get(name, &bay), Some(is), "{name}");
    }
    // A drive in standby keeps its values and the time of their reading.
    let (warm, read) = ("jbod_device_temperature_celsius", "jbod_device_collected_timestamp_seconds");
    assert_eq!(value(&page, warm, &asleep), value(&before, warm, &asleep));
    let later =
        daemon.metrics_when("other drives are read again", |later| value(later, read, &hot) > value(&page, read, &hot));
    assert_eq!(value(&later, read, &asleep), value(&page, read, &asleep));
    assert!(value(&later, "jbod_device_checked_timestamp_seconds", &asleep) > value(&page, read, &asleep));
}

#[test]
fn a_missing_drive_is_in_its_last_bay_and_has_no_values() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let pulled = in_bay(&sim, 3);
    let serial = string(&pulled, "serial");
    sim.pull(&["bay/0/3"]);
    let page = daemon.metrics_when("the drive is missing", |page| state(page, serial).as_deref() == Some("missing"));
    let info = page.all("jbod_device_info", &[("serial_number", serial)]).next().expect("a series");
    assert_eq!((info.label("enclosure"), info.label("slot")), (string(&pulled, "enclosure_id"), "3"));
    assert!(value(&page, "jbod_device_missing_since_timestamp_seconds", serial).is_some());
    for name in ["jbod_device_temperature_celsius", "jbod_device_capacity_bytes", "jbod_device_paths"] {
        assert_eq!(value(&page, name, serial), None, "{name}");
    }
    // The enclosure reports the bay as empty, which is read with the next sweep. Until then it is unknown.
    let bay = [("slot", "3")];
    assert_ne!(page.get("jbod_slot_occupied", &bay), Some(1.0));
    daemon.metrics_when("the bay is reported as empty", |page| page.get("jbod_slot_occupied", &bay) == Some(0.0));
    // Another drive gets the bay and the name of the block device.
    sim.insert(&["bay/0/3", "--serial", "NEW0001"]);
    let page = daemon.metrics_when("the new drive is read", |page| state(page, "NEW0001").as_deref() == Some("active"));
    assert_eq!(page.all("jbod_device_info", &[("slot", "3")]).count(), 1, "the replaced drive is no longer missing");
    assert_eq!(page.get("jbod_slot_occupied", &bay), Some(1.0));
}

#[test]
fn an_unresponsive_drive_and_its_consequences_have_series() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let [hung, other] = [0, 1].map(|bay| serial_in_bay(&sim, bay));
    sim.set(&hung, &["hang=true"]);
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let page =
        daemon.metrics_when("the drive is unresponsive", |page| state(page, &hung).as_deref() == Some("unresponsive"));
    assert_eq!(verdict(&page, &hung).as_deref(), Some("unknown"));
    assert_eq!(value(&page, "jbod_device_consecutive_timeouts", &hung), Some(1.0));
    assert_eq!(value(&page, "jbod_device_temperature_celsius", &hung), None, "it was never read");
    assert_eq!(page.get("jbod_smartctl_runs_total", &[("outcome", "silent")]), Some(1.0));
    assert_eq!(page.get("jbod_devices_quarantined", &[]), Some(1.0));
    assert_eq!(page.get("jbod_degraded", &[("component", "drive")]), Some(1.0));
    assert_eq!(state(&page, &other).as_deref(), Some("active"));
    let sweeps =
        daemon.metrics_when("sweeps continue without it", |page| page.get("jbod_sweeps_total", &[]) > Some(2.0));
    assert_eq!(sweeps.get("jbod_sweep_failed_drives", &[]), Some(1.0));
}

#[test]
fn without_redis_all_other_series_are_current_and_nothing_waits() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "2")]);
    let page = daemon.metrics();
    assert_eq!((is_redis_up(&page), is_redis_writable(&page)), (Some(1.0), Some(1.0)));
    assert_eq!(page.get("jbod_degraded", &[("component", "redis")]), Some(0.0));
    let drives = page.all("jbod_device_temperature_celsius", &[]).count();
    redis.signal(Signal::STOP);
    let stopped = daemon.metrics_when("a stopped Redis is noticed", |page| is_redis_up(page) == Some(0.0));
    assert_eq!(stopped.all("jbod_device_temperature_celsius", &[]).count(), drives);
    let begun = Instant::now();
    for _ in 0..50 {
        daemon.metrics();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "requests wait for Redis: {:?}", begun.elapsed());
    redis.signal(Signal::CONT);
    daemon.metrics_when("Redis is available again", |page| {
        is_redis_up(page) == Some(1.0) && is_redis_writable(page) == Some(1.0)
    });
    redis.kill();
    let page = daemon.metrics_when("a killed Redis is noticed", |page| {
        is_redis_up(page) == Some(0.0) && is_redis_writable(page) == Some(0.0)
    });
    assert_eq!(page.get("jbod_degraded", &[("component", "redis")]), Some(1.0));
    assert_eq!((page.get("jbod_ready", &[]), page.get("jbod_poller_leader", &[])), (Some(1.0), Some(1.0)));
    daemon.metrics_when("drives are read again", |later| newest_reading(later) > newest_reading(&page));
    redis.up();
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    daemon.metrics_when("Redis responds and rejects writes", |page| {
        is_redis_up(page) == Some(1.0) && is_redis_writable(page) == Some(0.0)
    });
}

fn newest_reading(page: &Exposition) -> f64 {
    let times = page.all("jbod_device_collected_timestamp_seconds", &[]).map(|series| series.value);
    times.fold(0.0, f64::max)
}

#[test]
fn pools_and_their_problems_have_series() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let leaf = in_bay(&sim, 0);
    let (serial, pool, vdev) = (string(&leaf, "serial"), string(&leaf, "pool"), string(&leaf, "vdev"));
    let pool_state = |page: &Exposition| page.state("jbod_pool_state", "state", &[("pool", pool)]);
    let page = daemon.metrics();
    assert_eq!(pool_state(&page).as_deref(), Some("ONLINE"));
    assert_eq!(page.get("jbod_pool_has_data_errors", &[("pool", pool)]), Some(0.0));
    sim.set(&format!("leaf/{serial}"), &["state=FAULTED", "read=3", "cksum=12"]);
    sim.set(
        &format!("pool/{pool}"),
        &["state=DEGRADED", "scan=resilvering", "progress=42", "errors=7 data errors, use '-v' for a list"],
    );
    let page = daemon.metrics_when("the pool is degraded", |page| pool_state(page).as_deref() == Some("DEGRADED"));
    let at = [("pool", pool), ("vdev", vdev), ("serial_number", serial)];
    assert_eq!(page.state("jbod_leaf_state", "state", &at).as_deref(), Some("FAULTED"));
    for (kind, count) in [("read", 3.0), ("write", 0.0), ("checksum", 12.0)] {
        let labels: Vec<(&str, &str)> = at.into_iter().chain([("type", kind)]).collect();
        assert_eq!(page.get("jbod_leaf_errors_total", &labels), Some(count), "{kind}");
    }
    assert!(page.all("jbod_vdev_state", &at[..2]).next().is_some());
    assert_eq!(page.get("jbod_pool_has_data_errors", &[("pool", pool)]), Some(1.0));
    assert_eq!(page.get("jbod_pool_scan", &[("pool", pool), ("kind", "resilver")]), Some(1.0));
    assert_eq!(page.get("jbod_pool_scan_done_ratio", &[("pool", pool)]), Some(0.42));
    assert_eq!(page.get("jbod_zfs_up", &[]), Some(1.0));
    sim.set("zpool", &["crash=true"]);
    let page = daemon.metrics_when("zpool has failed", |page| page.get("jbod_zfs_up", &[]) == Some(0.0));
    assert_eq!(pool_state(&page).as_deref(), Some("DEGRADED"), "the last known state");
}

#[test]
fn an_unknown_value_has_no_series() {
    let sim = sim_host("--enclosures 1 --bays 6 --drives 4 --paths 1 --sata 0 --ssd 0 --nvme 0 --pools 0");
    let [incomplete, asleep] = [0, 1].map(|bay| serial_in_bay(&sim, bay));
    sim.set(&incomplete, &["temperature_told=255", "no_hours=true", "no_grown_defects=true"]);
    sim.set(&asleep, &["standby=true"]);
    sim.set("zpool", &["gone=true"]);
    sim.set("enclosure/0", &["silent=true"]);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let page = daemon.metrics();
    for name in ["jbod_device_temperature_celsius", "jbod_device_power_on_seconds_total", "jbod_scsi_grown_defect_list"]
    {
        assert_eq!(value(&page, name, &incomplete), None, "{name}");
        assert_eq!(value(&page, name, &asleep), None, "{name} of a drive in standby since the start");
        assert_eq!(page.all(name, &[]).count(), 2, "{name} of the others");
    }
    assert_eq!(value(&page, "jbod_device_collected_timestamp_seconds", &asleep), None);
    assert_eq!(state(&page, &asleep).as_deref(), Some("standby"));
    assert_eq!(page.get("jbod_enclosure_up", &[]), Some(0.0));
    let is_occupied: Vec<f64> = page.all("jbod_slot_occupied", &[]).map(|sample| sample.value).collect();
    assert_eq!(is_occupied, [1.0; 4], "whether the other bays are empty is unknown");
    for name in ["jbod_slot_status", "jbod_slot_fault_sensed", "jbod_pool_state", "jbod_zfs_up", "jbod_leaf_state"] {
        assert_eq!(page.all(name, &[]).next(), None, "{name}");
        assert!(!page.kinds.contains_key(name), "{name} has no TYPE either");
    }
}

/// How many requests have been counted; 0 without a series.
fn requests(page: &Exposition, route: &str, code: &str) -> f64 {
    page.get("jbod_http_requests_total", &[("route", route), ("code", code)]).unwrap_or(0.0)
}

#[test]
fn requests_are_counted_by_route_for_any_path() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    let before = daemon.metrics();
    for path in ["/api/overview", "/api/overview", "/api/enclosures/nobody", "/api/drives?color=red"] {
        daemon.get(path);
    }
    for number in 0..200 {
        daemon.get(&format!("/api/drives/nobody{number}"));
        daemon.get(&format!("/wp-login{number}.php"));
    }
    let mut client = Client::connect(daemon.port).expect("a connection");
    client.raw(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", false).expect("a response");
    client.request("POST", "/api/overview", &[]).expect("a response");
    let expected = [
        ("/api/overview", "200", 2.0),
        ("/api/enclosures/{id}", "404", 1.0),
        ("/api/drives/{id}", "404", 200.0),
        ("unknown", "404", 200.0),
        ("unknown", "400", 1.0),
        ("refused", "421", 1.0),
        ("refused", "405", 1.0),
    ];
    let sum: f64 = expected.iter().map(|(_, _, times)| times).sum();
    // A worker counts a request after it has sent the response.
    let page = daemon.metrics_when("all requests are counted", |page| {
        let counts =
            expected.iter().map(|(route, code, _)| requests(page, route, code) - requests(&before, route, code));
        counts.sum::<f64>() >= sum
    });
    for (route, code, times) in expected {
        let count = requests(&page, route, code) - requests(&before, route, code);
        assert!((count - times).abs() < 0.5, "{route} {code}: {count}, expected {times}");
    }
    assert!(requests(&page, "/metrics", "200") >= 1.0);
    let routes: BTreeSet<&str> =
        page.all("jbod_http_requests_total", &[]).map(|series| series.label("route")).collect();
    assert!(routes.len() <= 15, "{routes:?}");
    let durations = "jbod_http_request_duration_seconds";
    let overview = [("route", "/api/overview")];
    let overviews = Some(requests(&page, "/api/overview", "200"));
    assert_eq!(page.get(&format!("{durations}_count"), &overview), overviews);
    let all = [("route", "/api/overview"), ("le", "+Inf")];
    assert_eq!(page.get(&format!("{durations}_bucket"), &all), overviews);
    let hits = [("cache", "HIT")];
    let [hits_before, hits_now] = [&before, &page].map(|page| page.get("jbod_http_cache_total", &hits));
    assert!(hits_now > hits_before, "the overview came from Redis");
    // The poller may store the overview again before the request.
    wait_until("a request for an overview that Redis does not have is counted", || {
        redis.ask(&["FLUSHALL"]);
        daemon.get("/api/overview");
        daemon.metrics().get("jbod_http_cache_total", &[("cache", "MISS")]) > Some(0.0)
    });
}

#[test]
fn text_reported_by_drives_is_escaped_in_labels() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let odd = "A\"} 1\\n\\\u{e9}\u{1b}[2J\u{202e}";
    let forged = format!("M\njbod_forged 1\n# EOF\r\n{}", "x".repeat(5_000));
    let [first, second] = [0, 1].map(|bay| serial_in_bay(&sim, bay));
    sim.set(&second, &[&format!("model={forged}")]);
    sim.set(&first, &[&format!("serial={odd}")]);
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    let page = daemon.metrics();
    let serials: BTreeSet<&str> =
        page.all("jbod_device_info", &[]).map(|series| series.label("serial_number")).collect();
    assert!(serials.contains("A\"} 1\\n\\\u{e9}[2J?"), "{serials:?}");
    let model = page.all("jbod_device_info", &[("serial_number", second.as_str())]).next().expect("a series");
    let model = model.label("model_name");
    assert!(model.contains("jbod_forged 1") && !model.contains(char::is_control) && model.len() <= 128, "{model:?}");
    assert!(page.series.iter().all(|series| series.name != "jbod_forged"));
    let open = daemon.request("GET", "/metrics", &[("Accept", "application/openmetrics-text")]);
    let open = Exposition::read(&open.text());
    assert!(open.ended && open.all("jbod_device_info", &[]).count() == serials.len());
}

#[test]
fn scrapes_read_no_drive_and_need_the_token() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let token = sim.root().join("token");
    std::fs::write(&token, "s3cret\n").expect("a token");
    let daemon = Daemon::start(&sim, &redis, &[ONCE, ("JBOD_TOKEN_FILE", &token.to_string_lossy())]);
    let bearer = [("Authorization", "Bearer s3cret")];
    wait_until("the first sweep has ended", || daemon.request("GET", "/readyz", &bearer).status == 200);
    let starts = sim.starts().len();
    for _ in 0..20 {
        let page = Exposition::read(&daemon.request("GET", "/metrics", &bearer).text());
        assert_eq!(page.all("jbod_device_info", &[]).count(), 4);
    }
    assert_eq!(sim.starts().len(), starts, "no drive was read for a scrape");
    let head = daemon.request("HEAD", "/metrics", &bearer);
    assert!(head.status == 200 && head.body.is_empty() && head.header("content-length").len() >= 4);
    assert_eq!(daemon.get("/metrics").status, 401);
    assert_eq!(daemon.request("GET", "/metrics?name[]=up", &bearer).status, 200, "parameters are ignored");
    let mut client = Client::connect(daemon.port).expect("a connection");
    let request = b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer s3cret\r\n\r\n";
    assert_eq!(client.raw(request, false).expect("a response").status, 421);
    let page = Exposition::read(&daemon.request("GET", "/metrics", &bearer).text());
    assert!(requests(&page, "refused", "401") > 0.0);
    let misdirected = [("route", "refused"), ("code", "421")];
    assert_eq!(page.get("jbod_http_requests_total", &misdirected), Some(1.0));
}

#[test]
fn only_the_leader_has_series_of_drives() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let first = Daemon::ready(&sim, &redis, &QUICK);
    let second = Daemon::ready(&sim, &redis, &QUICK);
    second.wait_logged("became follower");
    let leader = "jbod_poller_leader";
    let page = second.metrics_when("the second daemon follows", |page| page.get(leader, &[]) == Some(0.0));
    assert_eq!(page.all("jbod_device_info", &[]).count(), 0, "the values of a follower would be old");
    assert_eq!(is_redis_up(&page), Some(1.0));
    let page = first.metrics();
    assert_eq!((page.get(leader, &[]), page.all("jbod_device_info", &[]).count()), (Some(1.0), 4));
    first.stop(Signal::TERM);
    second.metrics_when("the second daemon leads", |page| {
        page.get(leader, &[]) == Some(1.0) && page.all("jbod_device_temperature_celsius", &[]).count() == 4
    });
}
