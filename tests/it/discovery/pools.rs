//! Leaves of pools and the drives that they match.

use super::disk;
use super::host::Host;
use crate::helpers::string;
use crate::support::json::drives;
use serde_json::{Value, json};
use std::fs;

/// Two disks, each with the by-id links that udev creates.
fn two_disks() -> Host {
    let host = Host::new();
    for (device, target) in [("sda", 1), ("sdb", 2)] {
        let wwn = format!("5000c500a000000{target}");
        host.disk(&disk(device, &format!("0:0:{target}:0"), Some(&wwn), &format!("SER{target}")));
        host.link(&format!("dev/disk/by-id/wwn-0x{wwn}"), &format!("../../{device}"));
    }
    host
}

/// Serial number and state of each drive that is a member of the pool.
fn members(host: &Host, status: &str) -> Vec<(String, Value)> {
    let file = host.at("status");
    fs::write(&file, status).expect("a status");
    let overview = host.scan(Some(&file));
    let mut members = Vec::new();
    for drive in drives(&overview).filter(|drive| !drive["pool"].is_null()) {
        members.push((string(drive, "serial_number").to_owned(), drive["vdev_state"].clone()));
    }
    members
}

fn member_serials(host: &Host, status: &str) -> Vec<String> {
    members(host, status).into_iter().map(|(serial, _)| serial).collect()
}

/// `zpool status` of a pool with these leaves and their states.
fn status_text(leaves: &[(&str, &str)]) -> String {
    let head = "  pool: tank\n state: ONLINE\nconfig:\n\n\tNAME  STATE  READ  WRITE  CKSUM\n\ttank  ONLINE  0  0  0\n";
    let mut text = head.to_owned();
    for (name, state) in leaves {
        text.push_str(&format!("\t  {name}  {state}  0  0  0\n"));
    }
    text
}

/// `zpool status -j` of a pool with the leaf /dev/sda1 and that devid.
fn status_json(devid: &str) -> String {
    let leaf =
        json!({"name": "/dev/sda1", "vdev_type": "disk", "path": "/dev/sda1", "devid": devid, "state": "FAULTED"});
    let root = json!({"tank": {"name": "tank", "vdev_type": "root", "vdevs": {"/dev/sda1": leaf}}});
    json!({"pools": {"tank": {"name": "tank", "state": "ONLINE", "vdevs": root}}}).to_string()
}

fn add_partition(host: &Host, device: &str, target: u32) {
    let path = format!("sys/devices/host0/target/0:0:{target}:0/block/{device}/{device}1");
    fs::create_dir_all(host.at(&path)).expect("a partition");
}

/// A block device name is reused for the next drive, so a leaf with that name may belong to another drive.
#[test]
fn a_leaf_does_not_match_the_drive_that_got_its_block_device_name() {
    let host = two_disks();
    add_partition(&host, "sdb", 2);
    // sda has no partition of ZFS: the drive of the leaf had that name before.
    let stale = status_text(&[("/dev/sda1", "FAULTED"), ("/dev/sdb1", "ONLINE")]);
    assert_eq!(members(&host, &stale), [("SER2".to_owned(), json!("ONLINE"))]);

    // The present sda has a partition too; JSON contains the devid of the drive of the leaf.
    add_partition(&host, "sda", 1);
    assert_eq!(member_serials(&host, &status_json("wwn-0x5000c500a0000001-part1")), ["SER1"]);
    assert_eq!(
        member_serials(&host, &status_json("wwn-0x5000c500a0000002-part1")),
        ["SER2"],
        "it has another name now"
    );
    let absent = member_serials(&host, &status_json("wwn-0x5000c500a0000009-part1"));
    assert!(absent.is_empty(), "its drive is not on this host: {absent:?}");
}

/// A map over two paths is a drive; a map over two drives is not.
#[test]
fn a_volume_on_several_drives_matches_none_of_them() {
    let host = two_disks();
    for slave in ["sda", "sdb"] {
        fs::create_dir_all(host.at(&format!("sys/block/dm-0/slaves/{slave}"))).expect("a slave");
    }
    host.link("dev/mapper/vg-striped", "../dm-0");
    assert_eq!(members(&host, &status_text(&[("/dev/mapper/vg-striped", "ONLINE")])), []);
}

/// Names of bays and ports in `/dev/disk` lead to the drive that is there now.
#[test]
fn a_leaf_does_not_match_the_drive_that_got_its_bay() {
    let host = two_disks();
    add_partition(&host, "sdb", 2);
    for (folder, name) in [("by-vdev", "e0s1"), ("by-path", "pci-0000:03:00.0-sas-exp0x5-phy1-lun-0")] {
        host.link(&format!("dev/disk/{folder}/{name}"), "../../sda");
        let leaf = format!("/dev/disk/{folder}/{name}-part1");
        for state in ["ONLINE", "FAULTED", "UNAVAIL", "REMOVED"] {
            let found = members(&host, &status_text(&[(&leaf, state)]));
            assert_eq!(found, [], "the drive in the bay has no partition: {leaf} {state}");
        }
        host.link(&format!("dev/disk/{folder}/{name}-part1"), "../../sda1");
    }
    add_partition(&host, "sda", 1);
    let leaf = "/dev/disk/by-vdev/e0s1-part1";
    assert_eq!(members(&host, &status_text(&[(leaf, "ONLINE")])), [("SER1".to_owned(), json!("ONLINE"))]);
    let removed = members(&host, &status_text(&[(leaf, "REMOVED")]));
    assert_eq!(removed, [], "the drive in the bay is not the one that was removed");
    // The name of a drive leads to this drive in every state.
    let own = "/dev/disk/by-id/wwn-0x5000c500a0000002-part1";
    assert_eq!(members(&host, &status_text(&[(own, "REMOVED")])), [("SER2".to_owned(), json!("REMOVED"))]);
}

/// A pool may be on a file or a volume whose name ends with that of a drive.
#[test]
fn a_file_with_the_name_of_a_drive_is_not_a_drive() {
    let host = two_disks();
    add_partition(&host, "sda", 1);
    add_partition(&host, "sdb", 2);
    for leaf in ["/srv/sda1", "/srv/images/sdb", "/dev/zvol/tank/sda", "/dev/vg/sdb1"] {
        assert_eq!(members(&host, &status_text(&[(leaf, "FAULTED")])), [], "{leaf}");
    }
    let device = members(&host, &status_text(&[("/dev/sda1", "ONLINE")]));
    assert_eq!(device, [("SER1".to_owned(), json!("ONLINE"))]);
}
