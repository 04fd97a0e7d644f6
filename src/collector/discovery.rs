//! Discovery: reads sysfs. The result is complete or discarded.
//!
//! A drive that cannot be read is not missing. A discovery that ran out of descriptors or memory, or could not
//! list the drives or the enclosures, is discarded; the poller tries again.

use super::device_types::DeviceTypes;
use super::exclusions::Exclusions;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::enclosure::Enclosure;
use crate::domain::inventory::Inventory;
use crate::probe::enclosure::IoModule;
use crate::probe::links::Links;
use crate::probe::sysfs::ShortageCheck;
use crate::probe::{Host, drives, enclosure};
use std::collections::HashMap;
use std::io;
use std::time::Instant;

/// What a discovery found besides the drives.
#[derive(Default)]
pub(super) struct Discovered {
    /// Fingerprint of the topology.
    pub(super) fingerprint: u64,
    pub(super) links: Links,
    pub(super) enclosures: Vec<Enclosure>,
    pub(super) modules: Vec<IoModule>,
}

/// Reads sysfs; takes a few milliseconds and sends no command. After an error it is not known what is present.
pub(super) fn discover(
    host: &Host,
    types: &mut DeviceTypes,
    exclusions: &mut Exclusions,
    inventory: &Inventory,
) -> io::Result<(Vec<Drive>, Discovered)> {
    let shortages = ShortageCheck::begin();
    let fingerprint = drives::fingerprint(host);
    let mut found = drives::discover(host)?;
    let mut links = Links::read(host, &mut found);
    types.apply(&mut found, inventory);
    let mut owners: HashMap<&str, &DriveKey> = HashMap::new();
    for drive in &found {
        owners.extend(drive.paths.iter().map(|path| (path.address.as_str(), &drive.key)));
    }
    let is_same_drive = |one: &str, other: &str| owners.get(one).is_some_and(|key| owners.get(other) == Some(key));
    let (enclosures, modules) = enclosure::discover(host, is_same_drive)?;
    shortages.finish()?;
    // After the shelves: an excluded drive shows, too, which IO modules are of one shelf.
    exclusions.apply(&mut found, inventory, Instant::now());
    links.set_excluded(exclusions.excluded().iter().map(|drive| &drive.device));
    Ok((found, Discovered { fingerprint, links, enclosures, modules }))
}

/// Results of the discoveries so far.
#[derive(Debug, Default)]
pub(super) struct Visibility {
    /// At least one discovery was complete.
    pub(super) has_seen: bool,
    /// The error of the last discovery, if it was not complete.
    pub(super) blind: Option<String>,
}

impl Visibility {
    pub(super) fn succeeded(&mut self) {
        if self.blind.take().is_some() {
            log::info!("the host can be looked at again");
        }
        self.has_seen = true;
    }

    /// Logs the first failure; the next complete discovery logs the recovery.
    pub(super) fn failed(&mut self, error: &io::Error) {
        if self.blind.is_none() {
            log::warn!("the host cannot be looked at, what is known stays error={error:?}");
        }
        self.blind = Some(error.to_string());
    }
}
