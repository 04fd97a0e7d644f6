//! Conflicts over the key prefix. If another host uses the configured prefix, this daemon uses a prefix of its own, so that
//! both hosts are monitored and neither overwrites the values of the other. Pure.

use crate::api::lease_owner::LeaseOwner;
use crate::domain::host_identity::{HostIdentity, HostRelation};
use std::time::{Duration, Instant};

/// The configured prefix is used again once its lease has been free for this long. Restarts of the other host are
/// shorter, and must not make the hosts swap their prefixes.
const FREE_FOR: Duration = Duration::from_secs(600);
/// Maximum length of `JBOD_KEY_PREFIX`, so that the prefix can be set.
const MAX_PREFIX_BYTES: usize = 64;

/// The other host.
#[derive(Clone, Debug)]
pub(super) struct OtherHost {
    pub(super) name: String,
    /// `None`: it runs an older version.
    pub(super) identity: Option<HostIdentity>,
}

impl OtherHost {
    /// The holder of a lease, if it is known to run on another host.
    pub(super) fn of(owner: &LeaseOwner, own: &HostIdentity) -> Option<Self> {
        if relation(owner, own) != HostRelation::Other {
            return None;
        }
        Some(Self { name: owner.host.clone(), identity: owner.identity.clone() })
    }
}

/// Whether the holder of a lease runs on this host.
pub(super) fn relation(owner: &LeaseOwner, own: &HostIdentity) -> HostRelation {
    match &owner.identity {
        Some(other) => own.relation(other),
        None => HostRelation::Unknown,
    }
}

#[derive(Clone, Debug)]
pub(super) struct PrefixConflict {
    other: String,
    configured: String,
    /// The prefix in use.
    own: String,
    free_since: Option<Instant>,
}

impl PrefixConflict {
    pub(super) fn new(configured: &str, own: &HostIdentity, other: OtherHost) -> Self {
        let own = own_prefix(configured, own, other.identity.as_ref());
        Self { other: other.name, configured: configured.to_owned(), own, free_since: None }
    }

    pub(super) fn own_prefix(&self) -> &str {
        &self.own
    }

    /// Whether the conflict is over. `lease`: the current value of the lease under the configured prefix.
    pub(super) fn is_over(&mut self, lease: Option<&str>, own: &HostIdentity, at: Instant) -> bool {
        let Some(value) = lease else {
            let since = *self.free_since.get_or_insert(at);
            return at.saturating_duration_since(since) >= FREE_FOR;
        };
        self.free_since = None;
        match LeaseOwner::parse(value) {
            Some(owner) => relation(&owner, own) == HostRelation::Same,
            None => false,
        }
    }

    /// The conflict as a sentence, with the setting that ends it.
    pub(super) fn sentence(&self, host: &str) -> String {
        let Self { other, configured, own, .. } = self;
        format!(
            "another host ({other:?}) holds the poll lease under the key prefix {configured:?} of this host ({host:?}); this \
             daemon polls its own drives under the prefix {own:?}: set JBOD_KEY_PREFIX={own} on this host"
        )
    }
}

/// The prefix of a host beside another one. It begins with the configured prefix, to which the ACL of the Redis user may be
/// limited.
pub(crate) fn own_prefix(configured: &str, own: &HostIdentity, other: Option<&HostIdentity>) -> String {
    let suffix = format!(":host:{}", own.key_beside(other));
    // Prefixes are ASCII.
    let begin = configured.get(..MAX_PREFIX_BYTES.saturating_sub(suffix.len())).unwrap_or(configured);
    format!("{begin}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::host_identity::HostKey;

    fn identity(digit: &str) -> HostIdentity {
        HostIdentity { machine: HostKey::of_machine(&digit.repeat(32)), ..HostIdentity::default() }
    }

    fn lease(digit: &str) -> String {
        LeaseOwner { host: "nas".to_owned(), instance: "nas:1:1".to_owned(), identity: Some(identity(digit)) }
            .to_value()
    }

    fn conflict() -> PrefixConflict {
        PrefixConflict::new("jbod", &identity("a"), OtherHost { name: "nas1".to_owned(), identity: None })
    }

    #[test]
    fn restart_of_the_other_host_does_not_end_the_conflict() {
        let (mut conflict, own, begun) = (conflict(), identity("a"), Instant::now());
        for (second, lease, is_over) in [
            (0, Some(lease("b")), false),
            (5, None, false),
            (500, None, false),
            (510, Some(lease("b")), false),
            (600, None, false),
            (1199, None, false),
            // An older version, on an unknown host.
            (1199, Some("nas1:1:1".to_owned()), false),
            (1300, None, false),
            (1900, None, true),
            // Another daemon of this host has acquired the lease.
            (1901, Some(lease("a")), true),
        ] {
            let at = begun + Duration::from_secs(second);
            assert_eq!(conflict.is_over(lease.as_deref(), &own, at), is_over, "{lease:?} after {second} s");
        }
    }

    #[test]
    fn the_prefix_can_be_set() {
        let conflict = conflict();
        let prefix = conflict.own_prefix().to_owned();
        assert!(prefix.starts_with("jbod:host:") && prefix.len() == 22, "{prefix}");
        assert!(conflict.sentence("nas2").contains(&format!("JBOD_KEY_PREFIX={prefix} ")));
        let long = own_prefix(&"x".repeat(64), &identity("a"), None);
        assert_eq!((long.len(), &long[46..52]), (64, ":host:"));
        assert_ne!(own_prefix("jbod", &identity("b"), None), prefix);
    }
}
