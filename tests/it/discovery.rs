//! Discovery on hosts that are laid out from recorded listings (lsscsi, lsblk, multipath, sysfs;
//! `tests/fixtures/hosts`): drives are found in their bays, and two paths are one drive.

mod host;
mod pools;
mod units;

use crate::support;

use crate::helpers::{array, string};
use host::{Disk, Host};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::fixture;
use support::json::drives;

fn listing(name: &str) -> String {
    fs::read_to_string(fixture("hosts").join(name)).expect("a fixture")
}

/// The serial number of the drive in each occupied bay, by enclosure id and slot number.
fn bays(overview: &Value) -> BTreeMap<(String, u64), String> {
    let mut bays = BTreeMap::new();
    for enclosure in array(overview, "enclosures") {
        for slot in array(enclosure, "slots").iter().filter(|slot| !slot["drive"].is_null()) {
            let bay = (string(enclosure, "id").to_owned(), slot["slot"].as_u64().expect("a number"));
            bays.insert(bay, string(&slot["drive"], "serial_number").to_owned());
        }
    }
    bays
}

/// Slot numbers and serial numbers of a host with one enclosure.
fn slots(overview: &Value) -> Vec<(u64, String)> {
    bays(overview).into_iter().map(|((_, slot), serial)| (slot, serial)).collect()
}

fn disk(device: &str, address: &str, wwn: Option<&str>, serial: &str) -> Disk {
    Disk {
        device: device.to_owned(),
        address: address.to_owned(),
        vendor: "SEAGATE".to_owned(),
        model: "ST8000NM0075".to_owned(),
        wwn: wwn.map(str::to_owned),
        serial: serial.to_owned(),
    }
}

#[test]
fn a_host_without_drives_has_none() {
    let overview = Host::new().scan(None);
    assert_eq!((&overview["totals"]["drives"], &overview["verdict"]), (&json!(0), &json!("unknown")));
}

#[test]
fn block_devices_that_are_not_drives_are_ignored() {
    for path in ["lsblk-volumes-and-optical-drive.txt", "lsblk-floppy-and-loop-devices.txt"] {
        let listing = listing(path);
        let (host, mut wanted) = (Host::new(), Vec::new());
        for line in listing.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(name) = words.first() else { continue };
            // lsblk draws a tree before the names of partitions and of volumes on them.
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                continue;
            }
            let kind = words.iter().find(|word| ["disk", "loop", "rom", "raid1", "lvm"].contains(word));
            let kind = *kind.unwrap_or_else(|| panic!("{path}: {line}"));
            // Only disks are drives; a floppy (fd0) is not.
            if kind == "disk" && name.starts_with("sd") {
                wanted.push((*name).to_owned());
                let address = format!("2:0:{}:0", wanted.len());
                host.disk(&disk(name, &address, None, &format!("{name}-serial")));
            } else {
                host.put(&format!("sys/block/{name}/size"), "100\n");
            }
        }
        let overview = host.scan(None);
        let seen: Vec<&str> = drives(&overview).map(|drive| string(drive, "device")).collect();
        assert!(!wanted.is_empty() && seen == wanted, "{path}: {seen:?}, listed {wanted:?}");
    }
}

/// A row of lsscsi: `[host:channel:target:lun] type vendor model … /dev/sdX …`.
struct Row {
    address: String,
    kind: String,
    /// `-` if there is none.
    device: String,
    model: String,
}

fn lsscsi(text: &str) -> Vec<Row> {
    text.lines().filter_map(lsscsi_row).collect()
}

fn lsscsi_row(line: &str) -> Option<Row> {
    let (address, rest) = line.strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let model = words.get(2..words.len().checked_sub(2)?)?.join(" ");
    let device = words.iter().find_map(|word| word.strip_prefix("/dev/")).unwrap_or("-");
    let kind = (*words.first()?).to_owned();
    Some(Row { address: address.to_owned(), kind, device: device.to_owned(), model })
}

