//! Any value in Redis: its size is checked before it is parsed, and only a value within the limits is parsed. The
//! fuzzer runs with a limit of each allocation and of all memory.

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

/// How often an element of the input is repeated, so that small inputs become large values.
const TIMES: [usize; 4] = [1, 10, 1_000, 20_000];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    read(&repeated(rest, TIMES[usize::from(first % 4)]));
});

/// Repeats the elements of the last array.
fn repeated(bytes: &[u8], times: usize) -> Vec<u8> {
    let start = match bytes.iter().rposition(|byte| *byte == b'[') {
        Some(bracket) => bracket + 1,
        None => 0,
    };
    let (before, rest) = bytes.split_at(start);
    let (item, after) = rest.split_at(rest.iter().position(|byte| *byte == b']').unwrap_or(0));
    let mut value = before.to_vec();
    for number in 0..times {
        if value.len() > 6 << 20 {
            break;
        }
        value.extend_from_slice(item);
        if number + 1 < times {
            value.push(b',');
        }
    }
    value.extend_from_slice(after);
    value
}

fn read(value: &[u8]) {
    let limits = ValueLimits::of(79, 84);
    if let Ok(counted) = DOCUMENT.check(value) {
        document(value);
        if let Ok(parsed) = serde_json::from_slice::<Value>(value) {
            assert!(count(&parsed) <= counted, "more values than counted");
        }
    }
    if limits.list.check(value).is_ok() {
        let _ = DocumentHeader::parse(value);
        let _ = OverviewBrief::of(value);
        if let Ok(overview) = serde_json::from_slice::<Overview>(value) {
            assert!(bay_map(&overview).len() <= 40 * value.len() + 10_000, "the map is larger than its list");
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
    if let Some(stored) = StoredDocument::parse(value)
        && let Some(restored) = stored.to_restored(None, Timestamp(0))
    {
        let drive = restored.drive;
        assert!(drive.paths.len() <= 16 && drive.by_id.len() <= 64, "{} paths", drive.paths.len());
    }
    if let Some(raw) = smartctl_json(value) {
        let report = smartctl::parse(raw.get()).report;
        if let Some(ata) = report.ata {
            assert!(ata.attributes.len() <= 64);
        }
        if let Some(nvme) = report.nvme {
            assert!(nvme.namespaces.len() <= 128);
        }
    }
}

/// The number of JSON values.
fn count(value: &Value) -> usize {
    let below: usize = match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    };
    1 + below
}
