//! `/metrics`, the alerts and the queries of the dashboard with a real Prometheus, which scrapes the daemon of a simulated
//! rack with several faults. Debian's package `prometheus` is needed; Grafana is not.

use crate::support;
use crate::support::{wait_for, wait_until};

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::Daemon;
use support::exposition::Exposition;
use support::json::{list, text};
use support::prometheus::{Prometheus, packaged, promtool};
use support::redis::Redis;
use support::sim::Sim;

const TOKEN: &str = "s3cret";

/// A rack with faults, its daemon, and the Prometheus that scrapes it.
struct Stack {
    sim: Sim,
    redis: Redis,
    daemon: Daemon,
    prometheus: Prometheus,
}

/// The bays of the first shelf with a fault.
const FAILING: &str = "7";
const HUNG: &str = "20";
const HOT: &str = "4";
const FAULTED: &str = "12";
const LIT: &str = "9";
const PULLED: &str = "18";
const WITHOUT_PATH: &str = "6";
const ASLEEP: &str = "10";

fn bay(number: &str) -> String {
    format!("bay/0/{number}")
}

impl Stack {
    #[track_caller]
    fn up() -> Self {
        let (sim, redis) = (Sim::rack(), Redis::start());
        let number: u64 = FAULTED.parse().expect("a number");
        let faulted =
            sim.list().into_iter().find(|drive| drive["enclosure"] == 0 && drive["bay"] == number).expect("a drive");
        let leaf = format!("leaf/{}", faulted["serial"].as_str().expect("its serial number"));
        sim.set(&bay(FAILING), &["failed=true"]);
        sim.set(&bay(HUNG), &["hang=true"]);
        sim.set(&bay(HOT), &["temperature=70"]);
        sim.set(&bay(ASLEEP), &["standby=true"]);
        sim.set(&bay(LIT), &["fault=4"]);
        sim.set(&leaf, &["state=FAULTED", "read=3"]);
        sim.set("pool/backup", &["state=DEGRADED", "expand=running"]);
        let token = sim.root().join("token");
        std::fs::write(&token, TOKEN).expect("a token");
        let settings =
            [("SMART_POLL_INTERVAL", "3"), ("SMART_TIMEOUT", "2"), ("JBOD_TOKEN_FILE", &token.to_string_lossy())];
        let daemon = Daemon::start(&sim, &redis, &settings);
        let stack = Self { prometheus: Prometheus::of(daemon.port, TOKEN), sim, redis, daemon };
        wait_until("the first sweep is complete", || stack.get("/readyz", "*/*").0 == 200);
        stack.wait_for("jbod_ready == 1");
        stack
    }

    fn get(&self, path: &str, accept: &str) -> (u16, String) {
        let headers = [("Authorization", &*format!("Bearer {TOKEN}")), ("Accept", accept)];
        let response = self.daemon.request("GET", path, &headers);
        (response.status, response.text())
    }

    /// Waits until a query has a result.
    #[track_caller]
    fn wait_for(&self, query: &str) -> Vec<Value> {
        wait_for(&format!("{query} has a result"), || self.prometheus.query(query), |result| !result.is_empty())
    }

    /// The alerts whose condition holds, with the bays that they name.
    #[track_caller]
    fn firing(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut firing = BTreeMap::new();
        for (name, query) in self.prometheus.alerts() {
            let series = self.prometheus.query(&query);
            if !series.is_empty() {
                let bays = series.iter().map(|series| text(&series["metric"]["slot"]).to_owned());
                firing.insert(name, bays.collect());
            }
        }
        firing
    }
}

