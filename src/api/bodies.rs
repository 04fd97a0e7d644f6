//! The bodies of `/api/drives`, `/api/enclosures` and `/api/zfs`, borrowed from the data of the overview,
//! and that of a refusal.

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
    /// The drives that were asked for, by enclosure id, slot number, then device name.
    pub(crate) drives: Vec<&'a DriveSummary>,
}

/// The body of a refusal (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ProblemBody<'a> {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The status in words.
    pub(crate) title: &'static str,
    /// The status of the response.
    pub(crate) status: u16,
    /// What was found and what was wanted.
    pub(crate) detail: &'a str,
}

/// The body of `/api/enclosures`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnclosuresBody<'a> {
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub(crate) schema: u32,
    /// Of these very bytes: an equal version is an equal body.
    pub(crate) version: ContentVersion,
    /// Name of the host that the daemon runs on.
    pub(crate) host: &'a str,
    /// Fingerprint of which drive has which names and sits in which bay.
    pub(crate) topology: &'a str,
    /// When this was put together.
    pub(crate) generated_at: Timestamp,
    /// The oldest of the current readings in it; what `Age` counts from.
    pub(crate) collected_at: Option<Timestamp>,
    /// The shelves with their bays and drives, by id.
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
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub(crate) schema: u32,
    /// Of these very bytes: an equal version is an equal body.
    pub(crate) version: ContentVersion,
    /// Name of the host that the daemon runs on.
    pub(crate) host: &'a str,
    /// Fingerprint of which drive has which names and sits in which bay.
    pub(crate) topology: &'a str,
    /// When this was put together.
    pub(crate) generated_at: Timestamp,
    /// When zpool gave this.
    pub(crate) collected_at: Option<Timestamp>,
    /// This host runs ZFS; `null`: not heard yet.
    pub(crate) available: Option<bool>,
    /// Why the pools are unknown or old.
    pub(crate) error: Option<&'a str>,
    /// The pools.
    pub(crate) pools: Vec<PoolView<'a>>,
    /// Leaves that no drive here is.
    pub(crate) unmatched: Vec<Unmatched<'a>>,
    /// Kernel name of a drive to its place in a pool; of several, the one in most trouble.
    pub(crate) devices: BTreeMap<DeviceName, Membership>,
    /// Kernel name of a drive to all its places in pools, the one in most trouble first.
    pub(crate) memberships: BTreeMap<DeviceName, Vec<Membership>>,
}

/// A pool with its verdict.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Pool"))]
pub(crate) struct PoolView<'a> {
    #[serde(flatten)]
    pub(crate) pool: &'a Pool,
    /// The worst of its findings; `unknown` where zpool gave no state.
    pub(crate) verdict: Verdict,
    /// The reasons for its verdict, worst first. What is wrong with a drive of it is a finding of that drive.
    pub(crate) findings: &'a [Finding],
}

impl<'a> PoolView<'a> {
    /// With the verdict that the overview has for the pool.
    fn new(pool: &'a Pool, overview: &'a Overview) -> Self {
        let summary = overview.pools.iter().find(|summary| summary.name == pool.name);
        let verdict = summary.map_or(Verdict::Unknown, |summary| summary.verdict);
        let findings = summary.map_or(&[][..], |summary| &summary.findings);
        Self { pool, verdict, findings }
    }
}

/// A leaf without a drive.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Unmatched<'a> {
    /// Name of the pool.
    pub(crate) pool: &'a str,
    /// Top-level vdev.
    pub(crate) vdev: &'a str,
    /// What the vdev is for.
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
