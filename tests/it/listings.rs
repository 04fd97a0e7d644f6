//! What people have listed of real hosts (lsscsi, lsblk, multipath, sysfs, enclosure dumps), laid
//! out as the kernel would: bays hold the drives that were in them, two paths are one drive, and a
//! leaf of a pool is the drive that was behind it.

use crate::support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::corpus;
use support::look::drives;
use tempfile::TempDir;

/// Files that bear on nothing this program reads, and why.
const NOT_OURS: [(&str, &str); 7] = [
    (
        "ses/lore.kernel.org-stable__areca_8028_sg_ses_cf.txt",
        "text of sg_ses, which is never run: bays come from sysfs",
    ),
    ("ses/sg3_utils__ses_areca_all.hex", "raw SES pages, which only the kernel reads"),
    ("ses/middleware__F60-NOJBODS.json", "it lists no enclosure: its drives are NVMe"),
    ("scan/smart-prom__issue20_scan_open.json", "smartctl --scan is never run: it hangs on a silent drive"),
    ("scan/smartctl_exporter__pr235_scan_no_devices_key.json", "the same; a host without drives is tested here"),
    ("scan/telegraf__scan_all.json", "the same"),
    ("scan/telegraf__scan_megaraid.json", "the same; disks behind a controller are named by SMART_DEVICE_TYPES"),
];
/// Files that a test here reads.
const READ: [&str; 10] = [
    "lsblk/jc__centos-7.7_lsblk-allcols.txt",
    "lsblk/jc__ubuntu-18.04_lsblk-allcols.txt",
    "lsblk/lore.kernel.org-stable__lsscsi_gs.txt",
    "lsblk/zfs-ha__lsscsi_dual_path.txt",
    "lsblk/zfs-ha__multipath_ll_sas.txt",
    "ses/middleware__MINI3-XLP.json",
    "ses/middleware__R40-NOJBODS.json",
    "ses/middleware__V260-NOJBODS.json",
    "ses/multiple_reports__sysfs_enclosure_slot_names.json",
    "ses/zfs-ha__sysfs_enclosure_hp_d2600.txt",
];

/// A disk to lay out.
#[derive(Clone, Debug, Default)]
struct Disk {
    device: String,
    address: String,
    vendor: String,
    model: String,
    /// Hex digits.
    wwn: Option<String>,
    serial: String,
}

/// A host laid out in a folder.
struct Host {
    root: TempDir,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for dir in ["sys/block", "sys/class/enclosure", "sys/class/scsi_host", "dev", "answers", "proc/sys/kernel"] {
            fs::create_dir_all(root.path().join(dir)).expect("a folder");
        }
        fs::write(root.path().join("proc/sys/kernel/hostname"), "listed\n").expect("a name");
        Self { root }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn link(&self, path: &str, to: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        symlink(to, path).expect("a link");
    }

    /// A SCSI disk as the kernel shows it, and what smartctl says of it.
    fn disk(&self, disk: &Disk) {
        let host = disk.address.split(':').next().expect("a host");
        let dir = format!("sys/devices/host{host}/target/{}", disk.address);
        let block = format!("{dir}/block/{}", disk.device);
        for (name, text) in [("vendor", &disk.vendor), ("model", &disk.model)] {
            self.put(&format!("{dir}/{name}"), &format!("{text}\n"));
        }
        self.put(&format!("{dir}/type"), "0\n");
        if let Some(wwn) = &disk.wwn {
            self.put(&format!("{dir}/wwid"), &format!("naa.{wwn}\n"));
        }
        let length = u8::try_from(disk.serial.len()).expect("a short serial");
        let page = [&[0, 0x80, 0, length], disk.serial.as_bytes()].concat();
        fs::write(self.at(&format!("{dir}/vpd_pg80")), page).expect("a page");
        fs::create_dir_all(self.at(&format!("{dir}/scsi_generic/sg-{}", disk.device))).expect("a node");
        self.put(&format!("{block}/size"), "1000000\n");
        self.put(&format!("{block}/removable"), "0\n");
        self.link(&format!("{block}/device"), &format!("../../../{}", disk.address));
        self.link(&format!("sys/block/{}", disk.device), &format!("../../{block}"));
        let answer = json!({
            "smartctl": {"version": [7, 4], "exit_status": 0}, "device": {"protocol": "SCSI", "type": "scsi"},
            "serial_number": disk.serial, "smart_status": {"passed": true},
        });
        self.put(&format!("answers/sg-{}", disk.device), &answer.to_string());
    }

