//! Discovery: what sysfs shows now, taken over as a whole or not at all.
//!
//! What cannot be looked at has not gone. A look that found no descriptors or no memory for a part of it, or could not
//! list the drives or the shelves, is thrown away; it is the poller's business to look again.

use super::Rack;
use crate::clock::now;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::enclosure::Enclosure;
use crate::domain::inventory::{Change, DriveRecord};
use crate::probe::enclosure::ModuleToAsk;
use crate::probe::links::Links;
use crate::probe::sysfs::Look;
use crate::probe::{drives, enclosure, zpool};
use std::collections::HashMap;
use std::io;

/// What became of the looks so far.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// One was complete.
    has_seen: bool,
    /// Why the last one was not.
    blind: Option<String>,
}

/// What one look found.
struct Found {
    fingerprint: u64,
    drives: Vec<Drive>,
    links: Links,
    enclosures: Vec<Enclosure>,
    modules: Vec<ModuleToAsk>,
}

impl Rack {
    /// Looks anew at who is here; a few milliseconds, no command.
    pub fn discover(&mut self) -> Vec<Change> {
        let found = match self.look() {
            Ok(found) => found,
            Err(error) => {
                self.is_blind_for(&error);
                return Vec::new();
            }
        };
        if self.sight.blind.take().is_some() {
            log::info!("the host can be looked at again");
        }
        self.sight.has_seen = true;
        (self.fingerprint, self.links) = (found.fingerprint, found.links);
        (self.enclosures, self.modules) = (found.enclosures, found.modules);
        let changes = self.fleet.discovered(found.drives, &self.enclosures, now());
        let fleet = &self.fleet;
        if let Some(sweep) = self.sweep.as_mut() {
            // A drive that was pulled is not waited for.
            sweep.waiting.retain(|key| fleet.get(key).is_some_and(DriveRecord::is_here));
        }
        self.dispatch.renew(|key| fleet.get(key).filter(|r| r.is_here()).map(|r| &r.drive));
        for change in &changes {
            if let Change::Appeared(key) | Change::Back(key) = change
                && let Some(record) = fleet.get(key)
            {
                self.dispatch.came(&record.drive);
            }
        }
        zpool::follow(&mut self.zfs, &self.links);
        self.places = self.zfs.memberships();
        changes
    }

    /// An error: it is not known what is here.
    fn look(&mut self) -> io::Result<Found> {
        let look = Look::begin();
        let fingerprint = drives::fingerprint(&self.host);
        let mut drives = drives::discover(&self.host)?;
        let links = Links::read(&self.host, &mut drives);
        self.types.apply(&mut drives, &self.fleet);
        let owners: HashMap<&str, &DriveKey> =
            drives.iter().flat_map(|d| d.paths.iter().map(|p| (p.address.as_str(), &d.key))).collect();
        let same = |a: &str, b: &str| owners.get(a).is_some_and(|key| owners.get(b) == Some(key));
        let (enclosures, modules) = enclosure::discover(&self.host, same)?;
        look.is_complete()?;
        Ok(Found { fingerprint, drives, links, enclosures, modules })
    }

    /// Said when it begins; that it ends is said by the look that is complete.
    fn is_blind_for(&mut self, error: &io::Error) {
        if self.sight.blind.is_none() {
            log::warn!("the host cannot be looked at, what is known stays error={error:?}");
        }
        self.sight.blind = Some(error.to_string());
    }

    /// A look was complete: until then nothing is known of who is here, and nobody has gone.
    pub fn has_seen(&self) -> bool {
        self.sight.has_seen
    }

    /// Why the last look was not complete.
    pub fn blindness(&self) -> Option<&str> {
        self.sight.blind.as_deref()
    }

    /// Something was plugged or unplugged since the last complete look.
    pub fn has_changed(&self) -> bool {
        drives::fingerprint(&self.host) != self.fingerprint
    }
}