/// Disks and enclosures of one HBA, an SSD on the mainboard, a USB stick.
#[test]
fn a_mixed_host_shows_each_drive_once() {
    let (host, mut wanted) = (Host::new(), BTreeSet::new());
    for Row { address, kind, device, model } in lsscsi(&listing("lsscsi-expanders-and-usb-stick.txt")) {
        // An NVMe device has no SCSI address.
        if address.starts_with('N') {
            continue;
        }
        if kind == "disk" {
            let serial = format!("S{device}");
            wanted.insert(serial.clone());
            host.disk(&Disk { device, address, vendor: "X".to_owned(), model, wwn: None, serial });
        } else {
            let id = format!("0x5001b4d50{}", address.replace(':', ""));
            // The expander reports the digits of product and revision without a separator.
            host.shelf(&address, Some(&id), "EXAMPLEC", "EXP-900101.10.20");
            let disk = (address == "5:0:3:0").then_some("5:0:0:0");
            host.bay(&address, "Slot 01", Some(1), "OK", disk);
        }
    }
    let overview = host.scan(None);
    let seen: BTreeSet<String> = drives(&overview).map(|drive| string(drive, "serial_number").to_owned()).collect();
    assert_eq!((&seen, wanted.len()), (&wanted, 5));
    assert_eq!(array(&overview, "enclosures").len(), 2);
    let occupied = bays(&overview);
    assert_eq!(occupied.values().collect::<Vec<_>>(), ["Ssdc"], "{occupied:?}");
    assert_eq!(overview["enclosures"][0]["model"], "EXP-900101.10.20");
}

/// A map of multipath: its device-mapper device and the addresses of its paths.
struct Map {
    dm: String,
    addresses: Vec<String>,
}

/// The maps of a listing of multipath, by WWID.
fn multipath_maps(listing: &str) -> BTreeMap<String, Map> {
    let mut maps: BTreeMap<String, Map> = BTreeMap::new();
    let mut current = String::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.trim_start_matches(['|', '`', '-', '+', ' ']).split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        if line.starts_with('3') {
            let wwid = (*first).to_owned();
            maps.insert(wwid.clone(), Map { dm: words[1].to_owned(), addresses: Vec::new() });
            current = wwid;
        } else if first.split(':').count() == 4 {
            maps.get_mut(&current).expect("a map").addresses.push((*first).to_owned());
        }
    }
    maps
}

fn map_of<'a>(maps: &'a BTreeMap<String, Map>, address: &str) -> Option<(&'a String, &'a Map)> {
    maps.iter().find(|(_, map)| map.addresses.iter().any(|path| path == address))
}

/// Pairs the block devices behind two IO modules: by their map where multipath has one, else the next one of the model.
fn paired(first: Vec<Row>, mut second: Vec<Row>, maps: &BTreeMap<String, Map>) -> Vec<[Row; 2]> {
    let mut pairs = Vec::new();
    let (mapped, unmapped): (Vec<Row>, Vec<Row>) =
        first.into_iter().partition(|row| map_of(maps, &row.address).is_some());
    for row in mapped.into_iter().chain(unmapped) {
        let other = match map_of(maps, &row.address) {
            Some((_, map)) => second.iter().position(|other| map.addresses.contains(&other.address)),
            None => second.iter().position(|other| other.model == row.model),
        };
        pairs.push([row, second.remove(other.expect("the other path"))]);
    }
    pairs
}

fn target(address: &str) -> u64 {
    address.split(':').nth(2).expect("a target").parse().expect("a number")
}

