//! Findings about `JBOD_EXCLUDE`: the drives that it excludes, and entries that match none.

use super::finding::{DoctorFinding, ok, warn};
use crate::collector::Collector;
use crate::domain::exclusion::{Exclusion, list_by_entry};

/// Maximum number of drives that are named for each entry.
const MAX_NAMED: usize = 6;

pub(super) fn exclusions(collector: &Collector) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let excluded = collector.excluded();
    if !excluded.is_empty() {
        let listed = list_by_entry(excluded, MAX_NAMED);
        findings.push(ok(format!("JBOD_EXCLUDE excludes {} drives, by entry: {listed}", excluded.len())));
    }
    let (of_a_kind, single): (Vec<&Exclusion>, Vec<&Exclusion>) =
        collector.unused_exclusions().partition(|entry| entry.is_of_a_kind());
    if !of_a_kind.is_empty() {
        findings.push(ok(format!("JBOD_EXCLUDE: no drive at present matches {}", listed(&of_a_kind))));
    }
    if !single.is_empty() {
        findings.push(warn(
            format!("JBOD_EXCLUDE: no drive matches {}", listed(&single)),
            "use a name, serial number or model as lsblk -o NAME,SERIAL,MODEL,TRAN shows it, or remove the entry",
        ));
    }
    findings
}

fn listed(entries: &[&Exclusion]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