    fn shelf(&self, name: &str, id: Option<&str>, vendor: &str, model: &str) {
        let dir = format!("sys/class/enclosure/{name}");
        self.put(&format!("{dir}/device/vendor"), vendor);
        self.put(&format!("{dir}/device/model"), model);
        self.put(&format!("{dir}/components"), "1\n");
        if let Some(id) = id {
            self.put(&format!("{dir}/id"), id);
        }
    }

    fn bay(&self, shelf: &str, name: &str, slot: Option<u64>, status: &str, address: Option<&str>) {
        let dir = format!("sys/class/enclosure/{shelf}/{name}");
        self.put(&format!("{dir}/type"), "array device\n");
        self.put(&format!("{dir}/status"), &format!("{status}\n"));
        for (file, text) in [("fault", "0\n"), ("locate", "0\n"), ("active", "0\n")] {
            self.put(&format!("{dir}/{file}"), text);
        }
        if let Some(slot) = slot {
            self.put(&format!("{dir}/slot"), &format!("{slot}\n"));
        }
        if let Some(address) = address {
            let host = address.split(':').next().expect("a host");
            self.link(&format!("{dir}/device"), &format!("../../../../devices/host{host}/target/{address}"));
        }
    }

    /// `jbod-monitor scan --json` of it; zpool prints that file.
    fn scan(&self, zpool: Option<&Path>) -> Value {
        let script = |name: &str, text: &str| {
            let path = self.at(name);
            // Written by a process of its own, so that nobody holds it open while it is run.
            let status = Command::new("/bin/sh")
                .args(["-c", r#"printf '%s' "$1" > "$0" && chmod 755 "$0""#])
                .args([path.to_str().expect("a path"), text])
                .status();
            assert!(status.expect("sh runs").success());
            path
        };
        let version = "smartctl 7.4 2023-08-01 r5530 [x86_64-linux] (local build)";
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo '{version}' && exit\nfor node; do :; done\ncat '{}/'\"${{node##*/}}\"\n",
            self.at("answers").display()
        );
        let smartctl = script("smartctl", &text);
        let prints = zpool.map_or("echo no pools available".to_owned(), |file| format!("cat '{}'", file.display()));
        let zpool = script("zpool", &format!("#!/bin/sh\n{prints}\n"));
        let output = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"))
            .env_clear()
            .args(["scan", "--json", "--root"])
            .arg(self.root.path())
            .arg("--smartctl")
            .arg(smartctl)
            .arg("--zpool")
            .arg(zpool)
            .output()
            .expect("the program runs");
        let error = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {error}"))
    }
}

fn recorded(path: &str) -> Option<String> {
    Some(fs::read_to_string(corpus()?.join(path)).expect("a recording"))
}

/// Enclosure and bay to the serial numbers of the drives in it.
fn bays(overview: &Value) -> BTreeMap<(String, u64), String> {
    let mut bays = BTreeMap::new();
    for enclosure in overview["enclosures"].as_array().into_iter().flatten() {
        for slot in enclosure["slots"].as_array().into_iter().flatten().filter(|s| !s["drive"].is_null()) {
            let id = enclosure["id"].as_str().expect("an id").to_owned();
            let serial = slot["drive"]["serial_number"].as_str().expect("a serial number");
            bays.insert((id, slot["slot"].as_u64().expect("a number")), serial.to_owned());
        }
    }
    bays
}

#[test]
fn every_recorded_listing_is_read_or_known_to_be_none_of_ours() {
    let Some(manifest) = recorded("manifest.json") else { return };
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let files = manifest["files"].as_array().expect("files").iter();
    let ours = |f: &&Value| ["lsblk", "scan", "ses"].iter().any(|kind| f["kind"] == *kind);
    let recorded: BTreeSet<&str> = files.filter(ours).filter_map(|f| f["file"].as_str()).collect();
    let known: BTreeSet<&str> = READ.into_iter().chain(NOT_OURS.map(|(file, _)| file)).collect();
    assert_eq!(recorded, known);
    for (file, why) in NOT_OURS {
        eprintln!("not ours: {file}: {why}");
    }
}

#[test]
fn a_host_without_drives_has_none() {
    let overview = Host::new().scan(None);
    assert_eq!((&overview["totals"]["drives"], &overview["verdict"]), (&json!(0), &json!("unknown")));
}

/// Disks are drives, whatever else there is; a floppy is none.
#[test]
fn block_devices_that_are_no_drives_are_left_out() {
    for path in ["lsblk/jc__centos-7.7_lsblk-allcols.txt", "lsblk/jc__ubuntu-18.04_lsblk-allcols.txt"] {
        let Some(listing) = recorded(path) else { return };
        let (host, mut wanted) = (Host::new(), Vec::new());
        for line in listing.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // A name with its tree is a partition or a volume on top of one.
            let Some(name) = words.first().filter(|n| n.bytes().all(|b| b.is_ascii_alphanumeric())) else { continue };
            let kind = words.iter().find(|w| ["disk", "loop", "rom", "raid1", "lvm"].contains(w));
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
        let seen: Vec<&str> = drives(&overview).filter_map(|d| d["device"].as_str()).collect();
        assert!(!wanted.is_empty() && seen == wanted, "{path}: {seen:?}, listed {wanted:?}");
    }
}

/// `[host:channel:target:lun] type vendor model … /dev/sdX …`, as lsscsi prints it.
fn lsscsi(text: &str) -> Vec<(String, String, String, String)> {
    let rows = text.lines().filter_map(|line| {
        let (address, rest) = line.strip_prefix('[')?.split_once(']')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let device = words.iter().find_map(|w| w.strip_prefix("/dev/")).unwrap_or("-");
        let model = words.get(2..words.len() - 2)?.join(" ");
        Some((address.to_owned(), (*words.first()?).to_owned(), device.to_owned(), model))
    });
    rows.collect()
}

/// Disks and enclosures of one HBA, an SSD on the mainboard, a USB stick.
#[test]
fn a_mixed_host_shows_each_drive_once() {
    let Some(listing) = recorded("lsblk/lore.kernel.org-stable__lsscsi_gs.txt") else { return };
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
                "Areca Te",
                "ARC-802801.37.69",
            );
            host.bay(&address, "Slot 01", Some(1), "OK", (address == "4:0:3:0").then_some("4:0:0:0"));
        }
    }
    let overview = host.scan(None);
    let seen: BTreeSet<String> =
        drives(&overview).filter_map(|d| d["serial_number"].as_str().map(str::to_owned)).collect();
    assert_eq!((&seen, wanted.len()), (&wanted, 5));
    assert_eq!(overview["enclosures"].as_array().map(Vec::len), Some(2));
    let held = bays(&overview);
    assert_eq!(held.values().collect::<Vec<_>>(), ["Ssdc"], "{held:?}");
    assert_eq!(overview["enclosures"][0]["model"], "ARC-802801.37.69");
}

