//! Listings of hosts (lsscsi, lsblk, multipath, sysfs; `tests/fixtures/hosts`), as files in the layout of sysfs: drives
//! are found in their bays, two paths are one drive, and a leaf of a pool is matched with its drive.

mod host;
mod units;

use crate::support;

use host::{Disk, Host};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::fixture;
use support::json::drives;

fn listing(name: &str) -> String {
    fs::read_to_string(fixture("hosts").join(name)).expect("a fixture")
}

/// Enclosure and bay to the serial numbers of the drives in it.
fn bays(overview: &Value) -> BTreeMap<(String, u64), String> {
    let mut bays = BTreeMap::new();
    for enclosure in overview["enclosures"].as_array().into_iter().flatten() {
        for slot in enclosure["slots"].as_array().into_iter().flatten().filter(|slot| !slot["drive"].is_null()) {
            let id = enclosure["id"].as_str().expect("an id").to_owned();
            let serial = slot["drive"]["serial_number"].as_str().expect("a serial number");
            bays.insert((id, slot["slot"].as_u64().expect("a number")), serial.to_owned());
        }
    }
    bays
}

#[test]
fn a_host_without_drives_has_none() {
    let overview = Host::new().scan(None);
    assert_eq!((&overview["totals"]["drives"], &overview["verdict"]), (&json!(0), &json!("unknown")));
}

/// Only disks are drives; a floppy is not.
#[test]
fn block_devices_that_are_not_drives_are_ignored() {
    for path in ["lsblk-volumes-and-optical-drive.txt", "lsblk-floppy-and-loop-devices.txt"] {
        let listing = listing(path);
        let (host, mut wanted) = (Host::new(), Vec::new());
        for line in listing.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // A name with its tree is a partition or a volume on top of one.
            let Some(name) = words.first().filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())) else {
                continue;
            };
            let kind = words.iter().find(|word| ["disk", "loop", "rom", "raid1", "lvm"].contains(word));
            let kind = *kind.unwrap_or_else(|| panic!("{path}: {line}"));
            if kind == "disk" && name.starts_with("sd") {
                wanted.push((*name).to_owned());
                host.disk(&Disk {
                    device: (*name).to_owned(),
                    address: format!("2:0:{}:0", wanted.len()),
                    vendor: "VMware".to_owned(),
                    model: "Virtual disk".to_owned(),
                    wwn: None,
                    serial: format!("{name}-serial"),
                });
            } else {
                host.put(&format!("sys/block/{name}/size"), "100\n");
            }
        }
        let overview = host.scan(None);
        let seen: Vec<&str> = drives(&overview).filter_map(|drive| drive["device"].as_str()).collect();
        assert!(!wanted.is_empty() && seen == wanted, "{path}: {seen:?}, listed {wanted:?}");
    }
}

/// `[host:channel:target:lun] type vendor model … /dev/sdX …`, as lsscsi prints it.
fn lsscsi(text: &str) -> Vec<(String, String, String, String)> {
    let rows = text.lines().filter_map(|line| {
        let (address, rest) = line.strip_prefix('[')?.split_once(']')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let device = words.iter().find_map(|word| word.strip_prefix("/dev/")).unwrap_or("-");
        let model = words.get(2..words.len() - 2)?.join(" ");
        Some((address.to_owned(), (*words.first()?).to_owned(), device.to_owned(), model))
    });
    rows.collect()
}

/// Disks and enclosures of one HBA, an SSD on the mainboard, a USB stick.
#[test]
fn a_mixed_host_shows_each_drive_once() {
    let listing = listing("lsscsi-expanders-and-usb-stick.txt");
    let (host, mut wanted) = (Host::new(), BTreeSet::new());
    for (address, kind, device, model) in lsscsi(&listing).into_iter().filter(|(address, ..)| !address.starts_with('N'))
    {
        if kind == "disk" {
            wanted.insert(format!("S{device}"));
            let serial = format!("S{device}");
            host.disk(&Disk { device, address, vendor: "X".to_owned(), model, wwn: None, serial });
        } else {
            // Vendor and product as the expander gives them, digits run together.
            host.shelf(
                &address,
                Some(&format!("0x5001b4d50{}", address.replace(':', ""))),
                "EXAMPLEC",
                "EXP-900101.10.20",
            );
            host.bay(&address, "Slot 01", Some(1), "OK", (address == "5:0:3:0").then_some("5:0:0:0"));
        }
    }
    let overview = host.scan(None);
    let seen: BTreeSet<String> =
        drives(&overview).filter_map(|drive| drive["serial_number"].as_str().map(str::to_owned)).collect();
    assert_eq!((&seen, wanted.len()), (&wanted, 5));
    assert_eq!(overview["enclosures"].as_array().map(Vec::len), Some(2));
    let held = bays(&overview);
    assert_eq!(held.values().collect::<Vec<_>>(), ["Ssdc"], "{held:?}");
    assert_eq!(overview["enclosures"][0]["model"], "EXP-900101.10.20");
}

