//! Findings about `JBOD_EXCLUDE`: which drives it leaves out, and entries that match none.

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
        findings.push(ok(format!("JBOD_EXCLUDE leaves out {} drives, by entry: {listed}", excluded.len())));
    }
    let (of_a_kind, single): (Vec<&Exclusion>, Vec<&Exclusion>) =
        collector.unused_exclusions().partition(|entry| entry.is_of_a_kind());
    let listed = |entries: &[&Exclusion]| entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !of_a_kind.is_empty() {
        findings.push(ok(format!("JBOD_EXCLUDE matches no drive at the moment with {}", listed(&of_a_kind))));
    }
    if !single.is_empty() {
        findings.push(warn(
            format!("JBOD_EXCLUDE matches no drive with {}", listed(&single)),
            "a name, serial number or model as lsblk -o NAME,SERIAL,MODEL,TRAN shows it, or removing the entry",
        ));
    }
    findings
}
