//! The bodies of `/api/drives`, `/api/enclosures` and `/api/zfs`, borrowed from the data of the overview, and the body
//! of a problem response.

use super::SCHEMA;
use super::content_version::ContentVersion;
use super::drive_summary::DriveSummary;
use super::enclosure_view::EnclosureView;
use super::overview::Overview;
use crate::domain::health::{Finding, Verdict};
use crate::domain::identity::DeviceName;
use crate::domain::time::Timestamp;
use crate::domain::zfs::words::VdevRole;
use crate::domain::zfs::{Leaf, Membership, Pool, Zfs};
use serde::Serialize;
use std::collections::BTreeMap;

/// The body of `/api/drives`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DrivesBody<'a> {
    /// The selected drives, by enclosure id, slot number, then device name.
    pub(crate) drives: Vec<&'a DriveSummary>,
}

/// The body of a response with an error status (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ProblemBody<'a> {
    /// Always `about:blank`: the status is the kind of the problem.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Name of the kind of problem.
    pub(crate) title: &'static str,
    /// The status of the response.
    pub(crate) status: u16,
    /// What was found, what was expected, and what to do.
    pub(crate) detail: &'a str,
}

/// The body of `/api/enclosures`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnclosuresBody<'a> {
    /// Version of the format of this body; it changes when fields change their meaning.
    pub(crate) schema: u32,
    /// Hash of the body: two bodies with equal versions are equal.
    pub(crate) version: ContentVersion,
    /// Name of the host on which the daemon runs.
    pub(crate) host: &'a str,
    /// Fingerprint of the block devices and the bay of every drive.
    pub(crate) topology: &'a str,
    /// Time at which this body was built.
    pub(crate) generated_at: Timestamp,
    /// Time of the oldest current reading in it; `Age` counts from it.
    pub(crate) collected_at: Option<Timestamp>,
    /// The enclosures with their bays and drives, by id.
    pub(crate) enclosures: &'a [EnclosureView],
}

impl<'a> From<&'a Overview> for EnclosuresBody<'a> {
    fn from(overview: &'a Overview) -> Self {
        Self {
            schema: SCHEMA,
            version: ContentVersion::default(),
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ZfsBody<'a> {
    /// Version of the format of this body; it changes when fields change their meaning.
    pub(crate) schema: u32,
    /// Hash of the body: two bodies with equal versions are equal.
    pub(crate) version: ContentVersion,
    /// Name of the host on which the daemon runs.
    pub(crate) host: &'a str,
    /// Fingerprint of the block devices and the bay of every drive.
    pub(crate) topology: &'a str,
    /// Time at which this body was built.
    pub(crate) generated_at: Timestamp,
    /// Time at which zpool reported this.
    pub(crate) collected_at: Option<Timestamp>,
    /// Whether this host runs ZFS; `null` until zpool has been run.
    pub(crate) available: Option<bool>,
    /// Why the pools are unknown or old.
    pub(crate) error: Option<&'a str>,
    /// The pools.
    pub(crate) pools: Vec<PoolView<'a>>,
    /// Leaves that are not on a drive of this host.
    pub(crate) unmatched: Vec<Unmatched<'a>>,
    /// Membership of each drive by block device; if it has several, the one in the worst state.
    pub(crate) devices: BTreeMap<DeviceName, Membership>,
    /// All memberships of each drive by block device, the one in the worst state first.
    pub(crate) memberships: BTreeMap<DeviceName, Vec<Membership>>,
}

/// A pool with its verdict.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Pool"))]
pub(crate) struct PoolView<'a> {
    #[serde(flatten)]
    pub(crate) pool: &'a Pool,
    /// The worst of its findings; `unknown` if zpool reported no state.
    pub(crate) verdict: Verdict,
    /// The reasons for its verdict, worst first. Findings on its drives belong to those drives.
    pub(crate) findings: &'a [Finding],
}

impl<'a> PoolView<'a> {
    /// With the verdict that the overview has for the pool.
    fn new(pool: &'a Pool, overview: &'a Overview) -> Self {
        let summary = overview.pools.iter().find(|summary| summary.name == pool.name);
        match summary {
            Some(summary) => Self { pool, verdict: summary.verdict, findings: &summary.findings },
            None => Self { pool, verdict: Verdict::Unknown, findings: &[] },
        }
    }
}

/// A leaf that is not on a drive of this host.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Unmatched<'a> {
    /// Name of the pool.
    pub(crate) pool: &'a str,
    /// Top-level vdev.
    pub(crate) vdev: &'a str,
    /// Role of the vdev in the pool.
    pub(crate) role: VdevRole,
    #[serde(flatten)]
    pub(crate) leaf: &'a Leaf,
}

impl<'a> ZfsBody<'a> {
    pub fn new(overview: &'a Overview, zfs: &'a Zfs) -> Self {
        let unmatched = zfs.leaves().filter(|(_, _, leaf)| leaf.device.is_none());
        let memberships = zfs.memberships();
        let mut devices = BTreeMap::new();
        for (device, places) in &memberships {
            devices.extend(places.first().map(|worst| (device.clone(), worst.clone())));
        }
        Self {
            schema: SCHEMA,
            version: ContentVersion::default(),
            host: &overview.host,
            topology: &overview.topology,
            generated_at: overview.generated_at,
            collected_at: zfs.collected_at(),
            available: zfs.available(),
            error: zfs.error.as_deref(),
            pools: zfs.pools.iter().map(|pool| PoolView::new(pool, overview)).collect(),
            unmatched: unmatched
                .map(|(pool, vdev, leaf)| Unmatched { pool: &pool.name, vdev: &vdev.name, role: vdev.role, leaf })
                .collect(),
            devices,
            memberships,
        }
    }
}