#[test]
#[ignore = "needs prometheus and promtool"]
fn promtool_accepts_metrics_and_alerts() {
    let stack = Stack::up();
    let (status, plain) = stack.get("/metrics", "text/plain");
    assert_eq!(status, 200);
    let checked = promtool(&["check", "metrics"], plain.as_bytes());
    assert_eq!((checked.code, checked.stdout.as_str(), checked.stderr.as_str()), (Some(0), "", ""));
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let ran = promtool(&args, b"");
        assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
#[ignore = "needs prometheus and promtool"]
fn prometheus_scrapes_every_series() {
    let stack = Stack::up();
    // Prometheus requests OpenMetrics, which it parses strictly.
    let (_, open) = stack.get("/metrics", "application/openmetrics-text");
    let names: BTreeSet<String> = Exposition::read(&open).series.into_iter().map(|series| series.name).collect();
    assert!(names.len() > 60, "{names:?}");
    for name in &names {
        stack.wait_for(name);
    }
    let count = stack.prometheus.query("count(jbod_device_info)")[0]["value"][1].clone();
    assert_eq!(count, Value::from("79"));
}

#[test]
#[ignore = "needs prometheus and promtool"]
fn each_fault_fires_an_alert_with_its_bay() {
    let mut stack = Stack::up();
    stack.sim.pull(&[&bay(PULLED)]);
    stack.wait_for("jbod_device_paths == 2");
    stack.sim.pull(&[&bay(WITHOUT_PATH), "--path", "1"]);
    stack.wait_for("jbod_device_state{state=\"missing\"} == 1");
    stack.wait_for("jbod_device_paths{device!~\"nvme.*\"} == 1");
    let firing = stack.firing();
    for (alert, number) in [
        ("JbodDriveFailing", FAILING),
        ("JbodDriveUnresponsive", HUNG),
        ("JbodDriveTooHot", HOT),
        ("JbodBayFault", LIT),
        ("JbodDriveMissing", PULLED),
        ("JbodDriveLostPath", WITHOUT_PATH),
        ("JbodLeafErrors", FAULTED),
    ] {
        assert_eq!(firing.get(alert), Some(&BTreeSet::from([number.to_owned()])), "{alert}: {firing:?}");
    }
    assert!(firing["JbodLeafLost"].contains(FAULTED) && firing.contains_key("JbodPoolDegraded"), "{firing:?}");
    let all: BTreeSet<&str> = firing.keys().map(String::as_str).collect();
    for quiet in [
        "JbodPoolDown",
        "JbodPoolDataErrors",
        "JbodVdevErrors",
        "JbodDriveReadingStale",
        "JbodDriveWithoutHealth",
        "JbodManyDrivesUnresponsive",
        "JbodEnclosureSilent",
        "JbodMonitorDown",
        "JbodMonitorAbsent",
        "JbodPollerStalled",
        "JbodSweepOverdue",
        "JbodNotReady",
        "JbodSmartctlUnusable",
        "JbodRedisDown",
        "JbodRedisNotWritable",
        "JbodLeaseNotServed",
        "JbodChildrenStuck",
        "JbodMonitorRestarts",
    ] {
        assert!(!all.contains(quiet), "{quiet}: {firing:?}");
    }
    assert!(firing.values().all(|bays| !bays.contains(ASLEEP)), "a sleeping drive is not a fault: {firing:?}");

    stack.redis.kill();
    wait_until("the alert about Redis fires", || stack.firing().contains_key("JbodRedisDown"));
    assert!(!stack.firing().contains_key("JbodRedisNotWritable"), "the outage fires a second alert");
    stack.daemon.signal(rustix::process::Signal::KILL);
    wait_until("the alert about the daemon fires", || stack.firing().contains_key("JbodMonitorDown"));
}

/// Panels that may be empty.
const MAY_BE_EMPTY: [&str; 3] =
    ["Bays that are not OK", "Grown defects and uncorrected errors", "Running scrub or resilver"];

#[test]
#[ignore = "needs prometheus and promtool"]
fn every_panel_of_the_dashboard_is_valid_and_has_data() {
    let json = std::fs::read_to_string(packaged("jbod-monitor.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&json).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "the id is not unique: {panel}");
        let [left, top, width, height] =
            ["x", "y", "w", "h"].map(|field| panel["gridPos"][field].as_u64().expect("a number"));
        for x in left..left + width {
            for y in top..top + height {
                assert!(x < 24 && cells.insert((x, y)), "the panel covers another one: {}", panel["title"]);
            }
        }
        let from = if panel["type"] == "row" { None } else { panel["datasource"]["uid"].as_str() };
        assert!(panel["type"] == "row" || from == Some("${datasource}"), "{panel}");
    }
    let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
    assert_eq!(rows, 6);
    let variables: Vec<&str> = list(&dashboard["templating"], "list").map(|variable| text(&variable["name"])).collect();
    assert_eq!(variables, ["datasource", "instance", "enclosure"]);
    let stack = Stack::up();
    stack.wait_for("rate(jbod_http_request_duration_seconds_bucket[30s]) > 0");
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            let query = query.replace("$instance", ".*").replace("$enclosure", ".*").replace("$__rate_interval", "30s");
            assert!(!query.contains('$'), "{title}: {query}");
            if MAY_BE_EMPTY.contains(&title) {
                // The query is accepted.
                stack.prometheus.query(&query);
            } else {
                stack.wait_for(&query);
            }
        }
    }
}
