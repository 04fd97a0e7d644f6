//! Which kernel names are one drive: the paths of a drive are joined, and two drives never are.
//! Pure; where the names and what is known of them come from is the business of `drives`.

use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::identity::Identity;
use crate::domain::transport::{Attachment, Transport};
use std::collections::{HashMap, HashSet};

/// One kernel name, before paths are joined.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: DrivePath,
    /// The SAS expander nearest to it: `expander-0:1`.
    pub(super) expander: Option<String>,
    pub(super) identity: Identity,
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) firmware: Option<String>,
    pub(super) size_bytes: Option<u64>,
    pub(super) rotational: Option<bool>,
    pub(super) attachment: Attachment,
}

impl Seen {
    fn is_whole(&self) -> bool {
        self.identity.wwid.is_some() && self.identity.unit_serial.is_some()
    }

    /// A SATA port of the mainboard, or USB: nothing there has a second path, and cheap drives have
    /// their serial number in common with their sisters.
    fn is_single(&self) -> bool {
        matches!(self.attachment.transport(), Some(Transport::Sata | Transport::Usb))
    }

    /// Only names that are alike are compared. Each namespace of an NVMe controller has a wwid of
    /// its own; they are one drive by their controller.
    fn names(&self) -> Vec<String> {
        if self.path.host.is_none() {
            return vec![format!("nvme {}", self.path.address)];
        }
        let name = |kind: &str, name: Option<&str>| name.map(|name| format!("{kind} {name}"));
        let names = [name("wwid", self.identity.wwid.as_deref()), name("serial", self.identity.unit_serial.as_deref())];
        names.into_iter().flatten().collect()
    }
}

/// A drive in the making: the path that knows most of it, and the others.
struct Joined {
    seen: Seen,
    others: Vec<(DrivePath, Option<String>)>,
    place: usize,
}

/// Joins the paths of a drive. Two names are one drive only if everything that is known of both
/// says so; a drive is never lost in another's record.
pub(super) fn merge(seen: Vec<Seen>) -> Vec<Drive> {
    // Those of whom less is known come last: they may fit several drives, and then belong to none.
    let (whole, part): (Vec<_>, Vec<_>) = (0..).zip(seen).partition(|(_, seen)| seen.is_whole());
    let mut drives: Vec<Joined> = Vec::new();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, one) in whole.into_iter().chain(part) {
        let names = one.names();
        let mut alike: Vec<usize> = names.iter().filter_map(|name| by_name.get(name)).flatten().copied().collect();
        alike.sort_unstable();
        alike.dedup();
        let mut fitting = alike.into_iter().filter(|n| drives.get(*n).is_some_and(|known| is_same(known, &one)));
        let first = fitting.next().filter(|_| one.is_whole() || fitting.next().is_none());
        match first.and_then(|n| drives.get_mut(n)) {
            Some(known) => {
                known.place = known.place.min(place);
                known.others.push((one.path, one.expander));
            }
            None => {
                for name in names {
                    by_name.entry(name).or_default().push(drives.len());
                }
                drives.push(Joined { seen: one, others: Vec::new(), place });
            }
        }
    }
    drives.sort_by_key(|drive| drive.place);
    let mut keys = HashSet::new();
    drives.into_iter().map(|drive| finish(drive, &mut keys)).collect()
}

fn is_same(known: &Joined, other: &Seen) -> bool {
    let seen = &known.seen;
    let (a, b) = (&seen.identity, &other.identity);
    if seen.vendor != other.vendor || seen.model != other.model || seen.path.host.is_some() != other.path.host.is_some()
    {
        return false;
    }
    if seen.path.host.is_none() {
        // Namespaces of one NVMe controller are one drive.
        return a.unit_serial.is_some() && a.unit_serial == b.unit_serial && seen.path.address == other.path.address;
    }
    if seen.is_single() || other.is_single() {
        return false;
    }
    let fits_in_size = seen.size_bytes.is_none() || other.size_bytes.is_none() || seen.size_bytes == other.size_bytes;
    let is_elsewhere = is_elsewhere(known, other) && fits_in_size;
    match (&a.wwid, &b.wwid, &a.unit_serial, &b.unit_serial) {
        // A `t10.` name is model and serial number again: it tells no more than those.
        (Some(wa), Some(wb), Some(sa), Some(sb)) => {
            wa == wb && sa == sb && (!wa.starts_with("t10.") || is_elsewhere && !is_filler(sa))
        }
        // Less is known. One way that shows one name twice may be a controller that shares it.
        (Some(wa), Some(wb), _, _) => wa == wb && is_elsewhere,
        (None, None, Some(sa), Some(sb)) => sa == sb && is_elsewhere && !is_filler(sa),
        _ => false,
    }
}

