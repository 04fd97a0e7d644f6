//! Another host uses the configured key prefix: this daemon then uses a prefix of its own, so that both hosts are
//! monitored and neither overwrites the values of the other. Pure.

use crate::api::lease_owner::LeaseOwner;
use crate::domain::host_identity::{HostIdentity, HostRelation};
use std::time::{Duration, Instant};

/// The configured prefix is used again once its lease has been free for this long: restarts of the other host are
/// shorter, and must not make the hosts change places.
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
        (relation(owner, own) == HostRelation::Other)
            .then(|| Self { name: owner.host.clone(), identity: owner.identity.clone() })
    }
}

pub(super) fn relation(owner: &LeaseOwner, own: &HostIdentity) -> HostRelation {
    owner.identity.as_ref().map_or(HostRelation::Unknown, |other| own.relation(other))
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

    /// Applies what is under the configured prefix now. True: the conflict is over.
    pub(super) fn is_over(&mut self, lease: Option<&str>, own: &HostIdentity, at: Instant) -> bool {
        let Some(value) = lease else {
            let since = *self.free_since.get_or_insert(at);
            return at.saturating_duration_since(since) >= FREE_FOR;
        };
        self.free_since = None;
        LeaseOwner::parse(value).is_some_and(|owner| relation(&owner, own) == HostRelation::Same)
    }

    /// As a sentence, with the setting that ends it.
    pub(super) fn sentence(&self, host: &str) -> String {
        let Self { other, configured, own, .. } = self;
        format!(
            "another host ({other:?}) holds the poll lease under the key prefix {configured:?} of this host ({host:?}): this \
             daemon polls its own drives and uses the prefix {own:?}; set JBOD_KEY_PREFIX={own} here"
        )
    }
}

/// The prefix of a host beside another one. It begins with the configured one, to which a user of Redis may be limited.
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
    fn a_restart_of_the_other_host_does_not_make_the_hosts_change_places() {
        let (mut conflict, own, begun) = (conflict(), identity("a"), Instant::now());
        let mut look = |lease: Option<&str>, second| conflict.is_over(lease, &own, begun + Duration::from_secs(second));
        assert!(!look(Some(&lease("b")), 0));
        assert!(!look(None, 5) && !look(None, 500));
        assert!(!look(Some(&lease("b")), 510));
        assert!(!look(None, 600) && !look(None, 1199));
        assert!(!look(Some("nas1:1:1"), 1199), "of an older daemon, on whatever host");
        assert!(!look(None, 1300) && look(None, 1900));
        assert!(look(Some(&lease("a")), 1901), "another daemon of this host has taken it");
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
