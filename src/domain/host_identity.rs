//! The identity of the host, and whether another daemon runs on the same host.
//!
//! The host name does not identify a host: containers on different hosts may have the same name, and containers on one host
//! may have different ones.

use super::hash::fnv1a;
use super::identity::Identity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Hashed before and after an id. machine-id(5): the id itself must not be exposed, a program derives its own id from it.
const SALT: &str = "jbod-monitor host 5e0c";
/// Bits of a host key: 12 digits of 4 bits.
const KEY_BITS: u64 = 48;
/// Number of hashes in a sketch of a set of drives.
const SKETCH_LEN: usize = 8;

/// The key of a host: the hash of one of its ids, 12 hexadecimal digits. At most 48 of the 122 random bits of the id can be
/// derived from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub(crate) struct HostKey(String);

impl HostKey {
    /// `kind`: distinguishes the keys of different kinds of ids.
    fn of(kind: &str, id: &str) -> Self {
        let hash = fnv1a([SALT, kind, id, SALT].iter().flat_map(|part| part.bytes()));
        Self(format!("{:012x}", hash & ((1 << KEY_BITS) - 1)))
    }

    /// The key of a machine id (machine-id(5)): 32 hexadecimal digits. `None` for other text: the file may be empty, or
    /// contain `uninitialized` during the first boot.
    pub(crate) fn of_machine(id: &str) -> Option<Self> {
        let is_hex = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        let is_id = is_hex && id.bytes().any(|digit| digit != b'0');
        if is_id { Some(Self::of("machine", &id.to_ascii_lowercase())) } else { None }
    }

    /// The key of a boot id (random(4), `boot_id`): each boot of a kernel has another one.
    pub(crate) fn of_boot(id: &str) -> Option<Self> {
        if id.len() == 36 { Some(Self::of("boot", id)) } else { None }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The lowest hashes of the identities of a set of drives. Two sets with many drives in common have many of these in common,
/// even if one daemon has discovered a drive and another one not yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DriveSketch(BTreeSet<u32>);

impl DriveSketch {
    /// The sketch of the WWIDs of drives: block device names may be the same on two hosts.
    pub(crate) fn of<'a>(drives: impl Iterator<Item = &'a Identity>) -> Self {
        let mut hashes: BTreeSet<u32> = BTreeSet::new();
        for wwid in drives.flat_map(|identity| &identity.wwid) {
            let hash = fnv1a(wwid.bytes()) & u64::from(u32::MAX);
            if let Ok(hash) = u32::try_from(hash) {
                hashes.insert(hash);
            }
        }
        Self(hashes.into_iter().take(SKETCH_LEN).collect())
    }

    /// `None`: unknown, because one set is empty, or because they have a few drives in common.
    fn is_same_set(&self, other: &Self) -> Option<bool> {
        if self.0.is_empty() || other.0.is_empty() {
            return None;
        }
        let lowest: Vec<&u32> = self.0.union(&other.0).take(SKETCH_LEN).collect();
        let common = lowest.iter().filter(|hash| self.0.contains(hash) && other.0.contains(hash)).count();
        match common {
            0 => Some(false),
            _ if common * 2 >= lowest.len() => Some(true),
            _ => None,
        }
    }
}

/// The ids and drives of a host, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostIdentity {
    #[serde(default)]
    pub(crate) machine: Option<HostKey>,
    #[serde(default)]
    pub(crate) boot: Option<HostKey>,
    #[serde(default)]
    pub(crate) drives: DriveSketch,
}

/// Whether two daemons run on the same host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostRelation {
    Same,
    Other,
    Unknown,
}

impl HostIdentity {
    /// The rules, in their order:
    ///
    /// 1. The same boot id: the same host, also with other machine ids, because containers may have their own.
    /// 2. Different machine ids: different hosts, even with the same drives (two servers on one shelf).
    /// 3. The same machine id: the same host, unless no drive is the same (the id was copied with an image).
    /// 4. A machine id is unknown: different boot ids are different hosts.
    /// 5. A boot id is unknown, too: the drives decide.
    ///
    /// Different boot ids alone do not mean different hosts: systemd-nspawn and LXC give each container its own
    /// (`setup_boot_id` in nspawn.c, `lxc_setup_boot_id` in conf.c).
    pub(crate) fn relation(&self, other: &Self) -> HostRelation {
        let by_drives = self.drives.is_same_set(&other.drives);
        let is_same = match (
            is_equal(self.boot.as_ref(), other.boot.as_ref()),
            is_equal(self.machine.as_ref(), other.machine.as_ref()),
        ) {
            (Some(true), _) => Some(true),
            (_, Some(true)) => Some(by_drives != Some(false)),
            (_, Some(false)) | (Some(false), None) => Some(false),
            (None, None) => by_drives,
        };
        match is_same {
            Some(true) => HostRelation::Same,
            Some(false) => HostRelation::Other,
            None => HostRelation::Unknown,
        }
    }

