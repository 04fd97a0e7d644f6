//! Which host a daemon runs on, and whether another daemon runs on the same one.
//!
//! The host name decides nothing: containers of different hosts may have the same one, containers of one host may have
//! different ones.

use super::hash::fnv1a;
use super::identity::Identity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Before and after an id when it is hashed. machine-id(5): the id itself must not be exposed, a program derives its
/// own from it.
const SALT: &str = "jbod-monitor host 5e0c";
/// Bits of a host key: 12 digits of 4 bits.
const KEY_BITS: u64 = 48;
/// Hashes kept of a set of drives.
const SKETCH_LEN: usize = 8;

/// A host, as a hash of an id of it: 12 hexadecimal digits. At most 48 of the 122 random bits of the id can be derived
/// from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub(crate) struct HostKey(String);

impl HostKey {
    /// `kind` keeps the keys of different ids apart.
    fn of(kind: &str, id: &str) -> Self {
        let hash = fnv1a([SALT, kind, id, SALT].iter().flat_map(|part| part.bytes()));
        Self(format!("{:012x}", hash & ((1 << KEY_BITS) - 1)))
    }

    /// The key of a machine id (machine-id(5)): 32 hexadecimal digits. Anything else is no id: a file may be empty, or
    /// `uninitialized` during the first boot.
    pub(crate) fn of_machine(id: &str) -> Option<Self> {
        let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
        is_id.then(|| Self::of("machine", &id.to_ascii_lowercase()))
    }

    /// The key of a boot id (random(4), `boot_id`): one for each boot of a kernel.
    pub(crate) fn of_boot(id: &str) -> Option<Self> {
        (id.len() == 36).then(|| Self::of("boot", id))
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The lowest hashes of the identities of a set of drives. Two sets with many drives in common have many of these in
/// common, so that a drive that one daemon has seen already and another one has not makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DriveSketch(BTreeSet<u32>);

impl DriveSketch {
    /// By WWID, since block device names may be the same on two hosts.
    pub(crate) fn of<'a>(drives: impl Iterator<Item = &'a Identity>) -> Self {
        let hash =
            |identity: &Identity| u32::try_from(fnv1a(identity.wwid.as_deref()?.bytes()) & u64::from(u32::MAX)).ok();
        Self(drives.filter_map(hash).collect::<BTreeSet<u32>>().into_iter().take(SKETCH_LEN).collect())
    }

    /// `None`: too little is known of one of them, or they have some drives in common.
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

/// What is known of a host.
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
    /// In order: one kernel is one host, whatever ids its containers see (they may have machine ids of their
    /// own); another machine id is another host, also where its drives are the same (two heads on one shelf); the same
    /// machine id is another host where no drive is the same (it was copied with an image). Without machine ids another
    /// boot is another host; without that the drives decide.
    ///
    /// That boot ids differ proves nothing by itself: systemd-nspawn and LXC give each container one of its own
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

    /// A key of this host that `other` does not have: of the machine id; where there is none, or both hosts have the
    /// same one, of the boot id, although that is another one after a reboot: two hosts may have the same drives.
    /// Without both the drives are what remains.
    pub(crate) fn key_beside(&self, other: Option<&Self>) -> HostKey {
        let others_machine = other.and_then(|other| other.machine.as_ref());
        let machine = self.machine.as_ref().filter(|machine| Some(*machine) != others_machine);
        machine
            .or(self.boot.as_ref())
            .cloned()
            .unwrap_or_else(|| HostKey::of("drives", &format!("{:?}", self.drives.0)))
    }
}

/// A host as stored values name it.
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
    /// The same host, by its key; by its name where one of them has no key.
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
        let identity = |n| Identity { wwid: Some(format!("naa.{n:016x}")), ..Identity::default() };
        DriveSketch::of(numbers.map(identity).collect::<Vec<_>>().iter())
    }

    fn host(machine: &str, boot: &str, drives: &DriveSketch) -> HostIdentity {
        let boot = HostKey::of_boot(&format!("{boot:0>36}")).filter(|_| !boot.is_empty());
        HostIdentity { machine: HostKey::of_machine(&machine.repeat(32)), boot, drives: drives.clone() }
    }

    #[test]
    fn machine_and_boot_decide_before_drives() {
        use HostRelation::{Other, Same, Unknown};
        let (mine, theirs, none) = (drives(0..78), drives(100..178), drives(0..0));
        let cases = [
            (host("a", "1", &mine), host("a", "1", &mine), Same, "two daemons of a host"),
            (host("a", "1", &mine), host("b", "1", &theirs), Same, "containers with machine ids of their own"),
            (host("a", "1", &mine), host("b", "2", &theirs), Other, "two hosts"),
            (host("a", "1", &mine), host("b", "2", &mine), Other, "two heads on one shelf"),
            (
                host("a", "1", &mine),
                host("a", "2", &mine),
                Same,
                "after a reboot, or containers with boot ids of their own",
            ),
            (host("a", "1", &mine), host("a", "2", &theirs), Other, "a machine id that was copied"),
            (host("a", "1", &mine), host("a", "2", &none), Same, "drives are not known yet"),
            (host("", "1", &mine), host("", "1", &mine), Same, "containers without machine ids"),
            (host("", "1", &mine), host("", "2", &mine), Other, "of two hosts"),
            (host("", "1", &mine), host("b", "2", &mine), Other, "one of them with"),
            (host("", "", &mine), host("b", "2", &mine), Same, "the drives alone"),
            (host("", "", &mine), host("", "", &theirs), Other, "other drives"),
            (host("", "", &mine), host("", "", &none), Unknown, "nothing to compare"),
        ];
        for (own, other, expected, what) in cases {
            assert_eq!((own.relation(&other), other.relation(&own)), (expected, expected), "{what}");
        }
    }

    #[test]
    fn a_few_drives_more_are_the_same_set() {
        assert_eq!(drives(0..78).is_same_set(&drives(0..80)), Some(true));
        assert_eq!(drives(0..1).is_same_set(&drives(0..2)), Some(true));
        assert_eq!(drives(0..4).is_same_set(&drives(3..7)), None, "one in common");
        let without_wwid = Identity { unit_serial: Some("1".into()), ..Identity::default() };
        assert_eq!(DriveSketch::of([&without_wwid].into_iter()), DriveSketch::default());
    }

    #[test]
    fn only_an_id_has_a_key() {
        let key = HostKey::of_machine("0123456789abcdef0123456789abcdef").map(|key| key.to_string());
        assert_eq!(key.as_ref().map(String::len), Some(12));
        assert_eq!(key, HostKey::of_machine("0123456789ABCDEF0123456789ABCDEF").map(|key| key.to_string()));
        for none in ["", "uninitialized", "0123", &"0".repeat(32), &"g".repeat(32)] {
            assert_eq!(HostKey::of_machine(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_copied_machine_id_names_no_keys_of_its_own() {
        let (own, other) = (host("a", "1", &drives(0..4)), host("a", "2", &drives(10..14)));
        assert_eq!(Some(own.key_beside(Some(&other))), own.boot);
        assert_eq!(Some(own.key_beside(None)), own.machine);
        let of_drives = |numbers| host("", "", &drives(numbers)).key_beside(None);
        assert!(of_drives(0..4) == of_drives(0..4) && of_drives(0..4) != of_drives(10..14));
    }
}