/// One shelf with two IO modules, for which this kernel gives no id and no slot numbers; every disk
/// with two names; multipath maps by WWID; and a pool on these.
#[test]
fn a_shelf_on_two_paths_is_one_shelf_of_single_drives() {
    let Some(listing) = recorded("lsblk/zfs-ha__lsscsi_dual_path.txt") else { return };
    let multipath = recorded("lsblk/zfs-ha__multipath_ll_sas.txt").expect("a listing");
    let d2600 = recorded("ses/zfs-ha__sysfs_enclosure_hp_d2600.txt").expect("a listing");
    let host = Host::new();

    // The shelf's addresses and bay names, as `ls` shows them; the directory order is 0, 1, 10, 11, 2.
    let enclosures: Vec<&str> = d2600.lines().nth(1).expect("a listing").split_whitespace().collect();
    assert_eq!(enclosures, ["0:0:11:0", "0:0:23:0"]);
    let names: Vec<&str> = d2600
        .lines()
        .filter(|l| l.starts_with("drwx"))
        .filter_map(|l| l.split_whitespace().last())
        .filter(|n| n.parse::<u32>().is_ok())
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
        } else if words.first().is_some_and(|w| w.split(':').count() == 4) {
            maps.get_mut(&current).expect("a map").1.push(words[0].to_owned());
        }
    }
    assert!(maps.len() >= 3 && maps.values().all(|(_, paths)| paths.len() == 2), "{maps:?}");

    // Twelve disks through the first module, and in the same order through the second.
    let disks: Vec<_> =
        lsscsi(&listing).into_iter().filter(|(a, kind, ..)| kind == "disk" && a.starts_with("0:")).collect();
    let (first, second) = disks.split_at(12);
    assert_eq!((first.len(), second.len()), (12, 12));
    let number = |address: &str| address.split(':').nth(2).and_then(|n| n.parse::<u64>().ok()).expect("a target");
    // Which of the second module's disks is which of the first's: multipath tells for some.
    let partner = |address: &str| {
        let map = maps.values().find(|(_, paths)| paths.iter().any(|p| p == address))?;
        map.1.iter().find(|p| *p != address).cloned()
    };
    let mut free: Vec<&(String, String, String, String)> = second.iter().collect();
    let mut pairs = Vec::new();
    for one in first.iter().filter(|d| partner(&d.0).is_some()).chain(first.iter().filter(|d| partner(&d.0).is_none()))
    {
        let at = match partner(&one.0) {
            Some(address) => free.iter().position(|d| d.0 == address),
            None => free.iter().position(|d| d.3 == one.3),
        };
        pairs.push((one, free.remove(at.expect("its other path"))));
    }
    pairs.sort_by_key(|(one, _)| number(&one.0));
    for name in &enclosures {
        host.shelf(name, None, "HP", "D2600 SAS AJ940A");
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
                vendor: "HP".to_owned(),
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

    let pool = corpus().expect("it is here").join("zpool/zfs-ha__zpool_status_vol1_multipath.txt");
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
        let row = text.lines().find(|l| l.split_whitespace().next() == Some(&listed));
        assert_eq!(drive["pool"].is_string(), row.is_some(), "{device} {listed}: {drive}");
    }
    let placed = drives(&overview)
        .filter(|d| d["pool"] == "vol1" && d["vdev"].as_str().is_some_and(|v| v.starts_with("raidz1")));
    assert_eq!(placed.count(), maps.len(), "every listed map is a leaf of the pool");
}

