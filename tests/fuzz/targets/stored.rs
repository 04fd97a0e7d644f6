//! Whatever stands in Redis under a drive's key: a document or a miss.

#![no_main]

use jbod_monitor::model::doc::{Head, Stored, gone_of, label_stale, raw_of};
use jbod_monitor::model::drive::Drive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (head, stored) = (Head::parse(bytes), Stored::parse(bytes));
    assert!(stored.is_none() || head.is_some(), "a document has a head");
    if let Some(gone) = stored.and_then(|stored| Drive::remembered(&stored)) {
        assert!(gone.is_remembered());
    }
    let labelled = label_stale(bytes);
    assert!(labelled.len() <= bytes.len());
    assert_eq!(raw_of(bytes).is_some(), raw_of(&labelled).is_some(), "smartctl's own JSON stays");
    if let Some(drives) = gone_of(bytes, "nas1") {
        assert!(drives.iter().all(|drive| !drive.get().is_empty()));
    }
});