/// An enclosure with two IO modules, for which the kernel has no id and no slot numbers; two block devices for every
/// disk; multipath maps by WWID; and a pool on these maps.
#[test]
fn an_enclosure_on_two_paths_is_one_enclosure_with_each_drive_once() {
    let shelf = listing("sysfs-shelf-without-slot-numbers.txt");
    let enclosures: Vec<&str> = shelf.lines().nth(1).expect("a listing").split_whitespace().collect();
    assert_eq!(enclosures, ["0:0:12:0", "0:0:25:0"]);
    let folders = shelf.lines().filter(|line| line.starts_with("drwx"));
    let names = folders.filter_map(|line| line.split_whitespace().last());
    let bay_names: Vec<&str> = names.filter(|name| name.parse::<u32>().is_ok()).collect();
    assert_eq!((bay_names.len(), bay_names[2]), (12, "10"), "in the order of the directory: 0, 1, 10, 11, 2");

    let maps = multipath_maps(&listing("multipath-two-paths-each.txt"));
    assert!(maps.len() >= 3 && maps.values().all(|map| map.addresses.len() == 2));

    let mut first = lsscsi(&listing("lsscsi-two-io-modules.txt"));
    first.retain(|row| row.kind == "disk" && row.address.starts_with("0:"));
    let second = first.split_off(12);
    assert_eq!((first.len(), second.len()), (12, 12));
    let mut pairs = paired(first, second, &maps);
    pairs.sort_by_key(|[row, _]| target(&row.address));

    let host = Host::new();
    for name in &enclosures {
        host.shelf(name, None, "EXAMPLE", "EXSHELF 12 SAS");
    }
    let mut serials = Vec::new();
    for (slot, pair) in pairs.iter().enumerate() {
        let map = map_of(&maps, &pair[0].address);
        let wwn = match map {
            Some((wwid, _)) => wwid[1..].to_owned(),
            None => format!("5000c500000000{slot:02}"),
        };
        let serial = format!("SER{slot:05}");
        for (row, shelf) in pair.iter().zip(&enclosures) {
            host.disk(&Disk {
                device: row.device.clone(),
                address: row.address.clone(),
                vendor: "EXAMPLE".to_owned(),
                model: row.model.clone(),
                wwn: Some(wwn.clone()),
                serial: serial.clone(),
            });
            host.bay(shelf, &slot.to_string(), None, "OK", Some(&row.address));
        }
        if let Some((wwid, Map { dm, .. })) = map {
            for row in pair {
                fs::create_dir_all(host.at(&format!("sys/block/{dm}/slaves/{}", row.device))).expect("a slave");
            }
            host.link(&format!("dev/mapper/{wwid}"), &format!("../{dm}"));
        }
        serials.push(serial);
    }

    let pool = fixture("zpool/multipath-names-log-cache-spare.txt");
    let overview = host.scan(Some(&pool));
    assert_eq!((&overview["totals"]["drives"], &overview["totals"]["paths"]), (&json!(12), &json!(24)));
    assert_eq!((&overview["totals"]["enclosures"], &overview["totals"]["slots"]), (&json!(1), &json!(12)));
    let occupied: Vec<String> = bays(&overview).into_values().collect();
    assert_eq!(occupied, serials, "bay 2 comes before bay 10");
    // The leaves of the pool are named by WWID, as the maps are.
    let status = fs::read_to_string(&pool).expect("the pool");
    let leaves: BTreeSet<&str> = status.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut in_raidz = 0;
    for drive in drives(&overview) {
        assert_eq!(array(drive, "paths").len(), 2, "{drive}");
        let wwid = format!("3{}", &string(drive, "wwn")[2..]);
        assert_eq!(drive["pool"].is_string(), leaves.contains(wwid.as_str()), "{wwid}: {drive}");
        if drive["pool"] == "shed" && string(drive, "vdev").starts_with("raidz1") {
            in_raidz += 1;
        }
    }
    assert_eq!(in_raidz, maps.len(), "every listed map is a leaf of the pool");
}

/// Names of bays as enclosures report them.
#[test]
fn bays_have_the_numbers_in_their_names() {
    let listing: Value = serde_json::from_str(&listing("bay-names.json")).expect("JSON");
    for bay in array(&listing, "bays") {
        let (shelf, name) = (string(bay, "address"), string(bay, "name"));
        let slot = bay["slot"].as_str().map(|slot| slot.parse().expect("a number"));
        let number = bay["number"].as_u64().expect("a number");
        let host = Host::new();
        host.shelf(shelf, Some("0x5000000000000ab0"), "X", "Y");
        let address = format!("{}:0:77:0", shelf.split(':').next().expect("a host"));
        host.disk(&disk("sda", &address, Some("5000c500a0000000"), "ZA1"));
        host.bay(shelf, name, slot, "OK", Some(&address));
        let overview = host.scan(None);
        assert_eq!(slots(&overview), [(number, "ZA1".to_owned())], "{name:?}");
        assert_eq!(overview["enclosures"][0]["slots"][0]["name"], name.trim(), "{name:?}");
    }
}

/// Enclosures of three hosts: pseudo-enclosures of a mainboard, two shelves, and two SES devices with one id and
/// different bays. The last two are listed separately, because there is no evidence that they are one enclosure.
#[test]
fn each_enclosure_is_listed_once() {
    for (path, shelves, slots) in [
        ("enclosures-of-a-mainboard.json", 2, 10),
        ("enclosures-without-bays-and-two-shelves.json", 2, 48),
        ("enclosure-told-by-two-processors.json", 3, 28),
    ] {
        let listing: Value = serde_json::from_str(&listing(path)).expect("JSON");
        let (host, mut wanted) = (Host::new(), BTreeMap::new());
        for enclosure in array(&listing, "enclosures") {
            let (id, address) = (format!("0x{}", string(enclosure, "id")), string(enclosure, "address"));
            host.shelf(address, Some(&id), string(enclosure, "vendor"), string(enclosure, "product"));
            for bay in array(enclosure, "bays") {
                let number = bay["slot"].as_u64().expect("a number");
                let name = string(bay, "name");
                let Some(device) = bay["device"].as_str() else {
                    host.bay(address, name, Some(number), "not installed", None);
                    continue;
                };
                let place = format!("{}:0:{}:0", address.split(':').next().expect("a host"), 100 + number);
                let serial = format!("S{device}");
                host.disk(&disk(device, &place, None, &serial));
                host.bay(address, name, Some(number), "OK", Some(&place));
                wanted.insert((id.clone(), number), serial);
            }
        }
        let overview = host.scan(None);
        assert_eq!(bays(&overview), wanted, "{path}");
        let totals = &overview["totals"];
        assert_eq!((&totals["enclosures"], &totals["slots"]), (&json!(shelves), &json!(slots)), "{path}");
    }
}

