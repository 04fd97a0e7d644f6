//! The input of an overview and of the summary of one drive.

use super::overview::SweepStats;
use crate::domain::enclosure::Enclosure;
use crate::domain::exclusion::ExcludedDrive;
use crate::domain::health::{Peers, RuleSettings};
use crate::domain::host_identity::HostKey;
use crate::domain::identity::DeviceName;
use crate::domain::inventory::Inventory;
use crate::domain::layout::Layouts;
use crate::domain::time::Timestamp;
use crate::domain::zfs::{Membership, Zfs};
use std::collections::BTreeMap;

/// The input of an overview.
#[derive(Clone, Copy, Debug)]
pub struct OverviewInput<'a> {
    pub(crate) host: &'a str,
    pub(crate) host_id: Option<&'a HostKey>,
    pub now: Timestamp,
    /// Values older than this are stale.
    pub(crate) stale_after_seconds: u64,
    pub(crate) inventory: &'a Inventory,
    pub(crate) enclosures: &'a [Enclosure],
    pub(crate) zfs: &'a Zfs,
    /// `zfs.memberships()`, computed once.
    pub memberships: &'a BTreeMap<DeviceName, Vec<Membership>>,
    pub(crate) sweep: &'a SweepStats,
    pub rules: &'a RuleSettings,
    pub(crate) layouts: &'a Layouts,
    /// Present drives excluded by `JBOD_EXCLUDE`.
    pub(crate) excluded: &'a [ExcludedDrive],
    /// `Peers::of(inventory)`, computed once.
    pub peers: &'a Peers,
}