/// An enclosure with two IO modules, for which this kernel reports no id and no slot numbers; two block devices for
/// every disk; multipath maps by WWID; and a pool on these.
#[test]
fn an_enclosure_on_two_paths_is_one_enclosure_with_each_drive_once() {
    let (disks, multipath) = (listing("lsscsi-two-io-modules.txt"), listing("multipath-two-paths-each.txt"));
    let shelf = listing("sysfs-shelf-without-slot-numbers.txt");
    let host = Host::new();

    // The shelf's addresses and bay names, as `ls` shows them; the directory order is 0, 1, 10, 11, 2.
    let enclosures: Vec<&str> = shelf.lines().nth(1).expect("a listing").split_whitespace().collect();
    assert_eq!(enclosures, ["0:0:12:0", "0:0:25:0"]);
    let names: Vec<&str> = shelf
        .lines()
        .filter(|line| line.starts_with("drwx"))
        .filter_map(|line| line.split_whitespace().last())
        .filter(|name| name.parse::<u32>().is_ok())
        .collect();
    assert_eq!((names.len(), names[2]), (12, "10"));

    // Which sd names are one disk, as multipath says: WWID to its two addresses.
    let mut maps: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut current = String::new();
    for line in multipath.lines() {
        let words: Vec<&str> = line.trim_start_matches(['|', '`', '-', '+', ' ']).split_whitespace().collect();
        if line.starts_with('3') {
            current = words[0].to_owned();
            maps.insert(current.clone(), (words[1].to_owned(), Vec::new()));
        } else if words.first().is_some_and(|word| word.split(':').count() == 4) {
            maps.get_mut(&current).expect("a map").1.push(words[0].to_owned());
        }
    }
    assert!(maps.len() >= 3 && maps.values().all(|(_, paths)| paths.len() == 2), "{maps:?}");

    // Twelve disks through the first module, and in the same order through the second.
    let disks: Vec<_> =
        lsscsi(&disks).into_iter().filter(|(address, kind, ..)| kind == "disk" && address.starts_with("0:")).collect();
    let (first, second) = disks.split_at(12);
    assert_eq!((first.len(), second.len()), (12, 12));
    let number = |address: &str| address.split(':').nth(2).and_then(|part| part.parse::<u64>().ok()).expect("a target");
    // Which of the second module's disks is which of the first's: multipath tells for some.
    let partner = |address: &str| {
        let map = maps.values().find(|(_, paths)| paths.iter().any(|path| path == address))?;
        map.1.iter().find(|path| *path != address).cloned()
    };
    let mut free: Vec<&(String, String, String, String)> = second.iter().collect();
    let mut pairs = Vec::new();
    for one in first
        .iter()
        .filter(|disk| partner(&disk.0).is_some())
        .chain(first.iter().filter(|disk| partner(&disk.0).is_none()))
    {
        let at = match partner(&one.0) {
            Some(address) => free.iter().position(|disk| disk.0 == address),
            None => free.iter().position(|disk| disk.3 == one.3),
        };
        pairs.push((one, free.remove(at.expect("its other path"))));
    }
    pairs.sort_by_key(|(one, _)| number(&one.0));
    for name in &enclosures {
        host.shelf(name, None, "EXAMPLE", "EXSHELF 12 SAS");
    }
    let mut serials = Vec::new();
    for (slot, (a, b)) in pairs.iter().enumerate() {
        let map = maps.iter().find(|(_, (_, paths))| paths.contains(&a.0));
        let wwn = map.map_or_else(|| format!("5000c500000000{slot:02}"), |(wwid, _)| wwid[1..].to_owned());
        let serial = format!("SER{slot:05}");
        for (disk, shelf) in [(a, enclosures[0]), (b, enclosures[1])] {
            host.disk(&Disk {
                device: disk.2.clone(),
                address: disk.0.clone(),
                vendor: "EXAMPLE".to_owned(),
                model: disk.3.clone(),
                wwn: Some(wwn.clone()),
                serial: serial.clone(),
            });
            host.bay(shelf, &slot.to_string(), None, "OK", Some(&disk.0));
        }
        if let Some((wwid, (dm, _))) = map {
            for path in [a, b] {
                fs::create_dir_all(host.at(&format!("sys/block/{dm}/slaves/{}", path.2))).expect("a slave");
            }
            host.link(&format!("dev/mapper/{wwid}"), &format!("../{dm}"));
        }
        serials.push(serial);
    }

    let pool = fixture("zpool/multipath-names-log-cache-spare.txt");
    let overview = host.scan(Some(&pool));
    assert_eq!((&overview["totals"]["drives"], &overview["totals"]["paths"]), (&json!(12), &json!(24)));
    assert_eq!((&overview["totals"]["enclosures"], &overview["totals"]["slots"]), (&json!(1), &json!(12)));
    let held: Vec<String> = bays(&overview).into_values().collect();
    assert_eq!(held, serials, "bay 2 comes before bay 10");
    for drive in drives(&overview) {
        assert_eq!(drive["paths"].as_array().map(Vec::len), Some(2), "{drive}");
        let (device, wwn) = (drive["device"].as_str().expect("a name"), drive["wwn"].as_str().expect("a WWN"));
        let listed = format!("3{}", &wwn[2..]);
        // The pool's leaves are named by WWID, as the maps are.
        let text = fs::read_to_string(&pool).expect("the pool");
        let row = text.lines().find(|line| line.split_whitespace().next() == Some(&listed));
        assert_eq!(drive["pool"].is_string(), row.is_some(), "{device} {listed}: {drive}");
    }
    let placed = drives(&overview).filter(|drive| {
        drive["pool"] == "shed" && drive["vdev"].as_str().is_some_and(|vdev| vdev.starts_with("raidz1"))
    });
    assert_eq!(placed.count(), maps.len(), "every listed map is a leaf of the pool");
}