/// Ids may be placeholders or copies. Two enclosures are different if no bay of one has the drive of the same bay of
/// the other.
#[test]
fn two_enclosures_with_one_id_remain_two() {
    let host = Host::new();
    for (shelf, devices) in [("3:0:0:0", ["sda", "sdb"]), ("4:0:0:0", ["sdc", "sdd"])] {
        host.shelf(shelf, Some("0x3000000000000001"), "AHCI", "SGPIOEnclosure");
        for (slot, device) in (0..).zip(devices) {
            let address = format!("{}:0:1{slot}:0", &shelf[..1]);
            host.disk(&disk(device, &address, None, &format!("S{device}")));
            host.bay(shelf, &format!("slot0{slot}"), Some(slot), "OK", Some(&address));
        }
    }
    let expected = [
        ("0x3000000000000001", 0, "Ssda"),
        ("0x3000000000000001", 1, "Ssdb"),
        ("4:0:0:0", 0, "Ssdc"),
        ("4:0:0:0", 1, "Ssdd"),
    ];
    let expected = expected.map(|(id, slot, serial)| ((id.to_owned(), slot), serial.to_owned()));
    assert_eq!(bays(&host.scan(None)), expected.into());
}

/// A host with one disk at an address of a RAID controller's driver.
fn host_with_driver(driver: &str, address: &str, wwn: Option<&str>) -> Host {
    let host = Host::new();
    host.put("sys/class/scsi_host/host0/proc_name", driver);
    host.disk(&disk("sda", address, wwn, "ZA1"));
    host
}

/// Transport, verdict and error of the only drive.
fn transport_verdict_error(host: &Host) -> [Value; 3] {
    let overview = host.scan(None);
    let drive = drives(&overview).next().expect("a drive");
    ["transport", "verdict", "error"].map(|field| drive[field].clone())
}

/// Some controllers show JBOD drives on the channel of volumes.
#[test]
fn the_identity_of_a_drive_takes_precedence_over_the_channel_of_its_driver() {
    let healthy = [Value::Null, json!("ok"), Value::Null];
    let (volume, drive) = ("600605b0000000000000000000000001", "5000c500a0000001");
    for (driver, address) in [("megaraid_sas", "0:2:4:0"), ("mpt3sas", "0:1:4:0")] {
        assert_eq!(transport_verdict_error(&host_with_driver(driver, address, Some(drive))), healthy, "{driver}");
        for wwn in [Some(volume), None] {
            let [transport, verdict, error] = transport_verdict_error(&host_with_driver(driver, address, wwn));
            assert_eq!((transport, verdict), (json!("raid"), json!("unknown")), "{driver}");
            assert!(error.to_string().contains("RAID volume"), "{driver}: {error}");
        }
    }
    // No WWN, but log pages of a drive.
    let host = host_with_driver("megaraid_sas", "0:2:4:0", None);
    let answer = json!({
        "smartctl": {"version": [7, 4], "exit_status": 0}, "device": {"protocol": "SCSI", "type": "scsi"},
        "serial_number": "ZA1", "smart_status": {"passed": true}, "temperature": {"current": 31},
        "power_on_time": {"hours": 4100}, "scsi_grown_defect_list": 0,
    });
    host.put("answers/sg-sda", &answer.to_string());
    assert_eq!(transport_verdict_error(&host), healthy);
}

/// hpsa and smartpqi report the bays of their drives in `path_info`.
#[test]
fn a_controller_driver_reports_box_and_bay() {
    let host = host_with_driver("smartpqi", "0:0:4:0", Some("5000c500a0000001"));
    let device = "sys/devices/host0/target/0:0:4:0";
    host.put(&format!("{device}/path_info"), "[0:0:4:0]        Direct-Access PORT: 1I BOX: 1 BAY: 4 Active\n");
    let overview = host.scan(None);
    assert_eq!(slots(&overview), [(4, "ZA1".to_owned())]);
    let enclosure = string(&overview["enclosures"][0], "id");
    assert!(enclosure.ends_with("-box-1"), "{enclosure}");
    assert_eq!(overview["enclosures"][0]["slots"][0]["drive"]["slot_source"], "path_info");
}
