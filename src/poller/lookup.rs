//! What the poller shares with those that ask it: their questions, and what they must know of the
//! rack to look a value up.

use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::overview::Overview;
use crate::api::service::Service;
use crate::api::value_limits::ValueLimits;
use crate::cache::{Bytes, Key};
use crate::domain::drive::DriveKey;
use crate::domain::enclosure::Bay;
use crate::domain::identity::strip_partition;
use crate::domain::identity::{DeviceName, Identity, SerialNumber};
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::zfs::Zfs;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::sync::Arc;

/// A request to the poller.
#[derive(Debug)]
pub(crate) enum PollerRequest {
    /// Read this drive now; the reply follows when its document is in memory.
    Drive { device: DeviceName, reply: Sender<ValueSource> },
    /// A drive was plugged or pulled: discover anew; the reply follows when the snapshot is current.
    Look { reply: Sender<ValueSource> },
    /// Bring this list up to date; the reply follows when it is in memory.
    List { key: Key, reply: Sender<ValueSource> },
    /// The copy that was served was an old one.
    Refresh(Key),
}

/// Where an answer to a `PollerRequest` came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueSource {
    Redis,
    Memory,
    Smartctl,
}

/// Whose the keys in Redis are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeysOf {
    #[default]
    ThisHost,
    /// Nothing in Redis is shown.
    AnotherHost,
}

/// What requests must know of the rack.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// As in the overview of this moment.
    pub(crate) topology: String,
    /// Of what was plugged in when this was made.
    pub(crate) fingerprint: u64,
    /// Any identifier (kernel names, serial number, WWN, by-id, sg node, SCSI address, leaf of a
    /// pool) to the drive it means.
    names: HashMap<String, usize>,
    drives: Vec<DriveEntry>,
    /// The first sweep is whole, or another daemon's values are there.
    pub(crate) ready: bool,
    /// What is in memory is kept up to date by this daemon.
    pub(super) current: bool,
    pub(crate) keys: KeysOf,
    /// zpool has been heard.
    pub(super) knows_pools: bool,
    /// Values older than this are stale.
    pub(crate) stale_after_seconds: u64,
    /// Of values out of Redis.
    pub(crate) limits: ValueLimits,
    /// How the daemon itself does, but for Redis.
    pub(crate) service: Service,
    /// `None`: another daemon polls, and knows better.
    pub(crate) measured: Option<Arc<MetricsSnapshot>>,
}

/// A drive as requests need it.
#[derive(Clone, Debug)]
pub(crate) struct DriveEntry {
    pub(crate) device: DeviceName,
    pub(crate) identity: Identity,
    /// Of a disk behind a RAID controller: its serial number, which alone distinguishes it from an earlier one there.
    pub(crate) identifying_serial: Option<SerialNumber>,
    pub(crate) bay: Option<Bay>,
    /// Of a drive that was here, and is gone: what is left of it. Its device name may be
    /// another's by now.
    pub(crate) missing: Option<Bytes>,
}

impl Snapshot {
    /// Names and identities, as an overview and the fleet behind it have them. `left` holds the
    /// documents of drives that are gone.
    pub(super) fn of(overview: &Overview, fleet: &Inventory, zfs: &Zfs, left: &HashMap<DriveKey, Bytes>) -> Self {
        let mut snapshot = Self { topology: overview.topology.clone(), ..Self::default() };
        let (here, gone): (Vec<&DriveRecord>, Vec<&DriveRecord>) = fleet.records().partition(|r| r.is_here());
        // Those that are here come first: a name that one of them has is never given to one that is gone.
        for record in here.into_iter().chain(gone) {
            let drive = &record.drive;
            let missing = left.get(&drive.key).filter(|_| !record.is_here()).cloned();
            if !record.is_here() && missing.is_none() {
                continue;
            }
            let report = record.report.as_deref();
            let serial = record.serial_number().map(str::to_owned);
            let wwn = report.and_then(|r| r.wwn.clone()).or_else(|| drive.identity.wwn());
            let devices = drive.paths.iter().map(|p| p.device.to_string());
            // The node of a disk behind a RAID volume is the volume's.
            let own_nodes = drive.paths.iter().filter(|_| drive.raid_volume().is_none());
            let nodes = own_nodes.filter_map(|p| p.node.rsplit('/').next().map(str::to_owned));
            let addresses = drive.paths.iter().map(|p| p.address.clone());
            let identifying_serial =
                serial.as_deref().filter(|_| drive.raid_volume().is_some()).map(SerialNumber::from);
            let own = devices.chain(serial).chain(wwn).chain(drive.by_id.iter().cloned());
            for name in own.chain(nodes).chain(addresses) {
                snapshot.names.entry(name).or_insert(snapshot.drives.len());
            }
            let (device, identity) = (drive.device.clone(), drive.identity.clone());
            snapshot.drives.push(DriveEntry { device, identity, identifying_serial, bay: record.bay.clone(), missing });
        }
        snapshot.name_leaves(zfs);
        snapshot
    }

    /// Leaves of pools by the name that zpool prints: that of a link, or a guid. One that is gone is
    /// known by the name it had.
    fn name_leaves(&mut self, zfs: &Zfs) {
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        for (_, _, leaf) in zfs.leaves() {
            let was = leaf.was.as_deref().map(last);
            let drive = match (&leaf.device, &was) {
                (Some(device), _) => self.names.get(device.as_str()),
                (None, Some(was)) => {
                    let gone = |at: &&usize| self.drives.get(**at).is_some_and(|known| known.missing.is_some());
                    self.names.get(strip_partition(was)).filter(gone)
                }
                (None, None) => None,
            };
            let Some(&drive) = drive else { continue };
            for name in [last(&leaf.name)].into_iter().chain(was) {
                self.names.entry(name).or_insert(drive);
            }
        }
    }

    /// A drive that is here goes by that name.
    pub(super) fn has_device(&self, device: &DeviceName) -> bool {
        self.find(device.as_str()).is_some_and(|known| known.device == *device && known.missing.is_none())
    }

    /// The list in memory is as good as any that could be made now.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.current && (*key != Key::ZfsMap || self.knows_pools)
    }

    /// The drive that an identifier means.
    pub(crate) fn find(&self, id: &str) -> Option<&DriveEntry> {
        let index = self.names.get(id).or_else(|| self.names.get(&id.to_ascii_lowercase()))?;
        self.drives.get(*index)
    }
}
