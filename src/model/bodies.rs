//! The bodies of `/api/enclosures` and `/api/zfs`, borrowed from what the overview is made of.

use super::drive::DeviceName;
use super::enclosure::EnclosureView;
use super::overview::Overview;
use super::zfs::{Leaf, Membership, Pool, Zfs};
use super::{SCHEMA, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// The body of `/api/enclosures`.
#[derive(Debug, Serialize)]
pub struct EnclosuresBody<'a> {
    pub schema: u32,
    pub host: &'a str,
    pub topology: &'a str,
    pub generated_at: Timestamp,
    pub collected_at: Option<Timestamp>,
    pub enclosures: &'a [EnclosureView],
}

impl<'a> From<&'a Overview> for EnclosuresBody<'a> {
    fn from(overview: &'a Overview) -> Self {
        Self {
            schema: SCHEMA,
            host: &overview.host,
            topology: &overview.topology,
            generated_at: overview.generated_at,
            collected_at: overview.collected_at,
            enclosures: &overview.enclosures,
        }
    }
}

/// The body of `/api/zfs`.
#[derive(Debug, Serialize)]
pub struct ZfsBody<'a> {
    pub schema: u32,
    pub host: &'a str,
    pub topology: &'a str,
    pub generated_at: Timestamp,
    pub collected_at: Option<Timestamp>,
    /// This host runs ZFS; `null`: not heard yet.
    pub available: Option<bool>,
    pub error: Option<&'a str>,
    pub pools: &'a [Pool],
    /// Leaves that no drive here is.
    pub unmatched: Vec<Unmatched<'a>>,
    pub devices: BTreeMap<DeviceName, Membership>,
}

/// A leaf without a drive.
#[derive(Debug, Serialize)]
pub struct Unmatched<'a> {
    pub pool: &'a str,
    pub vdev: &'a str,
    pub role: &'a str,
    #[serde(flatten)]
    pub leaf: &'a Leaf,
}

impl<'a> ZfsBody<'a> {
    pub fn new(overview: &'a Overview, zfs: &'a Zfs) -> Self {
        let unmatched = zfs.leaves().filter(|(_, _, leaf)| leaf.device.is_none());
        Self {
            schema: SCHEMA,
            host: &overview.host,
            topology: &overview.topology,
            generated_at: overview.generated_at,
            collected_at: zfs.collected_at,
            available: zfs.available,
            error: zfs.error.as_deref(),
            pools: &zfs.pools,
            unmatched: unmatched
                .map(|(pool, vdev, leaf)| Unmatched { pool: &pool.name, vdev: &vdev.name, role: &vdev.role, leaf })
                .collect(),
            devices: zfs.memberships(),
        }
    }
}