/// Directory names of bays, character for character.
#[test]
fn bays_have_the_numbers_that_people_read_in_them() {
    let Some(listing) = recorded("ses/multiple_reports__sysfs_enclosure_slot_names.json") else { return };
    let listing: Value = serde_json::from_str(&listing).expect("JSON");
    let wanted = |name: &str, slot: Option<u64>| match (name.trim_end(), slot) {
        (_, Some(slot)) => slot,
        ("SLOT 039,3GJ9Y2UE", _) => 39,
        ("Slot01" | "SLOT_001", _) => 1,
        ("SLOT 4", _) => 4,
        ("SLOT 30 32", _) => 30,
        ("000" | "Drive Slot #0_0000000000000000" | "Disk #00" | "Slot 00" | "slot00" | "0", _) => 0,
        other => panic!("nobody has read {other:?} yet"),
    };
    for entry in listing["entries"].as_array().expect("entries") {
        let name = entry["name"].as_str().expect("a name");
        let slot = entry["slot_attribute"].as_str().and_then(|s| s.parse().ok());
        let shelf = entry["hctl"].as_str().expect("an address");
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
        assert_eq!(held, [(wanted(name, slot), "ZA1".to_owned())], "{name:?}");
        assert_eq!(overview["enclosures"][0]["slots"][0]["name"], name.trim(), "{name:?}");
    }
}

