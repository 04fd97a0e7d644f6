//! The IO modules of an enclosure: those that are present, and those that are missing.

use crate::domain::identity::ScsiHost;
use crate::domain::time::Timestamp;

/// Maximum number of known IO modules of an enclosure. SES-3 has no limit; enclosures have one or two.
pub(crate) const MAX_MODULES: usize = 8;

/// An IO module of an enclosure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownModule {
    /// Its current or last name under `/sys/class/enclosure` (`0:0:9:0`).
    pub(crate) sysfs_name: String,
    /// Its SAS address, or the name of its SES device; both are kept when the kernel renumbers it.
    pub(crate) address: Option<String>,
    pub(crate) missing_since: Option<Timestamp>,
}

impl KnownModule {
    /// Identifies it among the modules of its enclosure.
    pub(crate) fn identity(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.sysfs_name)
    }

    /// The SCSI host through which it was found.
    pub(crate) fn scsi_host(&self) -> Option<ScsiHost> {
        self.sysfs_name.split(':').next()?.parse().ok()
    }
}

/// The modules of an enclosure after a discovery: those that were found, then those that were known and are missing.
///
/// A new module replaces a missing one, preferably one behind the same SCSI host: it was exchanged, or the kernel has
/// renumbered it and nothing else identifies it.
pub(crate) fn join_modules(known: &[KnownModule], mut found: Vec<KnownModule>, now: Timestamp) -> Vec<KnownModule> {
    let mut missing: Vec<KnownModule> = known.iter().filter(|module| !contains(&found, module)).cloned().collect();
    for new in found.iter().filter(|module| !contains(known, module)) {
        if missing.is_empty() {
            break;
        }
        let same_host = missing.iter().position(|module| module.scsi_host() == new.scsi_host());
        missing.remove(same_host.unwrap_or(0));
    }
    for module in &mut missing {
        module.missing_since.get_or_insert(now);
    }
    found.extend(missing);
    found.truncate(MAX_MODULES);
    found
}

fn contains(modules: &[KnownModule], module: &KnownModule) -> bool {
    modules.iter().any(|other| other.identity() == module.identity())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn module(name: &str, address: Option<&str>) -> KnownModule {
        KnownModule { sysfs_name: name.to_owned(), address: address.map(str::to_owned), missing_since: None }
    }

    fn missing(modules: &[KnownModule]) -> Vec<(&str, i64)> {
        modules.iter().filter_map(|module| Some((module.sysfs_name.as_str(), module.missing_since?.0))).collect()
    }

    #[test]
    fn lost_module_is_missing_until_it_returns_under_any_name() {
        let (first, second) = (module("0:0:9:0", Some("0x5001")), module("1:0:9:0", Some("0x5002")));
        let both = join_modules(&[], vec![first, second.clone()], NOW);
        assert_eq!((both.len(), missing(&both)), (2, vec![]));
        let one = join_modules(&both, vec![second.clone()], NOW);
        assert_eq!(missing(&one), [("0:0:9:0", 1_000)]);
        let later = join_modules(&one, vec![second.clone()], Timestamp(2_000));
        assert_eq!(missing(&later), [("0:0:9:0", 1_000)], "since it was lost");
        let renamed = join_modules(&later, vec![module("0:0:31:0", Some("0x5001")), second], Timestamp(3_000));
        assert_eq!((renamed.len(), missing(&renamed)), (2, vec![]));
    }

    #[test]
    fn new_module_replaces_a_missing_one() {
        let (first, second) = (module("0:0:9:0", None), module("1:0:9:0", None));
        let lost = join_modules(&[first.clone(), second.clone()], vec![second.clone()], NOW);
        let renumbered = join_modules(&lost, vec![module("0:0:31:0", None), second.clone()], NOW);
        assert_eq!((renumbered.len(), missing(&renumbered)), (2, vec![]));
        let both_lost = join_modules(&[first, second], vec![], NOW);
        let replaced = join_modules(&both_lost, vec![module("1:0:40:0", Some("0x5009"))], NOW);
        assert_eq!((replaced.len(), missing(&replaced)), (2, vec![("0:0:9:0", 1_000)]), "of the same SCSI host");
        assert_eq!(join_modules(&replaced, vec![module("2:0:1:0", None)], NOW).len(), 2, "any SCSI host");
    }
}