    /// A key of this host that `other` does not have: the key of the machine id, unless it is unknown or both hosts have the
    /// same; then the key of the boot id, although it changes at a reboot, because two hosts may have the same drives.
    /// Without both ids, a key of the drives.
    pub(crate) fn key_beside(&self, other: Option<&Self>) -> HostKey {
        if let Some(machine) = &self.machine
            && other.and_then(|other| other.machine.as_ref()) != Some(machine)
        {
            return machine.clone();
        }
        match &self.boot {
            Some(boot) => boot.clone(),
            None => HostKey::of("drives", &format!("{:?}", self.drives.0)),
        }
    }
}

/// The name and key of a host in stored values.
#[derive(Clone, Copy, Debug)]
pub struct HostName<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: Option<&'a HostKey>,
}

impl<'a> From<&'a str> for HostName<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, id: None }
    }
}

impl HostName<'_> {
    /// It is the same host, by its key; by its name if one of them has no key.
    pub(crate) fn is(&self, other: Self) -> bool {
        is_equal(self.id, other.id).unwrap_or(self.name == other.name)
    }
}

fn is_equal(own: Option<&HostKey>, other: Option<&HostKey>) -> Option<bool> {
    Some(own? == other?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drives(numbers: std::ops::Range<u32>) -> DriveSketch {
        let mut identities = Vec::new();
        for number in numbers {
            identities.push(Identity { wwid: Some(format!("naa.{number:016x}")), ..Identity::default() });
        }
        DriveSketch::of(identities.iter())
    }

    /// `machine`, `boot`: the digit of which the id consists; empty: unknown.
    fn host(machine: &str, boot: &str, drives: &DriveSketch) -> HostIdentity {
        let (machine, boot) = (HostKey::of_machine(&machine.repeat(32)), HostKey::of_boot(&boot.repeat(36)));
        HostIdentity { machine, boot, drives: drives.clone() }
    }

    #[test]
    fn machine_and_boot_decide_before_drives() {
        use HostRelation::{Other, Same, Unknown};
        let (mine, theirs, none) = (drives(0..78), drives(100..178), drives(0..0));
        let cases = [
            (host("a", "1", &mine), host("a", "1", &mine), Same, "two daemons of a host"),
            (host("a", "1", &mine), host("b", "1", &theirs), Same, "containers with machine ids of their own"),
            (host("a", "1", &mine), host("b", "2", &theirs), Other, "two hosts"),
            (host("a", "1", &mine), host("b", "2", &mine), Other, "two servers on one shelf"),
            (
                host("a", "1", &mine),
                host("a", "2", &mine),
                Same,
                "after a reboot, or containers with boot ids of their own",
            ),
            (host("a", "1", &mine), host("a", "2", &theirs), Other, "a machine id that was copied"),
            (host("a", "1", &mine), host("a", "2", &none), Same, "drives are not known yet"),
            (host("", "1", &mine), host("", "1", &mine), Same, "containers without machine ids"),
            (host("", "1", &mine), host("", "2", &mine), Other, "containers of two hosts without machine ids"),
            (host("", "1", &mine), host("b", "2", &mine), Other, "only one has a machine id"),
            (host("", "", &mine), host("b", "2", &mine), Same, "only the drives are known of both"),
            (host("", "", &mine), host("", "", &theirs), Other, "other drives"),
            (host("", "", &mine), host("", "", &none), Unknown, "nothing to compare"),
        ];
        for (own, other, expected, what) in cases {
            assert_eq!((own.relation(&other), other.relation(&own)), (expected, expected), "{what}");
        }
    }

    #[test]
    fn sets_that_differ_by_a_few_drives_are_the_same() {
        assert_eq!(drives(0..78).is_same_set(&drives(0..80)), Some(true));
        assert_eq!(drives(0..1).is_same_set(&drives(0..2)), Some(true));
        assert_eq!(drives(0..4).is_same_set(&drives(3..7)), None, "one in common");
        let without_wwid = Identity { unit_serial: Some("1".into()), ..Identity::default() };
        assert_eq!(DriveSketch::of([&without_wwid].into_iter()), DriveSketch::default());
    }

    #[test]
    fn only_valid_machine_ids_have_a_key() {
        let key = HostKey::of_machine("0123456789abcdef0123456789abcdef").map(|key| key.to_string());
        assert_eq!(key.as_ref().map(String::len), Some(12));
        assert_eq!(key, HostKey::of_machine("0123456789ABCDEF0123456789ABCDEF").map(|key| key.to_string()));
        for none in ["", "uninitialized", "0123", &"0".repeat(32), &"g".repeat(32)] {
            assert_eq!(HostKey::of_machine(none), None, "{none:?}");
        }
    }

    #[test]
    fn key_of_a_copied_machine_id_is_not_used() {
        let (own, other) = (host("a", "1", &drives(0..4)), host("a", "2", &drives(10..14)));
        assert_eq!(Some(own.key_beside(Some(&other))), own.boot);
        assert_eq!(Some(own.key_beside(None)), own.machine);
        let of_drives = |numbers| host("", "", &drives(numbers)).key_beside(None);
        assert!(of_drives(0..4) == of_drives(0..4) && of_drives(0..4) != of_drives(10..14));
    }
}
