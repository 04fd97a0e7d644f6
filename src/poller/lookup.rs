//! Requests to the poller, and the snapshot by which requests find a drive.

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
    /// A stale copy was served.
    Refresh(Key),
    /// End "missing" for something that was removed for good.
    Forget { request: ForgetRequest, reply: Sender<ForgetOutcome> },
}

/// Where an answer to a `PollerRequest` came from.
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
    /// Nothing in Redis is shown.
    AnotherHost,
}

/// The state that requests need.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// As in the current overview.
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
    /// zpool has answered.
    pub(super) knows_pools: bool,
    /// Values older than this are stale.
    pub(crate) stale_after_seconds: u64,
    /// Limits of values from Redis.
    pub(crate) limits: ValueLimits,
    /// The daemon's own condition, except Redis.
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
        let (present, absent): (Vec<&DriveRecord>, Vec<&DriveRecord>) =
            inventory.records().partition(|r| r.is_present());
        // Present drives first: a missing drive never gets the name of a present one.
        for record in present.into_iter().chain(absent) {
            let drive = &record.drive;
            let missing = documents.get(&drive.key).filter(|_| !record.is_present()).cloned();
            if !record.is_present() && missing.is_none() {
                continue;
            }
            let report = record.report.as_deref();
            let serial = record.serial_number();
            let wwn = report.and_then(|r| r.wwn.clone()).or_else(|| drive.identity.wwn());
            let unit_wwns = drive.units.iter().filter_map(|unit| wwn_of(unit.wwid.as_deref()?));
            let devices = drive.paths.iter().map(|p| p.device.to_string());
            // A disk behind a RAID volume has the node of the volume.
            let own_nodes = drive.paths.iter().filter(|_| drive.raid_volume().is_none());
            let nodes = own_nodes.filter_map(|p| p.node.rsplit('/').next().map(str::to_owned));
            let addresses = drive.paths.iter().map(|p| p.address.clone());
            let identifying_serial = serial.filter(|_| drive.raid_volume().is_some()).cloned();
            let own = devices
                .chain(serial.map(SerialNumber::to_string))
                .chain(wwn)
                .chain(unit_wwns)
                .chain(drive.by_id.iter().cloned());
            for name in own.chain(nodes).chain(addresses) {
                snapshot.names.entry(name).or_insert(snapshot.drives.len());
            }
            let (device, identity) = (drive.device.clone(), drive.identity.clone());
            snapshot.drives.push(DriveEntry { device, identity, identifying_serial, bay: record.bay.clone(), missing });
        }
        snapshot.index_pool_members(zfs);
        snapshot
    }

    /// Adds the names of pool members that zpool prints: a link name or a guid. A missing leaf is indexed by its previous
    /// name.
    fn index_pool_members(&mut self, zfs: &Zfs) {
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        for (_, _, leaf) in zfs.leaves() {
            let was = leaf.was.as_deref().map(last);
            let drive = match (&leaf.device, &was) {
                (Some(device), _) => self.names.get(device.as_str()),
                (None, Some(was)) => {
                    let is_missing = |at: &&usize| self.drives.get(**at).is_some_and(|known| known.missing.is_some());
                    self.names.get(strip_partition(was)).filter(is_missing)
                }
                (None, None) => None,
            };
            let Some(&drive) = drive else { continue };
            for name in [last(&leaf.name)].into_iter().chain(was) {
                self.names.entry(name).or_insert(drive);
            }
        }
    }

    /// A present drive has that device name.
    pub(super) fn has_device(&self, device: &DeviceName) -> bool {
        self.find(device.as_str()).is_some_and(|known| known.device == *device && known.missing.is_none())
    }

    /// The list in memory is current.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.current && (*key != Key::ZfsMap || self.knows_pools)
    }

    /// Finds a drive by any identifier.
    pub(crate) fn find(&self, id: &str) -> Option<&DriveEntry> {
        let index = self.names.get(id).or_else(|| self.names.get(&id.to_ascii_lowercase()))?;
        self.drives.get(*index)
    }
}