/// Directory names of bays, unchanged.
#[test]
fn bays_have_the_numbers_in_their_names() {
    let listing: Value = serde_json::from_str(&listing("bay-names.json")).expect("JSON");
    for bay in listing["bays"].as_array().expect("bays") {
        let text = |field: &str| bay[field].as_str();
        let (shelf, name) = (text("address").expect("an address"), text("name").expect("a name"));
        let slot = text("slot").and_then(|slot| slot.parse().ok());
        let number = bay["number"].as_u64().expect("a number");
        let host = Host::new();
        host.shelf(shelf, Some("0x5000000000000ab0"), "X", "Y");
        let address = format!("{}:0:77:0", shelf.split(':').next().expect("a host"));
        host.disk(&Disk {
            device: "sda".to_owned(),
            address: address.clone(),
            vendor: "SEAGATE".to_owned(),
            model: "ST8000NM0075".to_owned(),
            wwn: Some("5000c500a0000000".to_owned()),
            serial: "ZA1".to_owned(),
        });
        host.bay(shelf, name, slot, "OK", Some(&address));
        let overview = host.scan(None);
        let held: Vec<(u64, String)> = bays(&overview).into_iter().map(|((_, slot), serial)| (slot, serial)).collect();
        assert_eq!(held, [(number, "ZA1".to_owned())], "{name:?}");
        assert_eq!(overview["enclosures"][0]["slots"][0]["name"], name.trim(), "{name:?}");
    }
}

