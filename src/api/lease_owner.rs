//! The value of the poll lease: which daemon holds it, on which host.

use crate::domain::host_identity::HostIdentity;
use crate::domain::text::sanitize;
use serde::{Deserialize, Serialize};

/// Maximum length of a value that is parsed; own values have some 300 bytes.
const MAX_BYTES: usize = 4096;
/// Maximum length of a host name and of an instance that are shown.
const MAX_SHOWN_CHARS: usize = 128;

/// The holder of the poll lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseOwner {
    /// Name of its host.
    pub(crate) host: String,
    /// Host name, process and start, without blanks: unique to a daemon.
    pub(crate) instance: String,
    /// `None`: of an older version, which stored the instance alone.
    pub(crate) identity: Option<HostIdentity>,
}

/// What follows the instance in the value.
#[derive(Serialize, Deserialize)]
struct StoredOwner {
    host: String,
    #[serde(flatten)]
    identity: HostIdentity,
}

impl LeaseOwner {
    /// The value to store: the instance, by which a daemon recognizes its lease, a blank, and the rest as JSON.
    pub(crate) fn to_value(&self) -> String {
        let stored = StoredOwner { host: self.host.clone(), identity: self.identity.clone().unwrap_or_default() };
        // Strings and numbers only: serialisation cannot fail.
        let json = serde_json::to_string(&stored).unwrap_or_default();
        format!("{} {json}", self.instance)
    }

    /// `None`: the value is no daemon's.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_BYTES {
            return None;
        }
        let shown = |text: &str| sanitize(text).chars().take(MAX_SHOWN_CHARS).collect::<String>();
        let (instance, rest) = value.split_once(' ').map_or((value, None), |(instance, rest)| (instance, Some(rest)));
        // HOST:PID:MICROSECONDS; an older daemon stores no more than that.
        let mut parts = instance.rsplitn(3, ':');
        let is_number = |text: Option<&str>| text.is_some_and(|text| text.parse::<u64>().is_ok());
        (is_number(parts.next()) && is_number(parts.next())).then_some(())?;
        let host = parts.next()?;
        let stored = rest.and_then(|json| serde_json::from_str::<StoredOwner>(json).ok());
        let (host, identity) =
            stored.map_or((shown(host), None), |stored| (shown(&stored.host), Some(stored.identity)));
        Some(Self { host, instance: shown(instance), identity })
    }
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
        let read = LeaseOwner::parse(&owner.to_value());
        assert_eq!(read.as_ref(), Some(&owner));
        assert_eq!(
            read.and_then(|read| read.identity).map(|other| identity.relation(&other)),
            Some(HostRelation::Same)
        );
        let older = LeaseOwner::parse("nas:1:7:1767225600000000");
        let expected =
            LeaseOwner { host: "nas:1".to_owned(), instance: "nas:1:7:1767225600000000".to_owned(), identity: None };
        assert_eq!(older, Some(expected));
        let bare = LeaseOwner::parse(r#"nas1:1:1 {"host":"nas1","later":[1]}"#);
        assert_eq!(bare.and_then(|bare| bare.identity), Some(HostIdentity::default()));
        assert_eq!(LeaseOwner::parse("nas1:1:1 {").and_then(|broken| broken.identity), None);
        for none in ["", "{}", "x", "nas1:x:1", "[]", "1:2", " nas1:1:1", &"1:".repeat(4000)] {
            assert_eq!(LeaseOwner::parse(none), None, "{none:?}");
        }
    }
}