/// Reached by another SCSI host or through another expander than every path known so far.
fn is_elsewhere(known: &Joined, other: &Seen) -> bool {
    let first = std::iter::once((&known.seen.path, &known.seen.expander));
    let others = known.others.iter().map(|(path, expander)| (path, expander));
    first.chain(others).all(|(path, expander)| {
        let is_known = expander.is_some() && other.expander.is_some();
        path.host != other.path.host || is_known && *expander != other.expander
    })
}

/// A serial number that is no serial number: too short, or one character over and over.
fn is_filler(serial: &str) -> bool {
    let first = serial.chars().next();
    serial.len() < 4 || serial.chars().all(|c| Some(c) == first)
}

fn finish(drive: Joined, keys: &mut HashSet<String>) -> Drive {
    let Seen { path, identity, vendor, model, firmware, size_bytes, rotational, attachment, .. } = drive.seen;
    let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let mut key = if identity.is_empty() {
        // All that is known of it, so that another disk in the same place is another drive.
        let size = size_bytes.unwrap_or(0);
        format!("{} {} {} {} {size}", path.device, path.address, part(vendor.as_deref()), part(model.as_deref()))
    } else {
        format!(
            "{}|{}|{}",
            part(identity.wwid.as_deref()),
            part(identity.unit_serial.as_deref()),
            part(model.as_deref())
        )
    };
    // Different drives with one identity keep a record each, told apart by where they are.
    if keys.contains(&key) {
        key = format!("{key}|{}", path.address);
    }
    keys.insert(key.clone());
    let device = path.device.clone();
    let mut paths: Vec<DrivePath> =
        std::iter::once(path).chain(drive.others.into_iter().map(|(path, _)| path)).collect();
    paths.sort_by(|a, b| a.device.cmp(&b.device));
    Drive {
        key: DriveKey::Discovered(key.into()),
        device,
        paths,
        identity,
        vendor,
        model,
        firmware,
        size_bytes,
        rotational,
        by_id: Vec::new(),
        attachment,
        raid_disks: Vec::new(),
        smartctl_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::DeviceName;

    fn seen(device_name: &str, address: &str, wwid: Option<&str>, serial: Option<&str>) -> Seen {
        let host = address.split(':').next().and_then(|h| h.parse().ok());
        let device = DeviceName::parse(device_name).unwrap_or_else(|| unreachable!());
        Seen {
            path: DrivePath { device, node: format!("/dev/{device_name}"), host, address: address.into() },
            expander: None,
            identity: Identity { wwid: wwid.map(Into::into), unit_serial: serial.map(Into::into) },
            vendor: Some("SEAGATE".into()),
            model: Some("ST8000NM0075".into()),
            firmware: None,
            size_bytes: None,
            rotational: None,
            attachment: Attachment::Scsi(None),
        }
    }

    fn by(expander: &str, seen: Seen) -> Seen {
        Seen { expander: Some(expander.to_owned()), ..seen }
    }

    fn on(transport: Transport, seen: Seen) -> Seen {
        let attachment = Attachment::Scsi(Some(transport));
        Seen { attachment, ..seen }
    }

    fn paths(seen: Vec<Seen>) -> Vec<Vec<String>> {
        merge(seen).iter().map(|d| d.paths.iter().map(|p| p.device.to_string()).collect()).collect()
    }

    const W: Option<&str> = Some("naa.5000c500a0000000");
    const S: Option<&str> = Some("VJS00000");

    #[test]
    fn two_paths_are_one_drive() {
        for (why, case) in [
            ("two hosts", vec![seen("sda", "0:0:1:0", W, S), seen("sdb", "1:0:1:0", W, S)]),
            ("one host, two expanders", vec![seen("sda", "0:0:1:0", W, S), seen("sdb", "0:0:9:0", W, S)]),
            ("no serial number", vec![seen("sda", "0:0:1:0", W, None), seen("sdb", "1:0:1:0", W, None)]),
            (
                "no serial number, two expanders",
                vec![
                    by("expander-0:0", seen("sda", "0:0:1:0", W, None)),
                    by("expander-0:1", seen("sdb", "0:0:9:0", W, None)),
                ],
            ),
            ("one path knows less", vec![seen("sda", "0:0:1:0", W, S), seen("sdb", "1:0:1:0", W, None)]),
            ("the first path knows less", vec![seen("sda", "0:0:1:0", W, None), seen("sdb", "1:0:1:0", W, S)]),
            ("no name", vec![seen("sda", "0:0:1:0", None, S), seen("sdb", "1:0:1:0", None, S)]),
        ] {
            assert_eq!(paths(case), [["sda", "sdb"]], "{why}");
        }
        let drives = merge(vec![seen("sda", "0:0:1:0", W, None), seen("sdb", "1:0:1:0", W, S)]);
        let named = drives.first().map(|d| (d.device.as_str(), d.identity.unit_serial.as_deref()));
        assert_eq!(named, Some(("sdb", S)), "it goes by the path that tells who it is");
    }

    #[test]
    fn namespaces_of_a_controller_are_one_drive() {
        let namespace = |device: &str, wwid: &str, controller: &str| {
            let mut seen = seen(device, "0:0:0:0", Some(wwid), Some("S64H"));
            (seen.path.host, seen.path.address) = (None, controller.into());
            seen
        };
        let two = vec![namespace("nvme0n1", "eui.01", "nvme0"), namespace("nvme0n2", "eui.02", "nvme0")];
        assert_eq!(paths(two), [["nvme0n1", "nvme0n2"]]);
        let apart = vec![namespace("nvme0n1", "eui.01", "nvme0"), namespace("nvme1n1", "eui.01", "nvme1")];
        assert_eq!(paths(apart).len(), 2);
    }

    #[test]
    fn two_drives_never_collapse() {
        let cheap = Some("t10.ATA     SSD 120GB                               AA000000000000000001");
        let sized = |bytes: u64, seen: Seen| Seen { size_bytes: Some(bytes), ..seen };
        for (why, case) in [
            ("two serials", vec![seen("sda", "0:0:1:0", W, Some("A001")), seen("sdb", "1:0:1:0", W, Some("A002"))]),
            ("one host shows a name twice", vec![seen("sda", "0:0:1:0", W, None), seen("sdb", "0:0:2:0", W, None)]),
            (
                "and so does one expander",
                vec![
                    by("expander-0:0", seen("sda", "0:0:1:0", W, None)),
                    by("expander-0:0", seen("sdb", "0:0:2:0", W, None)),
                ],
            ),
            (
                "a filler",
                vec![seen("sda", "0:0:1:0", None, Some("00000000")), seen("sdb", "1:0:1:0", None, Some("00000000"))],
            ),
            ("nothing known", vec![seen("sda", "0:0:1:0", None, None), seen("sdb", "1:0:1:0", None, None)]),
            (
                "one name, one none",
                vec![seen("sda", "0:0:1:0", W, Some("A001")), seen("sdb", "1:0:1:0", None, Some("A001"))],
            ),
            ("two sizes", vec![sized(1, seen("sda", "0:0:1:0", W, None)), sized(2, seen("sdb", "1:0:1:0", W, None))]),
            (
                "cheap sisters on ports of the mainboard",
                vec![
                    on(Transport::Sata, seen("sda", "0:0:0:0", cheap, Some("AA000000000000000001"))),
                    on(Transport::Sata, seen("sdb", "1:0:0:0", cheap, Some("AA000000000000000001"))),
                ],
            ),
            (
                "cheap sisters behind one HBA",
                vec![
                    seen("sda", "0:0:0:0", cheap, Some("AA000000000000000001")),
                    seen("sdb", "0:0:1:0", cheap, Some("AA000000000000000001")),
                ],
            ),
        ] {
            let drives = merge(case);
            assert_eq!(drives.len(), 2, "{why}");
            assert_ne!(drives.first().map(|d| &d.key), drives.last().map(|d| &d.key), "{why}");
        }
    }

    #[test]
    fn a_path_that_may_be_of_two_drives_is_of_none() {
        let shared = vec![
            seen("sda", "0:0:1:0", W, Some("A001")),
            seen("sdb", "1:0:1:0", W, Some("A002")),
            seen("sdc", "2:0:1:0", W, None),
        ];
        assert_eq!(paths(shared), [["sda"], ["sdb"], ["sdc"]]);
    }
}