/// Enclosures of three hosts: pseudo-enclosures of a mainboard, two shelves, and two SES devices with one id and
/// different bays, which are listed separately: there is no evidence that they are one enclosure.
#[test]
fn each_enclosure_is_listed_once() {
    for (path, shelves, slots) in [
        ("enclosures-of-a-mainboard.json", 2, 10),
        ("enclosures-without-bays-and-two-shelves.json", 2, 48),
        ("enclosure-told-by-two-processors.json", 3, 28),
    ] {
        let listing: Value = serde_json::from_str(&listing(path)).expect("JSON");
        let (host, mut wanted) = (Host::new(), BTreeMap::new());
        for enclosure in listing["enclosures"].as_array().expect("enclosures") {
            let text = |field: &str| enclosure[field].as_str().expect("text");
            let (id, address) = (format!("0x{}", text("id")), text("address"));
            host.shelf(address, Some(&id), text("vendor"), text("product"));
            for bay in enclosure["bays"].as_array().expect("bays") {
                let number = bay["slot"].as_u64().expect("a number");
                let name = bay["name"].as_str().expect("a name");
                let place = bay["device"].as_str().map(|device| {
                    let place = format!("{}:0:{}:0", address.split(':').next().expect("a host"), 100 + number);
                    wanted.insert((id.clone(), number), format!("S{device}"));
                    host.disk(&Disk {
                        device: device.to_owned(),
                        address: place.clone(),
                        vendor: "SEAGATE".to_owned(),
                        model: "ST8000NM0075".to_owned(),
                        wwn: None,
                        serial: format!("S{device}"),
                    });
                    place
                });
                let status = if place.is_some() { "OK" } else { "not installed" };
                host.bay(address, name, Some(number), status, place.as_deref());
            }
        }
        let overview = host.scan(None);
        assert_eq!(bays(&overview), wanted, "{path}");
        let totals = &overview["totals"];
        assert_eq!((&totals["enclosures"], &totals["slots"]), (&json!(shelves), &json!(slots)), "{path}");
    }
}

/// Ids may be placeholders or copies: two enclosures are different if no bay of one has the drive of the same bay of
/// the other.
#[test]
fn two_enclosures_with_one_id_remain_two() {
    let host = Host::new();
    for (shelf, first) in [("3:0:0:0", 0), ("4:0:0:0", 2)] {
        host.shelf(shelf, Some("0x3000000000000001"), "AHCI", "SGPIOEnclosure");
        for slot in 0..2 {
            let device = char::from(b'a' + u8::try_from(first + slot).expect("few"));
            let address = format!("{}:0:1{slot}:0", &shelf[..1]);
            host.disk(&Disk {
                device: format!("sd{device}"),
                address: address.clone(),
                vendor: "SEAGATE".to_owned(),
                model: "ST8000NM0075".to_owned(),
                wwn: None,
                serial: format!("SER{device}"),
            });
            host.bay(shelf, &format!("slot0{slot}"), Some(slot), "OK", Some(&address));
        }
    }
    let overview = host.scan(None);
    let held: Vec<(String, u64, String)> =
        bays(&overview).into_iter().map(|((id, slot), serial)| (id, slot, serial)).collect();
    let expected = [
        ("0x3000000000000001", 0, "SERa"),
        ("0x3000000000000001", 1, "SERb"),
        ("4:0:0:0", 0, "SERc"),
        ("4:0:0:0", 1, "SERd"),
    ];
    let expected: Vec<(String, u64, String)> =
        expected.map(|(id, slot, serial)| (id.to_owned(), slot, serial.to_owned())).to_vec();
    assert_eq!(held, expected);
}

/// A disk at an address of a RAID controller's driver.
fn disk_of(driver: &str, address: &str, wwn: Option<&str>) -> Host {
    let host = Host::new();
    host.put("sys/class/scsi_host/host0/proc_name", driver);
    host.disk(&Disk {
        device: "sda".to_owned(),
        address: address.to_owned(),
        vendor: "SEAGATE".to_owned(),
        model: "ST8000NM0075".to_owned(),
        wwn: wwn.map(str::to_owned),
        serial: "ZA1".to_owned(),
    });
    host
}

