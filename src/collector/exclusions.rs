//! Applies `JBOD_EXCLUDE` to a discovery: excluded drives are neither read nor in the inventory. No command is sent.

use crate::domain::drive::{Drive, DriveKey};
use crate::domain::exclusion::{ExcludedDrive, Exclusion};
use crate::domain::inventory::{DriveRecord, Inventory};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a new drive without links is not read while an entry may match by a link: udev creates them within this
/// time.
const LINK_WAIT: Duration = Duration::from_secs(3);

/// The entries, and the drives that are present and excluded.
#[derive(Debug, Default)]
pub(super) struct Exclusions {
    entries: Vec<Exclusion>,
    excluded: Vec<ExcludedDrive>,
    /// For each entry, whether a drive matches it.
    is_used: Vec<bool>,
    /// New drives without links, with the time of their discovery.
    waiting: HashMap<DriveKey, Instant>,
    needs_links: bool,
    has_applied: bool,
}

impl Exclusions {
    pub(super) fn new(entries: Vec<Exclusion>) -> Self {
        Self { needs_links: entries.iter().any(Exclusion::needs_links), entries, ..Self::default() }
    }

    pub(super) fn excluded(&self) -> &[ExcludedDrive] {
        &self.excluded
    }

    pub(super) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Entries that match no drive that is present.
    pub(super) fn unused(&self) -> impl Iterator<Item = &Exclusion> {
        let unused = self.entries.iter().zip(&self.is_used).filter(|(_, is_used)| !**is_used);
        unused.map(|(entry, _)| entry)
    }

    /// Drives are not read because they have no links yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a drive that is known only from a stored document is excluded: it matches an entry, or is present and
    /// excluded.
    pub(super) fn covers(&self, drive: &Drive) -> bool {
        let mut excluded = self.excluded.iter().map(|excluded| &excluded.identity);
        self.entries.iter().any(|entry| entry.matches_lasting(drive))
            || !drive.identity.is_empty() && excluded.any(|identity| *identity == drive.identity)
    }

    /// Removes the excluded drives, and those that must wait for their links.
    pub(super) fn apply(&mut self, drives: &mut Vec<Drive>, inventory: &Inventory, at: Instant) {
        if self.entries.is_empty() {
            return;
        }
        let before = std::mem::take(&mut self.excluded);
        let waited = std::mem::take(&mut self.waiting);
        let is_first = !std::mem::replace(&mut self.has_applied, true);
        self.is_used = self.entries.iter().map(|entry| drives.iter().any(|drive| entry.matches(drive))).collect();
        for drive in std::mem::take(drives) {
            let lacks_links = self.needs_links && drive.by_id.is_empty() && drive.raid_volume().is_none();
            let entry = match self.entries.iter().find(|entry| entry.matches(&drive)) {
                Some(entry) => Some(entry.to_string()),
                // Links disappear for a moment when udev processes the drive again.
                None if lacks_links => {
                    before.iter().find(|earlier| earlier.key == drive.key).map(|earlier| earlier.entry.clone())
                }
                None => None,
            };
            if let Some(entry) = entry {
                self.excluded.push(ExcludedDrive::new(drive, entry));
                continue;
            }
            let is_known = inventory.get(&drive.key).is_some_and(DriveRecord::is_present);
            if lacks_links && !is_known && !is_first {
                let since = waited.get(&drive.key).copied().unwrap_or(at);
                if at.saturating_duration_since(since) < LINK_WAIT {
                    self.waiting.insert(drive.key.clone(), since);
                    continue;
                }
            }
            drives.push(drive);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::fixture;

    fn exclusions(entries: &[&str]) -> Exclusions {
        let entries = entries.iter().map(|text| Exclusion::parse(text).unwrap());
        Exclusions::new(entries.collect())
    }

    fn drive(name: &str, link: Option<&str>) -> Drive {
        Drive { by_id: link.into_iter().map(str::to_owned).collect(), ..fixture::drive(name) }
    }

    /// The drives that remain after a discovery of these.
    fn left(exclusions: &mut Exclusions, drives: &[Drive], at: Instant) -> Vec<String> {
        let mut drives = drives.to_vec();
        exclusions.apply(&mut drives, &Inventory::default(), at);
        drives.iter().map(|drive| drive.device.to_string()).collect()
    }

    #[test]
    fn a_new_drive_is_not_read_before_its_links_can_be_compared() {
        let (mut rules, start) = (exclusions(&["wwn-0x5*"]), Instant::now());
        let boot = [drive("sda", None), drive("sdb", Some("wwn-0x5000"))];
        assert_eq!(left(&mut rules, &boot, start), ["sda"], "at the start links exist, or there will be none");
        let new = [drive("sdc", None)];
        assert_eq!(left(&mut rules, &new, start), Vec::<String>::new());
        assert!(rules.is_waiting());
        assert_eq!(left(&mut rules, &[drive("sdc", Some("wwn-0x6000"))], start), ["sdc"]);
        assert_eq!(left(&mut rules, &new, start), Vec::<String>::new());
        assert_eq!(left(&mut rules, &new, start + LINK_WAIT), ["sdc"], "there is no udev");
        assert!(!rules.is_waiting());
        assert_eq!(left(&mut exclusions(&["sdb"]), &new, start), ["sdc"], "no entry needs links");
    }

    #[test]
    fn an_excluded_drive_remains_excluded_while_its_links_are_recreated() {
        let (mut rules, at) = (exclusions(&["ata-X"]), Instant::now());
        assert_eq!(left(&mut rules, &[drive("sda", Some("ata-X"))], at), Vec::<String>::new());
        assert_eq!(left(&mut rules, &[drive("sda", None)], at), Vec::<String>::new());
        assert_eq!(rules.excluded().len(), 1);
        assert_eq!(left(&mut rules, &[drive("sda", Some("ata-Y"))], at), ["sda"], "it is another drive");
    }

    #[test]
    fn an_entry_is_used_if_it_matches_a_drive_that_an_earlier_entry_excludes() {
        let mut rules = exclusions(&["sd*", "ata-X"]);
        assert_eq!(left(&mut rules, &[drive("sda", Some("ata-X"))], Instant::now()), Vec::<String>::new());
        assert_eq!(rules.excluded().iter().map(|drive| drive.entry.as_str()).collect::<Vec<_>>(), ["sd*"]);
        assert_eq!(rules.unused().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
        let mut rules = exclusions(&["sdz", "ata-X"]);
        left(&mut rules, &[drive("sda", Some("ata-X"))], Instant::now());
        assert_eq!(rules.unused().map(ToString::to_string).collect::<Vec<_>>(), ["sdz"]);
    }
}
