//! Requests to the poller, and the snapshot in which the reader looks up a drive.

use super::forget_request::{ForgetOutcome, ForgetRequest};
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::overview::Overview;
use crate::api::service::Service;
use crate::api::value_limits::ValueLimits;
use crate::cache::{Bytes, Key};
use crate::domain::drive::DriveKey;
use crate::domain::enclosure::Bay;
use crate::domain::identity::{DeviceName, Identity, SerialNumber, strip_partition, wwn_of};
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
    /// The topology has changed: run a discovery; the reply follows when the snapshot is current.
    Discover { reply: Sender<ValueSource> },
    /// Bring this list up to date; the reply follows when it is in memory.
    List { key: Key, reply: Sender<ValueSource> },
    /// A stale copy was served: update it.
    Refresh(Key),
    /// Forget something that is missing.
    Forget { request: ForgetRequest, reply: Sender<ForgetOutcome> },
}

/// Where the value for a `PollerRequest` is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueSource {
    Redis,
    Memory,
    Smartctl,
}

/// Which host owns the keys in Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeysOf {
    #[default]
    ThisHost,
    /// No value from Redis is served.
    AnotherHost,
}

/// The state that the reader needs to answer requests.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Topology fingerprint of the current overview.
    pub(crate) topology: String,
    /// Fingerprint of the topology when the snapshot was built.
    pub(crate) fingerprint: u64,
    /// Index into `drives` by any identifier (kernel names, serial number, WWN, by-id, sg node, SCSI address, leaf of a
    /// pool).
    names: HashMap<String, usize>,
    drives: Vec<DriveEntry>,
    /// The first sweep is complete, or the leader's values are available.
    pub(crate) ready: bool,
    /// This daemon keeps the values in memory up to date.
    pub(super) current: bool,
    pub(crate) keys: KeysOf,
    /// zpool has been run: the pools, or the reason why they are unknown, are known.
    pub(super) knows_pools: bool,
    /// Values older than this are stale.
    pub(crate) stale_after_seconds: u64,
    /// Limits of values from Redis.
    pub(crate) limits: ValueLimits,
    /// The daemon's own condition, without that of Redis.
    pub(crate) service: Service,
    /// `None`: another daemon is the leader.
    pub(crate) measured: Option<Arc<MetricsSnapshot>>,
}

/// An entry of the snapshot.
#[derive(Clone, Debug)]
pub(crate) struct DriveEntry {
    pub(crate) device: DeviceName,
    pub(crate) identity: Identity,
    /// For a disk behind a RAID controller: its serial number, which alone distinguishes it from a previous one.
    pub(crate) identifying_serial: Option<SerialNumber>,
    pub(crate) bay: Option<Bay>,
    /// For a missing drive: its document. Its device name may have been reassigned.
    pub(crate) missing: Option<Bytes>,
}

impl Snapshot {
    /// Builds the index from an overview and its inventory. `documents`: the documents of missing drives.
    pub(super) fn of(
        overview: &Overview,
        inventory: &Inventory,
        zfs: &Zfs,
        documents: &HashMap<DriveKey, Bytes>,
    ) -> Self {
        let mut snapshot = Self { topology: overview.topology.clone(), ..Self::default() };
        // Present drives first: a missing drive never gets the name of a present one.
        for record in inventory.present() {
            snapshot.add_drive(record, None);
        }
        for record in inventory.records().filter(|record| !record.is_present()) {
            if let Some(document) = documents.get(&record.drive.key) {
                snapshot.add_drive(record, Some(document.clone()));
            }
        }
        snapshot.index_pool_members(zfs);
        snapshot
    }

    /// `missing`: the document of a missing drive.
    fn add_drive(&mut self, record: &DriveRecord, missing: Option<Bytes>) {
        let drive = &record.drive;
        for name in names_of(record) {
            self.names.entry(name).or_insert(self.drives.len());
        }
        let serial = record.serial_number().cloned();
        self.drives.push(DriveEntry {
            device: drive.device.clone(),
            identity: drive.identity.clone(),
            identifying_serial: if drive.raid_volume().is_some() { serial } else { None },
            bay: record.bay.clone(),
            missing,
        });
    }

    /// Adds the names of pool members that zpool prints: a link name or a guid. A missing leaf is indexed by its previous
    /// name.
    fn index_pool_members(&mut self, zfs: &Zfs) {
        for (_, _, leaf) in zfs.leaves() {
            let previous = leaf.was.as_deref().map(last_component);
            let index = match (&leaf.device, previous) {
                (Some(device), _) => self.names.get(device.as_str()).copied(),
                (None, Some(previous)) => self.missing_drive(strip_partition(previous)),
                (None, None) => None,
            };
            let Some(index) = index else { continue };
            for name in [last_component(&leaf.name)].into_iter().chain(previous) {
                self.names.entry(name.to_owned()).or_insert(index);
            }
        }
    }

    /// The index of the missing drive with that name.
    fn missing_drive(&self, name: &str) -> Option<usize> {
        let index = *self.names.get(name)?;
        let is_missing = self.drives.get(index)?.missing.is_some();
        if is_missing { Some(index) } else { None }
    }

    /// A present drive has that device name.
    pub(super) fn has_device(&self, device: &DeviceName) -> bool {
        let Some(known) = self.find(device.as_str()) else { return false };
        known.device == *device && known.missing.is_none()
    }

    /// The list in memory is current.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.current && (*key != Key::ZfsMap || self.knows_pools)
    }

    /// Finds a drive by any identifier.
    pub(crate) fn find(&self, id: &str) -> Option<&DriveEntry> {
        let index = match self.names.get(id) {
            Some(index) => index,
            None => self.names.get(&id.to_ascii_lowercase())?,
        };
        self.drives.get(*index)
    }
}

/// The names by which a drive is found. If drives share a name, the first one that is added has it.
fn names_of(record: &DriveRecord) -> Vec<String> {
    let drive = &record.drive;
    let mut names: Vec<String> = drive.paths.iter().map(|path| path.device.to_string()).collect();
    names.extend(record.serial_number().map(SerialNumber::to_string));
    names.extend(record.wwn());
    for wwid in drive.units.iter().flat_map(|unit| &unit.wwid) {
        names.extend(wwn_of(wwid));
    }
    names.extend(drive.by_id.iter().cloned());
    // A disk behind a RAID volume has the node of the volume.
    if drive.raid_volume().is_none() {
        names.extend(drive.paths.iter().map(|path| last_component(&path.node).to_owned()));
    }
    names.extend(drive.paths.iter().map(|path| path.address.clone()));
    names
}

fn last_component(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