/// Some controllers show JBOD drives on the channel of volumes.
#[test]
fn the_identity_of_a_drive_takes_precedence_over_the_channel_of_its_driver() {
    let shown = |host: &Host| {
        let overview = host.scan(None);
        let drive = drives(&overview).next().cloned().expect("a drive");
        (drive["transport"].clone(), drive["verdict"].clone(), drive["error"].as_str().map(str::to_owned))
    };
    let (volume, drive) = ("600605b0000000000000000000000001", "5000c500a0000001");
    for (driver, address) in [("megaraid_sas", "0:2:4:0"), ("mpt3sas", "0:1:4:0")] {
        assert_eq!(shown(&disk_of(driver, address, Some(drive))), (Value::Null, json!("ok"), None), "{driver}");
        for wwn in [Some(volume), None] {
            let (transport, verdict, error) = shown(&disk_of(driver, address, wwn));
            assert_eq!((transport, verdict), (json!("raid"), json!("unknown")), "{driver}");
            assert!(error.is_some_and(|why| why.contains("RAID volume")), "{driver}");
        }
    }
    // No name, but log pages of its own.
    let host = disk_of("megaraid_sas", "0:2:4:0", None);
    let answer = json!({
        "smartctl": {"version": [7, 4], "exit_status": 0}, "device": {"protocol": "SCSI", "type": "scsi"},
        "serial_number": "ZA1", "smart_status": {"passed": true}, "temperature": {"current": 31},
        "power_on_time": {"hours": 4100}, "scsi_grown_defect_list": 0,
    });
    host.put("answers/sg-sda", &answer.to_string());
    assert_eq!(shown(&host), (Value::Null, json!("ok"), None));
}

/// hpsa and smartpqi report the bays of their drives.
#[test]
fn a_controller_driver_reports_box_and_bay() {
    let host = disk_of("smartpqi", "0:0:4:0", Some("5000c500a0000001"));
    let device = "sys/devices/host0/target/0:0:4:0";
    host.put(&format!("{device}/path_info"), "[0:0:4:0]        Direct-Access PORT: 1I BOX: 1 BAY: 4 Active\n");
    let overview = host.scan(None);
    assert_eq!(
        bays(&overview).into_iter().map(|((_, bay), serial)| (bay, serial)).collect::<Vec<_>>(),
        [(4, "ZA1".to_owned())]
    );
    let enclosure = overview["enclosures"][0]["id"].as_str().expect("an id");
    assert!(enclosure.ends_with("-box-1"), "{enclosure}");
    assert_eq!(overview["enclosures"][0]["slots"][0]["drive"]["slot_source"], "path_info");
}

/// Two disks, each with the by-id links that udev creates.
fn two_disks() -> Host {
    let host = Host::new();
    for (device, target) in [("sda", 1), ("sdb", 2)] {
        let wwn = format!("5000c500a000000{target}");
        host.disk(&Disk {
            device: device.to_owned(),
            address: format!("0:0:{target}:0"),
            vendor: "SEAGATE".to_owned(),
            model: "ST8000NM0075".to_owned(),
            wwn: Some(wwn.clone()),
            serial: format!("SER{target}"),
        });
        host.link(&format!("dev/disk/by-id/wwn-0x{wwn}"), &format!("../../{device}"));
    }
    host
}

/// Serial number and pool membership of each drive, and the leaves that match no drive.
fn pool_on(host: &Host, status: &str) -> Vec<(String, Value)> {
    let file = host.at("status");
    fs::write(&file, status).expect("a status");
    let overview = host.scan(Some(&file));
    let placed = drives(&overview).filter(|drive| !drive["pool"].is_null());
    placed
        .map(|drive| (drive["serial_number"].as_str().expect("a serial").to_owned(), drive["vdev_state"].clone()))
        .collect()
}

fn as_text(rows: &[(&str, &str)]) -> String {
    let rows: Vec<String> = rows.iter().map(|(name, state)| format!("\t  {name}  {state}  0  0  0\n")).collect();
    format!(
        "  pool: tank\n state: ONLINE\nconfig:\n\n\tNAME  STATE  READ  WRITE  CKSUM\n\ttank  ONLINE  0  0  0\n{}",
        rows.concat()
    )
}

