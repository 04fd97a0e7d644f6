//! What the poller shares with those that ask it: their questions, and what they must know of the
//! rack to look a value up.

use crate::cache::Key;
use crate::model::drive::{DeviceName, Identity, State};
use crate::model::fleet::Fleet;
use crate::model::overview::Overview;
use crossbeam_channel::Sender;
use std::collections::HashMap;

/// What a request asks of the poller.
#[derive(Debug)]
pub enum Ask {
    /// Read this drive now, and say when its document is in memory.
    Drive { device: DeviceName, reply: Sender<Source> },
    /// Something was plugged: look anew, and say when the snapshot is of now.
    Look { reply: Sender<Source> },
    /// Bring this list up to date, and say when it is in memory.
    List { key: Key, reply: Sender<Source> },
    /// The copy that was served was an old one.
    Refresh(Key),
}

/// Where an answer to an `Ask` came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Redis,
    Memory,
    Smartctl,
}

/// What requests must know of the rack.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// As in the overview of this moment.
    pub topology: String,
    /// Of what was plugged in when this was made.
    pub fingerprint: u64,
    /// Any identifier (kernel names, serial number, WWN, by-id) to the drive it means.
    names: HashMap<String, DeviceName>,
    drives: HashMap<DeviceName, Known>,
    /// The first sweep is whole, or another daemon's values are there.
    pub ready: bool,
    /// What is in memory is kept up to date by this daemon.
    pub(super) current: bool,
    /// zpool has been heard.
    pub(super) knows_pools: bool,
    /// Values older than this are stale.
    pub stale_after_seconds: u64,
}

/// A drive as requests need it.
#[derive(Clone, Debug)]
pub struct Known {
    pub identity: Identity,
    /// It was here at the last look.
    pub here: bool,
}

impl Snapshot {
    /// Names and identities, as an overview and the fleet behind it have them.
    pub(super) fn of(overview: &Overview, fleet: &Fleet) -> Self {
        let mut snapshot = Self { topology: overview.topology.clone(), ..Self::default() };
        for summary in overview.drives() {
            let mut names = vec![summary.device.to_string()];
            names.extend(summary.paths.iter().map(ToString::to_string));
            names.extend(summary.serial_number.iter().chain(&summary.wwn).cloned());
            for name in names {
                // A name that a drive here has is not given to one that is gone.
                let free = summary.state != State::Missing || !snapshot.names.contains_key(&name);
                if free {
                    snapshot.names.insert(name, summary.device.clone());
                }
            }
        }
        for record in fleet.records() {
            let drive = &record.drive;
            let known = Known { identity: drive.identity.clone(), here: record.is_here() };
            if record.is_here() || !snapshot.drives.contains_key(&drive.device) {
                snapshot.drives.insert(drive.device.clone(), known);
                snapshot.names.extend(drive.by_id.iter().map(|n| (n.clone(), drive.device.clone())));
            }
        }
        snapshot
    }

    pub(super) fn knows(&self, device: &DeviceName) -> bool {
        self.drives.contains_key(device)
    }

    /// The list in memory is as good as any that could be made now.
    pub fn has(&self, key: &Key) -> bool {
        self.current && (*key != Key::ZfsMap || self.knows_pools)
    }

    /// The drive that an identifier means.
    pub fn find(&self, id: &str) -> Option<(&DeviceName, &Known)> {
        let device = self.names.get(id).or_else(|| self.names.get(&id.to_ascii_lowercase()))?;
        self.drives.get_key_value(device)
    }
}
