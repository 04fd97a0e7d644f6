//! Any JSON as the output of `zpool status -j`: pools that can be serialized, with names of limited length.

#![no_main]

use jbod_monitor::domain::zfs::Zfs;
use jbod_monitor::domain::zfs::activity::Activity;
use jbod_monitor::probe::zpool;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Other input is parsed as text: target zpool_text.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return;
    }
    let Some(pools) = zpool::parse(bytes) else { return };
    let zfs = Zfs { pools, ..Zfs::default() };
    for (pool, vdev, leaf) in zfs.leaves() {
        assert!(!leaf.name.is_empty(), "{leaf:?}");
        assert!([&pool.name, &vdev.name, &leaf.name].iter().all(|name| name.len() <= 4096));
        assert_eq!(leaf.device, None, "a drive before the lookup");
    }
    for pool in &zfs.pools {
        assert!((0.0..=100.0).contains(&pool.scan.done_percent.unwrap_or(0.0)), "{:?}", pool.scan);
        let stored = serde_json::to_vec(&pool.activities).unwrap();
        let read: Vec<Activity> = serde_json::from_slice(&stored).unwrap();
        assert_eq!(read, pool.activities);
        for activity in read {
            assert!((0.0..=100.0).contains(&activity.done_percent.unwrap_or(0.0)), "{activity:?}");
        }
    }
    assert!(serde_json::to_vec(&zfs.pools).is_ok());
});
