//! Drives with several logical units: one drive in one bay, a member of several vdevs.

use super::bays;
use super::host::{Disk, Host};
use crate::helpers::array;
use crate::support::json::drives;
use serde_json::{Value, json};

const SHELF: &str = "0x5003048000601000";
const SERIAL: &str = "ZEXAMPLE0000C0100010";
/// Size of each disk that `Host` lays out.
const UNIT_BYTES: u64 = 512_000_000;

fn unit(host: &Host, device: &str, address: &str, wwn: &str, serial: &str) {
    host.disk(&Disk {
        device: device.to_owned(),
        address: address.to_owned(),
        vendor: "SEAGATE".to_owned(),
        model: "ST14000NM0001".to_owned(),
        wwn: Some(wwn.to_owned()),
        serial: serial.to_owned(),
    });
}

fn shelf(host: &Host, address: &str) {
    host.shelf("0:0:9:0", Some(SHELF), "EXAMPLE", "SHELF-1");
    host.bay("0:0:9:0", "Slot00", Some(0), "OK", Some(address));
}

const POOL: &str = "  pool: tank\n state: ONLINE\nconfig:\n\n\tNAME        STATE     READ WRITE CKSUM\n\ttank        ONLINE       0     0     0\n\t  raidz1-0  ONLINE       0     0     0\n\t    wwn-0xFIRST  ONLINE       0     0     0\n\t  raidz1-1  DEGRADED     0     0     0\n\t    wwn-0xSECOND  FAULTED      3     0     0  too many errors\n\nerrors: No known data errors\n";

/// A drive with two actuators on two paths, in mixed order of the paths, with either unit linked to the bay, and with
/// both types of names (NAA 5 and NAA 6).
#[test]
fn two_units_of_one_drive_are_one_drive_in_one_bay() {
    let naa5 = ["5000c500d9660000", "5000c500d9660001"];
    let naa6 = ["6000c500d96600000000000000000000", "6000c500d96600000001000000000000"];
    for (linked, [first, second]) in [("0:0:1:0", naa5), ("0:0:1:1", naa6), ("1:0:1:1", naa5), ("1:0:1:1", naa6)] {
        let host = Host::new();
        unit(&host, "sda", "0:0:1:0", first, SERIAL);
        unit(&host, "sdb", "1:0:1:1", second, SERIAL);
        unit(&host, "sdc", "0:0:1:1", second, SERIAL);
        unit(&host, "sdd", "1:0:1:0", first, SERIAL);
        unit(&host, "sde", "0:0:2:0", "5000c500d9770000", "ZOTHER000000C0100011");
        shelf(&host, linked);
        host.put("pools", &POOL.replace("FIRST", first).replace("SECOND", second));
        let overview = host.scan(Some(&host.at("pools")));
        assert_eq!(overview["totals"]["drives"], 2, "{linked}");
        assert_eq!(bays(&overview), [((SHELF.to_owned(), 0), SERIAL.to_owned())].into(), "{linked}");
        let drive = drives(&overview).find(|drive| drive["serial_number"] == SERIAL).cloned().expect("the drive");
        let mut units = Vec::new();
        for unit in array(&drive, "units") {
            units.push(json!([unit["device"], unit["paths"], unit["lun"], unit["size_bytes"]]));
        }
        let expected = json!([["sda", ["sda", "sdd"], 0, UNIT_BYTES], ["sdb", ["sdb", "sdc"], 1, UNIT_BYTES]]);
        assert_eq!(json!(units), expected);
        assert_eq!((&drive["device"], &drive["user_capacity_bytes"]), (&json!("sda"), &json!(2 * UNIT_BYTES)));
        let vdevs: Vec<&Value> = array(&drive, "memberships").iter().map(|membership| &membership["vdev"]).collect();
        assert_eq!(vdevs, ["raidz1-1", "raidz1-0"]);
        assert_eq!(drive["verdict"], "crit", "because one unit is faulted: {drive}");
    }
}

/// Similar names do not make units of one drive: volumes of an array, two makers, different serial numbers, …
#[test]
fn units_of_different_drives_stay_apart() {
    let naa5 = ["5000c500d9660000", "5000c500d9660001"];
    for (why, wwns, serials, addresses) in [
        (
            "volumes of an array",
            ["600508b1001c3a5f1122334455667788", "600508b1001c4b60aabbccddeeff0011"],
            [SERIAL, SERIAL],
            ["0:0:1:0", "0:0:1:1"],
        ),
        (
            "volumes of an array whose names share a beginning",
            ["60080e500017b5bc0000a91b4f0c3d21", "60080e500017b5bc0000a91e4f0c3d44"],
            [SERIAL, SERIAL],
            ["0:0:1:0", "0:0:1:1"],
        ),
        (
            "volumes of an array that counts from the end",
            ["6000d31000fd7e000000000000000012", "6000d31000fd7e000000000000000013"],
            [SERIAL, SERIAL],
            ["0:0:1:0", "0:0:1:1"],
        ),
        (
            "two identifiers",
            ["6000c500d96600000000000000000000", "6000c500d97700000001000000000000"],
            [SERIAL, SERIAL],
            ["0:0:1:0", "0:0:1:1"],
        ),
        ("a short name", ["600508b1001c0000", "600508b1001c0001"], [SERIAL, SERIAL], ["0:0:1:0", "0:0:1:1"]),
        ("two makers", ["5000c500d9660000", "5000cca0d9660001"], [SERIAL, SERIAL], ["0:0:1:0", "0:0:1:1"]),
        ("two serial numbers", naa5, [SERIAL, "ZOTHER"], ["0:0:1:0", "0:0:1:1"]),
        ("two targets", naa5, [SERIAL, SERIAL], ["0:0:1:0", "0:0:2:0"]),
        ("a placeholder", naa5, ["00000000", "00000000"], ["0:0:1:0", "0:0:1:1"]),
    ] {
        let host = Host::new();
        unit(&host, "sda", addresses[0], wwns[0], serials[0]);
        unit(&host, "sdb", addresses[1], wwns[1], serials[1]);
        let overview = host.scan(None);
        assert_eq!(overview["totals"]["drives"], 2, "{why}");
        assert!(drives(&overview).all(|drive| array(drive, "units").len() == 1), "{why}");
    }
}
