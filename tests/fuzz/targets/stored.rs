//! Any value under the key of a drive in Redis: a document, or treated as a miss.

#![no_main]

use jbod_monitor::api::document_header::DocumentHeader;
use jbod_monitor::api::drive_document::{StoredDocument, smartctl_json};
use jbod_monitor::api::missing_drives::parse_missing_list;
use jbod_monitor::api::stale::mark_stale;
use jbod_monitor::domain::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (header, stored) = (DocumentHeader::parse(bytes), StoredDocument::parse(bytes));
    assert!(stored.is_none() || header.is_some(), "a document without a header");
    if let Some(stored) = stored
        && let Some(restored) = stored.to_restored(None, Timestamp(0))
    {
        assert!(restored.drive.is_restored());
    }
    let labelled = mark_stale(bytes);
    assert!(labelled.len() <= bytes.len());
    assert_eq!(smartctl_json(bytes).is_some(), smartctl_json(&labelled).is_some(), "smartctl's JSON is lost");
    if let Some(drives) = parse_missing_list(bytes, "nas1") {
        assert!(drives.iter().all(|drive| !drive.get().is_empty()));
    }
});
