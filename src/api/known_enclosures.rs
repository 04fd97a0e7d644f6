//! The list of known enclosures: the value of `jbod:known_enclosures`, from which a daemon that starts restores the
//! enclosures, IO modules and bays that were known before.

use super::SCHEMA;
use crate::domain::enclosure::module::{KnownModule, MAX_MODULES};
use crate::domain::enclosure::{Enclosure, Slot};
use crate::domain::host_identity::{HostKey, HostName};
use crate::domain::identity::{EnclosureId, Identity};
use crate::domain::inventory::{KnownEnclosure, KnownEnclosures, MAX_MISSING_ENCLOSURES};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Maximum number of bays that are restored in all; the largest enclosures have some 110.
const MAX_SLOTS: usize = 4_096;

#[derive(Debug, Serialize, Deserialize)]
struct KnownEnclosureList {
    schema: u32,
    host: String,
    #[serde(default)]
    host_id: Option<HostKey>,
    generated_at: Timestamp,
    enclosures: Vec<StoredEnclosure>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredEnclosure {
    id: EnclosureId,
    vendor: Option<String>,
    model: Option<String>,
    rev: Option<String>,
    missing_since: Option<Timestamp>,
    modules: Vec<StoredModule>,
    slots: Vec<StoredSlot>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredModule {
    sysfs_name: String,
    address: Option<String>,
    missing_since: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredSlot {
    /// `null` for a bay without a number.
    slot: Option<u32>,
    name: String,
    /// The drive in the bay, or the last one that was in it.
    drive: Option<Identity>,
}

/// The enclosures in a list, and the time at which it was built.
#[derive(Debug)]
pub(crate) struct StoredEnclosures {
    pub(crate) generated_at: Timestamp,
    pub(crate) enclosures: Vec<KnownEnclosure>,
}

/// Builds the list.
pub(crate) fn build_enclosure_list(known: &KnownEnclosures, host: HostName, generated_at: Timestamp) -> Vec<u8> {
    let enclosures = known.iter().filter(|known| known.enclosure.has_ses_device()).map(StoredEnclosure::of).collect();
    let (host, host_id) = (host.name.to_owned(), host.id.cloned());
    let list = KnownEnclosureList { schema: SCHEMA, host, host_id, generated_at, enclosures };
    serde_json::to_vec(&list).unwrap_or_default()
}

/// Parses a list. `None` if it is not a list of that host. No time in the result is later than `now`.
pub(crate) fn parse_enclosure_list(value: &[u8], host: HostName, now: Timestamp) -> Option<StoredEnclosures> {
    let list: KnownEnclosureList = serde_json::from_slice(value).ok()?;
    let stored = HostName { name: &list.host, id: list.host_id.as_ref() };
    if list.schema != SCHEMA || !stored.is(host) {
        return None;
    }
    let mut enclosures = Vec::new();
    let mut slots = 0;
    for enclosure in list.enclosures.into_iter().take(MAX_MISSING_ENCLOSURES) {
        slots += enclosure.slots.len();
        if slots > MAX_SLOTS {
            break;
        }
        enclosures.push(enclosure.into_known(now));
    }
    Some(StoredEnclosures { generated_at: list.generated_at.min(now), enclosures })
}

impl StoredEnclosure {
    fn of(known: &KnownEnclosure) -> Self {
        let KnownEnclosure { enclosure, drives } = known;
        let slots = enclosure.slots.iter().map(|slot| StoredSlot {
            slot: slot.number,
            name: slot.name.clone(),
            drive: drives.get(&slot.label()).cloned(),
        });
        Self {
            id: enclosure.id.clone(),
            vendor: enclosure.vendor.clone(),
            model: enclosure.model.clone(),
            rev: enclosure.rev.clone(),
            missing_since: enclosure.missing_since(),
            modules: enclosure.modules.iter().map(StoredModule::of).collect(),
            slots: slots.collect(),
        }
    }

    fn into_known(self, now: Timestamp) -> KnownEnclosure {
        let mut known = KnownEnclosure::default();
        for StoredSlot { slot, name, drive } in self.slots {
            let slot = Slot { number: slot, name, ..Slot::default() };
            if let Some(drive) = drive
                && !drive.is_empty()
            {
                known.drives.insert(slot.label(), drive);
            }
            known.enclosure.slots.push(slot);
        }
        // In the order of a discovery. A list that this program has built has no bay twice.
        known.enclosure.slots.sort_by(Slot::cmp_place);
        known.enclosure.slots.dedup_by_key(|slot| slot.label());
        let modules: Vec<KnownModule> =
            self.modules.into_iter().take(MAX_MODULES).map(|module| module.into_known(now)).collect();
        known.enclosure = Enclosure {
            id: self.id,
            sysfs_names: modules.iter().map(|module| module.sysfs_name.clone()).collect(),
            modules,
            vendor: self.vendor,
            model: self.model,
            rev: self.rev,
            slots: known.enclosure.slots,
            error: None,
        };
        if let Some(since) = self.missing_since {
            known.enclosure.set_missing(since.min(now));
        }
        known
    }
}

impl StoredModule {
    fn of(module: &KnownModule) -> Self {
        Self {
            sysfs_name: module.sysfs_name.clone(),
            address: module.address.clone(),
            missing_since: module.missing_since,
        }
    }

    fn into_known(self, now: Timestamp) -> KnownModule {
        KnownModule {
            sysfs_name: self.sysfs_name,
            address: self.address,
            missing_since: self.missing_since.map(|since| since.min(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::enclosure::BayLabel;

    #[test]
    fn stored_list_restores_what_was_known() {
        let module = |name: &str, missing_since: Option<i64>| KnownModule {
            sysfs_name: name.to_owned(),
            address: Some(format!("naa.{name}")),
            missing_since: missing_since.map(Timestamp),
        };
        let mut known = KnownEnclosures::default();
        let present = Enclosure {
            id: "0x5".into(),
            sysfs_names: vec!["0:0:9:0".to_owned(), "1:0:9:0".to_owned()],
            modules: vec![module("0:0:9:0", None), module("1:0:9:0", Some(7))],
            model: Some("SHELF".to_owned()),
            slots: vec![
                Slot { number: Some(3), name: "SLOT 03".to_owned(), ..Slot::default() },
                Slot { number: None, name: "SLOT A".to_owned(), ..Slot::default() },
                Slot { number: None, name: "SLOT B".to_owned(), ..Slot::default() },
            ],
            ..Enclosure::default()
        };
        let mut gone = Enclosure {
            id: "0x6".into(),
            sysfs_names: vec!["0:0:8:0".to_owned()],
            modules: vec![module("0:0:8:0", None)],
            ..Enclosure::default()
        };
        gone.set_missing(Timestamp(9));
        let identity = Identity { wwid: None, unit_serial: Some("S1".into()) };
        let other = Identity { wwid: None, unit_serial: Some("S2".into()) };
        let drives = [(BayLabel::Number(3), identity), (BayLabel::Name("SLOT B".into()), other)].into();
        let stored = [
            KnownEnclosure { enclosure: present, drives },
            KnownEnclosure { enclosure: gone, ..KnownEnclosure::default() },
        ];
        for enclosure in &stored {
            known.restore(enclosure.clone(), Timestamp(9));
        }
        let list = build_enclosure_list(&known, "nas1".into(), Timestamp(10));
        let read = parse_enclosure_list(&list, "nas1".into(), Timestamp(20)).unwrap();
        assert_eq!(read.generated_at, Timestamp(10));
        assert_eq!(read.enclosures, known.iter().cloned().collect::<Vec<_>>());
        let early = parse_enclosure_list(&list, "nas1".into(), Timestamp(8)).unwrap();
        assert!(early.enclosures.iter().all(|known| known.enclosure.missing_since() == Some(Timestamp(8))));
        assert!(parse_enclosure_list(&list, "nas2".into(), Timestamp(20)).is_none(), "another host");
        assert!(parse_enclosure_list(b"{}", "nas1".into(), Timestamp(20)).is_none());
    }
}
