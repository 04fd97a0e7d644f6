//! Both text formats, and the names that alerts and the dashboard use.

use super::ONCE;
use crate::helpers::{in_repository, read_file};
use crate::support::daemon::Daemon;
use crate::support::exposition::Exposition;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use std::collections::BTreeSet;

/// Name and labels of the series that do not change with each request.
fn series_of_rack(page: &Exposition) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for series in &page.series {
        if !series.name.starts_with("jbod_http") && !series.name.starts_with("process") {
            names.insert(format!("{} {:?}", series.name, series.labels));
        }
    }
    names
}

/// The family that a series of a histogram belongs to.
fn family_of(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[test]
fn both_formats_have_the_same_series_and_describe_every_family() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    daemon.get("/api/overview");
    let openmetrics = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1";
    let [plain, open] = ["*/*", openmetrics].map(|accept| daemon.request("GET", "/metrics", &[("Accept", accept)]));
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!((plain.header("vary"), open.header("vary")), ("Accept", "Accept"));
    let (plain, open) = (Exposition::read(&plain.text()), Exposition::read(&open.text()));
    assert!(open.ended && !plain.ended && plain.units.is_empty());
    assert_eq!(series_of_rack(&plain), series_of_rack(&open));
    for series in &plain.series {
        let family = family_of(&series.name);
        let kind = plain.kinds.get(family).unwrap_or_else(|| panic!("no TYPE of {family}"));
        assert!(plain.help.contains_key(family), "no HELP of {family}");
        assert_eq!(kind == "counter", family.ends_with("_total"), "{family} is a {kind}");
        assert!(family.starts_with("jbod_") || family.starts_with("process_"), "{family}");
    }
    for family in open.kinds.keys() {
        assert!(open.help.contains_key(family), "no HELP of {family}");
        let unit =
            ["seconds", "bytes", "celsius", "ratio"].into_iter().find(|unit| family.ends_with(&format!("_{unit}")));
        assert_eq!(open.units.get(family).map(String::as_str), unit, "UNIT of {family}");
    }
}

/// Words of a text that look like names of series.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("jbod_")).collect()
}

#[test]
fn alerts_and_dashboard_use_series_that_exist() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("bay/0/7", &["failed=true"]);
    sim.set("pool/tank", &["scan=scrubbing", "progress=42"]);
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    sim.pull(&["bay/0/8"]);
    sim.shelf(&["enclosure/1", "gone"]);
    let page = daemon.metrics_when("a drive and a shelf are missing", |page| {
        let missing = ["device", "enclosure"].map(|what| format!("jbod_{what}_missing_since_timestamp_seconds"));
        missing.iter().all(|name| page.all(name, &[]).len() == 1)
    });
    for path in ["packaging/prometheus/alerts.yml", "packaging/prometheus/jbod-monitor.json"] {
        let text = read_file(&in_repository(path));
        let names = names_in(&text);
        assert!(names.len() > 20, "{path}: {names:?}");
        for name in names {
            let exists = page.kinds.contains_key(family_of(name)) || page.kinds.contains_key(name);
            assert!(exists, "{path} uses {name}, which does not exist");
        }
    }
}
