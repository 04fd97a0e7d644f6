//! docs/monitoring.md: every family of `/metrics`, as the daemon of a simulated rack serves it.

use super::pages::{code, table};
use crate::helpers::{in_repository, read_file};
use crate::support::daemon::Daemon;
use crate::support::exposition::{Exposition, Series};
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use std::collections::{BTreeMap, BTreeSet};

/// Headings, and prefixes of the names below each. A name is below the first heading with a prefix of it.
const SECTIONS: [(&str, &[&str]); 8] = [
    ("Drives", &["jbod_device_"]),
    ("Errors and wear of SAS drives", &["jbod_scsi_"]),
    ("Errors and wear of NVMe drives", &["jbod_nvme_"]),
    ("Enclosures and bays", &["jbod_enclosure_", "jbod_slot_"]),
    ("Pools, vdevs and leaves", &["jbod_zfs_", "jbod_pool_", "jbod_vdev_", "jbod_leaf_"]),
    ("Readings", &["jbod_sweep", "jbod_smartctl_", "jbod_children_", "jbod_devices_", "jbod_drives_"]),
    ("The service", &["jbod_"]),
    ("The process", &["process_"]),
];

/// Families that no simulated host has: the simulated smartctl prints their values as text only.
const WITHOUT_SERIES: [&str; 1] = ["jbod_scsi_non_medium_errors_total"];

/// A table for each section.
pub fn tables() -> String {
    let page = every_family();
    let mut text = String::new();
    for (index, (heading, _)) in SECTIONS.iter().enumerate() {
        let families = page.kinds.keys().filter(|family| section(family) == index);
        let rows: Vec<Vec<String>> = families.map(|family| family_row(&page, family)).collect();
        text.push_str(&format!("### {heading}\n\n{}\n", table(&["name", "type", "labels", "meaning"], &rows)));
    }
    text
}

fn section(family: &str) -> usize {
    for (index, (_, prefixes)) in SECTIONS.iter().enumerate() {
        if prefixes.iter().any(|prefix| family.starts_with(prefix)) {
            return index;
        }
    }
    panic!("no section for {family}")
}

fn family_row(page: &Exposition, family: &str) -> Vec<String> {
    let mut labels: BTreeSet<&str> = BTreeSet::new();
    for series in page.series.iter().filter(|series| is_of_family(&series.name, family)) {
        labels.extend(series.labels.keys().map(String::as_str));
    }
    let labels: Vec<String> = labels.into_iter().map(code).collect();
    let help = page.help[family].trim_end_matches('.').to_owned();
    vec![code(family), page.kinds[family].clone(), labels.join(" "), help]
}

fn is_of_family(name: &str, family: &str) -> bool {
    ["", "_bucket", "_sum", "_count"].iter().any(|suffix| name.strip_suffix(suffix) == Some(family))
}

/// The metrics of a rack on which every family has a series.
fn every_family() -> Exposition {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("bay/0/7", &["failed=true"]);
    sim.set("pool/tank", &["scan=scrubbing", "progress=42"]);
    sim.set("pool/backup", &["expand=running"]);
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "3600")]);
    sim.pull(&["bay/0/8"]);
    sim.shelf(&["enclosure/1", "gone"]);
    daemon.get("/api/overview");
    let mut page = daemon.metrics_when("a drive and an enclosure are missing", |page| {
        ["device", "enclosure"]
            .iter()
            .all(|subject| page.kinds.contains_key(&format!("jbod_{subject}_missing_since_timestamp_seconds")))
    });
    let mut absent = Vec::new();
    for (name, help) in families_in_source() {
        if WITHOUT_SERIES.contains(&name.as_str()) {
            let labels = ["device", "serial_number"].map(|label| (label.to_owned(), String::new()));
            page.series.push(Series { name: name.clone(), labels: labels.into(), value: 0.0 });
            page.kinds.insert(name.clone(), "counter".to_owned());
            page.help.insert(name, help);
        } else if !page.kinds.contains_key(&name) {
            absent.push(name);
        }
    }
    assert!(absent.is_empty(), "families without a series on this host: {absent:?}");
    page
}

/// Names of families in the source, each with its help text.
fn families_in_source() -> BTreeMap<String, String> {
    let folder = in_repository("src/http/metrics");
    let mut families = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the source of the metrics").flatten() {
        let text = read_file(&file.path());
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        // Every second piece is between two quotes.
        let mut literals = code.split('"').skip(1).step_by(2).peekable();
        while let Some(literal) = literals.next() {
            let is_name = literal.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if is_name && (literal.starts_with("jbod_") || literal.starts_with("process_")) {
                let help = literals.peek().copied().unwrap_or_default();
                families.insert(literal.to_owned(), help.to_owned());
            }
        }
    }
    assert!(families.len() > 80, "{families:?}");
    families
}