/// A block device name is reused for the next drive, so a leaf with that name may belong to another drive.
#[test]
fn a_leaf_does_not_match_the_drive_that_got_its_block_device_name() {
    let host = two_disks();
    fs::create_dir_all(host.at("sys/devices/host0/target/0:0:2:0/block/sdb/sdb1")).expect("a partition");
    // sda has no partition of ZFS: the leaf's drive had that letter before.
    let stale = as_text(&[("/dev/sda1", "FAULTED"), ("/dev/sdb1", "ONLINE")]);
    assert_eq!(pool_on(&host, &stale), [("SER2".to_owned(), json!("ONLINE"))]);

    // The same where the newcomer has a partition too, and JSON knows what the leaf's drive is called.
    fs::create_dir_all(host.at("sys/devices/host0/target/0:0:1:0/block/sda/sda1")).expect("a partition");
    let with_devid = |devid: &str| {
        let leaf =
            json!({"name": "/dev/sda1", "vdev_type": "disk", "path": "/dev/sda1", "devid": devid, "state": "FAULTED"});
        let root = json!({"tank": {"name": "tank", "vdev_type": "root", "vdevs": {"/dev/sda1": leaf}}});
        json!({"pools": {"tank": {"name": "tank", "state": "ONLINE", "vdevs": root}}}).to_string()
    };
    let is = |devid: &str| pool_on(&host, &with_devid(devid)).into_iter().map(|(serial, _)| serial).collect::<Vec<_>>();
    assert_eq!(is("wwn-0x5000c500a0000001-part1"), ["SER1"]);
    assert_eq!(is("wwn-0x5000c500a0000002-part1"), ["SER2"], "it has moved to another letter");
    assert_eq!(is("wwn-0x5000c500a0000009-part1"), Vec::<String>::new(), "it is not here");
}

/// A map over two paths is a drive; a map over two drives is not.
#[test]
fn a_volume_on_several_drives_matches_none_of_them() {
    let host = two_disks();
    for slave in ["sda", "sdb"] {
        fs::create_dir_all(host.at(&format!("sys/block/dm-0/slaves/{slave}"))).expect("a slave");
    }
    host.link("dev/mapper/vg-striped", "../dm-0");
    assert_eq!(pool_on(&host, &as_text(&[("/dev/mapper/vg-striped", "ONLINE")])), []);
}

/// The name of a bay or port applies to the drive that is there now.
#[test]
fn a_leaf_does_not_match_the_drive_that_got_its_bay() {
    let host = two_disks();
    let block = |device: &str, target: u32| format!("sys/devices/host0/target/0:0:{target}:0/block/{device}/{device}1");
    fs::create_dir_all(host.at(&block("sdb", 2))).expect("a partition");
    for (folder, name) in [("by-vdev", "e0s1"), ("by-path", "pci-0000:03:00.0-sas-exp0x5-phy1-lun-0")] {
        host.link(&format!("dev/disk/{folder}/{name}"), "../../sda");
        let leaf = format!("/dev/disk/{folder}/{name}-part1");
        for state in ["ONLINE", "FAULTED", "UNAVAIL", "REMOVED"] {
            assert_eq!(pool_on(&host, &as_text(&[(&leaf, state)])), [], "a blank drive in the bay: {leaf} {state}");
        }
        host.link(&format!("dev/disk/{folder}/{name}-part1"), "../../sda1");
    }
    fs::create_dir_all(host.at(&block("sda", 1))).expect("a partition");
    let leaf = "/dev/disk/by-vdev/e0s1-part1";
    assert_eq!(pool_on(&host, &as_text(&[(leaf, "ONLINE")])), [("SER1".to_owned(), json!("ONLINE"))]);
    assert_eq!(pool_on(&host, &as_text(&[(leaf, "REMOVED")])), [], "who is there now is not who was removed");
    // A name of the drive itself stays its own, also while ZFS has it removed.
    let own = "/dev/disk/by-id/wwn-0x5000c500a0000002-part1";
    assert_eq!(pool_on(&host, &as_text(&[(own, "REMOVED")])), [("SER2".to_owned(), json!("REMOVED"))]);
}

/// A pool may be on a file or a volume that has the name of a drive.
#[test]
fn a_file_with_the_name_of_a_drive_is_not_a_drive() {
    let host = two_disks();
    for (device, target) in [("sda", 1), ("sdb", 2)] {
        let block = format!("sys/devices/host0/target/0:0:{target}:0/block/{device}/{device}1");
        fs::create_dir_all(host.at(&block)).expect("a partition");
    }
    for leaf in ["/srv/sda1", "/srv/images/sdb", "/dev/zvol/tank/sda", "/dev/vg/sdb1"] {
        assert_eq!(pool_on(&host, &as_text(&[(leaf, "FAULTED")])), [], "{leaf}");
    }
    assert_eq!(pool_on(&host, &as_text(&[("/dev/sda1", "ONLINE")])), [("SER1".to_owned(), json!("ONLINE"))]);
}
