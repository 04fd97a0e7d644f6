//! The value of the poll lease: which daemon holds it, on which host.

use crate::domain::host_identity::HostIdentity;
use crate::domain::text::sanitize;
use serde::{Deserialize, Serialize};

/// Maximum length in bytes of a value that is parsed; the values of this program have some 300.
const MAX_BYTES: usize = 4096;
/// Maximum length of a host name and of an instance, in characters.
const MAX_SHOWN_CHARS: usize = 128;

/// The holder of the poll lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseOwner {
    /// Name of its host.
    pub(crate) host: String,
    /// `HOST:PID:MICROSECONDS` without spaces, where the last is the start time; unique to a daemon.
    pub(crate) instance: String,
    /// `None` for a daemon of an older version, which stores the instance alone.
    pub(crate) identity: Option<HostIdentity>,
}

/// The JSON that follows the instance in the value.
#[derive(Serialize, Deserialize)]
struct StoredOwner {
    host: String,
    #[serde(flatten)]
    identity: HostIdentity,
}

impl LeaseOwner {
    /// The value to store: the instance, by which a daemon recognizes its lease, a space, and the rest as JSON.
    pub(crate) fn to_value(&self) -> String {
        let stored = StoredOwner { host: self.host.clone(), identity: self.identity.clone().unwrap_or_default() };
        // Strings and numbers only: serialisation cannot fail.
        let json = serde_json::to_string(&stored).unwrap_or_default();
        format!("{} {json}", self.instance)
    }

    /// `None` if the value was not written by a daemon.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_BYTES {
            return None;
        }
        // A daemon of an older version stores the instance only.
        let (instance, json) = value.split_once(' ').unwrap_or((value, ""));
        let (rest, microseconds) = instance.rsplit_once(':')?;
        let (host, pid) = rest.rsplit_once(':')?;
        for number in [pid, microseconds] {
            number.parse::<u64>().ok()?;
        }
        let instance = sanitize_and_shorten(instance);
        Some(match serde_json::from_str::<StoredOwner>(json) {
            Ok(stored) => Self { host: sanitize_and_shorten(&stored.host), instance, identity: Some(stored.identity) },
            Err(_) => Self { host: sanitize_and_shorten(host), instance, identity: None },
        })
    }
}

fn sanitize_and_shorten(text: &str) -> String {
    sanitize(text).chars().take(MAX_SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::host_identity::{DriveSketch, HostKey, HostRelation};
    use crate::domain::identity::Identity;

    #[test]
    fn a_lease_names_its_owner_and_those_of_older_daemons_are_understood() {
        let drives = [Identity { wwid: Some("naa.1".to_owned()), ..Identity::default() }];
        let machine = HostKey::of_machine(&"a".repeat(32));
        let identity = HostIdentity { machine, boot: None, drives: DriveSketch::of(drives.iter()) };
        let owner = LeaseOwner {
            host: "nas1".to_owned(),
            instance: "nas1:7:1767225600000000".to_owned(),
            identity: Some(identity.clone()),
        };
        let read = LeaseOwner::parse(&owner.to_value()).unwrap();
        assert_eq!(read, owner);
        assert_eq!(identity.relation(&read.identity.unwrap()), HostRelation::Same);
        let older = LeaseOwner::parse("nas:1:7:1767225600000000");
        let expected =
            LeaseOwner { host: "nas:1".to_owned(), instance: "nas:1:7:1767225600000000".to_owned(), identity: None };
        assert_eq!(older, Some(expected));
        let bare = LeaseOwner::parse(r#"nas1:1:1 {"host":"nas1","later":[1]}"#).unwrap();
        assert_eq!(bare.identity, Some(HostIdentity::default()));
        assert_eq!(LeaseOwner::parse("nas1:1:1 {").unwrap().identity, None);
        for none in ["", "{}", "x", "nas1:x:1", "[]", "1:2", " nas1:1:1", &"1:".repeat(4000)] {
            assert_eq!(LeaseOwner::parse(none), None, "{none:?}");
        }
    }
}
