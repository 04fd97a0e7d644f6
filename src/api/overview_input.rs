//! What an overview, or the summary of one drive, is made from.

use super::overview::SweepStats;
use crate::domain::enclosure::Enclosure;
use crate::domain::health::{Peers, RuleSettings};
use crate::domain::identity::DeviceName;
use crate::domain::inventory::Inventory;
use crate::domain::layout::Layouts;
use crate::domain::time::Timestamp;
use crate::domain::zfs::{Membership, Zfs};
use std::collections::BTreeMap;

/// What an overview is made from.
#[derive(Clone, Copy, Debug)]
pub struct OverviewInput<'a> {
    pub host: &'a str,
    pub now: Timestamp,
    /// Values older than this are stale.
    pub stale_after_seconds: u64,
    pub inventory: &'a Inventory,
    pub enclosures: &'a [Enclosure],
    pub zfs: &'a Zfs,
    /// `zfs.memberships()`, made once.
    pub places: &'a BTreeMap<DeviceName, Membership>,
    pub sweep: &'a SweepStats,
    pub rules: &'a RuleSettings,
    pub layouts: &'a Layouts,
    /// `Peers::of(inventory)`, made once.
    pub peers: &'a Peers,
}
