//! Whatever stands in Redis, as it is read: measured first, and parsed only within its limits. What it becomes is bounded:
//! the fuzzer is run with a limit on every allocation and on all memory.

#![no_main]

use jbod_monitor::api::bay_map::bay_map;
use jbod_monitor::api::document_header::DocumentHeader;
use jbod_monitor::api::drive_document::{StoredDocument, smartctl_json};
use jbod_monitor::api::locate;
use jbod_monitor::api::missing_drives::parse_missing_list;
use jbod_monitor::api::overview::Overview;
use jbod_monitor::api::overview_brief::OverviewBrief;
use jbod_monitor::api::stale::mark_stale;
use jbod_monitor::api::value_limits::{DOCUMENT, ValueLimits};
use jbod_monitor::domain::time::Timestamp;
use jbod_monitor::probe::smartctl;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// How often the input stands in a list: small inputs become large values.
const TIMES: [usize; 4] = [1, 10, 1_000, 20_000];

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let times = TIMES[usize::from(how % 4)];
    // The last value of a field, so often.
    let (before, item) = rest.split_at(rest.iter().rposition(|b| *b == b'[').map_or(0, |at| at + 1));
    let (item, after) = item.split_at(item.iter().position(|b| *b == b']').unwrap_or(0));
    let mut value = before.to_vec();
    for n in 0..times {
        if value.len() > 6 << 20 {
            break;
        }
        value.extend_from_slice(item);
        value.extend(b",".iter().filter(|_| n + 1 < times));
    }
    value.extend_from_slice(after);
    read(&value);
});

fn read(value: &[u8]) {
    let limits = ValueLimits::of(79, 84);
    if let Ok(counted) = DOCUMENT.check(value) {
        document(value);
        let parsed = serde_json::from_slice::<Value>(value).map(|parsed| count(&parsed));
        assert!(parsed.is_ok_and(|values| values <= counted) || serde_json::from_slice::<Value>(value).is_err());
    }
    if limits.list.check(value).is_ok() {
        let _ = DocumentHeader::parse(value);
        let _ = OverviewBrief::of(value);
        if let Ok(overview) = serde_json::from_slice::<Overview>(value) {
            assert!(bay_map(&overview).len() <= 40 * value.len() + 10_000, "a map of a list is no larger");
            let _ = locate::find(&overview, "SERIAL", |_| false);
        }
        assert!(mark_stale(value).len() <= value.len());
    }
    if limits.missing_list.check(value).is_ok()
        && let Some(drives) = parse_missing_list(value, "nas1")
    {
        for drive in drives.iter().filter(|drive| DOCUMENT.check(drive.get().as_bytes()).is_ok()).take(100) {
            document(drive.get().as_bytes());
        }
    }
}

fn document(value: &[u8]) {
    let _ = DocumentHeader::parse(value);
    if let Some(recalled) = StoredDocument::parse(value).and_then(|stored| stored.to_restored(None, Timestamp(0))) {
        let drive = recalled.drive;
        assert!(drive.paths.len() <= 16 && drive.by_id.len() <= 64, "{} paths", drive.paths.len());
    }
    if let Some(raw) = smartctl_json(value) {
        let report = smartctl::parse(raw.get()).report;
        assert!(report.ata.is_none_or(|ata| ata.attributes.len() <= 64));
        assert!(report.nvme.is_none_or(|nvme| nvme.namespaces.len() <= 128));
    }
}

fn count(value: &Value) -> usize {
    let below: usize = match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    };
    1 + below
}
