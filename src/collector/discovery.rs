//! Discovery: reads sysfs. The result is complete or discarded.
//!
//! A drive that cannot be read is not missing. A discovery that ran out of descriptors or memory, or could not
//! list the drives or the enclosures, is discarded; the poller tries again.

use super::device_types::DeviceTypes;
use super::exclusions::Exclusions;
use crate::domain::drive::Drive;
use crate::domain::enclosure::Enclosure;
use crate::domain::inventory::Inventory;
use crate::probe::enclosure::{DriveOwners, EnclosureHistory, IoModule, RepeatedId};
use crate::probe::links::Links;
use crate::probe::sysfs::ShortageCheck;
use crate::probe::{Host, bay_claims, drives, enclosure};
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
    enclosure_history: &mut EnclosureHistory,
    inventory: &Inventory,
) -> io::Result<(Vec<Drive>, Discovered)> {
    let shortages = ShortageCheck::begin();
    let fingerprint = drives::fingerprint(host);
    let mut found = drives::discover(host)?;
    let mut links = Links::read(host, &mut found);
    types.apply(&mut found, inventory);
    let owners = DriveOwners::of(&found);
    let mut discovered = enclosure::discover(host, &owners, enclosure_history, Instant::now())?;
    bay_claims::add(host, &found, &mut discovered.enclosures);
    shortages.finish()?;
    // After the enclosures, because an excluded drive is also evidence of which IO modules belong to one enclosure.
    exclusions.apply(&mut found, inventory, Instant::now());
    links.set_excluded(exclusions.excluded().iter().map(|drive| &drive.device));
    for repeated in &discovered.repeated {
        log_repeated_id(repeated);
    }
    Ok((found, Discovered { fingerprint, links, enclosures: discovered.enclosures, modules: discovered.modules }))
}

/// Called once for each id.
fn log_repeated_id(repeated: &RepeatedId) {
    let names: Vec<String> = repeated.names.iter().map(ToString::to_string).collect();
    log::warn!("enclosure id not unique, using other ids id={} enclosures={}", repeated.id, names.join(","));
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
            log::info!("discovery recovered");
        }
        self.has_seen = true;
    }

    /// Logs the first failure; the next complete discovery logs the recovery.
    pub(super) fn failed(&mut self, error: &io::Error) {
        if self.blind.is_none() {
            log::warn!("discovery failed, keeping the last known state error={error:?}");
        }
        self.blind = Some(error.to_string());
    }
}