/// Enclosures of three hosts: pseudo-enclosures of a mainboard, two shelves, and one shelf whose
/// halves are told by two processors under one id.
#[test]
fn enclosures_are_as_many_as_there_are() {
    for (path, shelves, slots) in [
        ("ses/middleware__MINI3-XLP.json", 2, 10),
        ("ses/middleware__R40-NOJBODS.json", 2, 48),
        ("ses/middleware__V260-NOJBODS.json", 2, 28),
    ] {
        let Some(dump) = recorded(path) else { return };
        let dump: Value = serde_json::from_str(&dump).expect("JSON");
        let (host, mut wanted) = (Host::new(), BTreeMap::new());
        for ses in dump["ses"].as_array().expect("enclosures") {
            let text = |field: &str| ses[field].as_str().expect("text");
            let (id, address) = (format!("0x{}", text("id")), text("pci"));
            host.shelf(address, Some(&id), text("vendor"), text("product"));
            for element in ses["elements"]["Array Device Slot"].as_object().into_iter().flatten().map(|(_, e)| e) {
                let original = &element["original"];
                let number = original["slot"].as_u64().expect("a number");
                let name = original["descriptor"].as_str().expect("a name");
                let disk = element["dev"].as_str().filter(|d| d.starts_with("sd"));
                let place = disk.map(|device| {
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

/// Ids are made up and copied: two shelves are two when no bay of one holds what the other's does.
#[test]
fn two_shelves_under_one_id_stay_two() {
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

/// Two disks, each with the by-id links that udev makes.
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

/// Serial number of the drive to its place in a pool, and the leaves that no drive here is.
fn pool_on(host: &Host, status: &str) -> Vec<(String, Value)> {
    let file = host.at("status");
    fs::write(&file, status).expect("a status");
    let overview = host.scan(Some(&file));
    let placed = drives(&overview).filter(|d| !d["pool"].is_null());
    placed.map(|d| (d["serial_number"].as_str().expect("a serial").to_owned(), d["vdev_state"].clone())).collect()
}

fn as_text(rows: &[(&str, &str)]) -> String {
    let rows: Vec<String> = rows.iter().map(|(name, state)| format!("\t  {name}  {state}  0  0  0\n")).collect();
    format!(
        "  pool: tank\n state: ONLINE\nconfig:\n\n\tNAME  STATE  READ  WRITE  CKSUM\n\ttank  ONLINE  0  0  0\n{}",
        rows.concat()
    )
}

/// A letter goes to whoever comes next: a leaf that had it is not the drive that has it now.
#[test]
fn a_leaf_is_never_the_drive_that_took_its_letter() {
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

/// A map over two paths is a drive, one over two drives is none.
#[test]
fn a_volume_on_several_drives_is_none_of_them() {
    let host = two_disks();
    for slave in ["sda", "sdb"] {
        fs::create_dir_all(host.at(&format!("sys/block/dm-0/slaves/{slave}"))).expect("a slave");
    }
    host.link("dev/mapper/vg-striped", "../dm-0");
    assert_eq!(pool_on(&host, &as_text(&[("/dev/mapper/vg-striped", "ONLINE")])), []);
}

/// A bay's or port's name goes to whoever is put there.
#[test]
fn a_leaf_is_never_the_drive_that_took_its_bay() {
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

/// A pool may lie on a file or a volume that is called as a drive is.
#[test]
fn a_file_with_the_name_of_a_drive_is_no_drive() {
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
