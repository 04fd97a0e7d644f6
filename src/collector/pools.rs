//! Reads the pools with zpool, once per sweep and after changes of the topology.

use super::discovery::Discovered;
use super::jobs::{Jobs, SourceId};
use super::source::{Notice, Source};
use crate::clock::now;
use crate::domain::identity::DeviceName;
use crate::domain::zfs::{Membership, Zfs, ZfsState};
use crate::probe::exec::Stuck;
use crate::probe::links::Links;
use crate::probe::{drives, zpool};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

#[derive(Default)]
pub(super) struct PoolReader {
    zfs: Zfs,
    /// `zfs.memberships()`, made once.
    memberships: BTreeMap<DeviceName, Vec<Membership>>,
    format: Arc<zpool::OutputFormat>,
    is_due: bool,
    is_running: bool,
    /// Fingerprint of the topology when zpool was run.
    asked_fingerprint: u64,
    stuck: Option<Stuck>,
}

impl PoolReader {
    pub(super) fn zfs(&self) -> &Zfs {
        &self.zfs
    }

    pub(super) fn memberships(&self) -> &BTreeMap<DeviceName, Vec<Membership>> {
        &self.memberships
    }

    /// Requests a query, unless one is running.
    pub(super) fn request(&mut self) {
        self.is_due = true;
    }

    /// Updates the device names of known drives after drives were added or removed.
    pub(super) fn refresh_device_names(&mut self, links: &Links) {
        zpool::refresh_device_names(&mut self.zfs, links);
        self.memberships = self.zfs.memberships();
    }

    /// Converts all times to the new clock after the clock was set.
    pub(super) fn shift(&mut self, by_seconds: i64) {
        if let ZfsState::Read { at } = &mut self.zfs.state {
            *at = at.shifted(by_seconds);
        }
    }

    /// Its child outlived its SIGKILL.
    pub(super) fn has_stuck_child(&self) -> bool {
        self.stuck.is_some()
    }
}

impl Source for PoolReader {
    fn id(&self) -> SourceId {
        "pools"
    }

    fn on_sweep_begin(&mut self) {
        self.request();
    }

    fn start_if_due(&mut self, jobs: &Jobs, _: &Discovered, _: Instant) -> Option<Instant> {
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        if let Some(stuck) = self.stuck.as_mut()
            && !stuck.has_ended()
        {
            self.zfs.error = Some("zpool still hangs and cannot be killed".to_owned());
            return None;
        }
        if self.is_running {
            return None;
        }
        self.stuck = None;
        self.is_running = true;
        self.asked_fingerprint = drives::fingerprint(jobs.host());
        let format = Arc::clone(&self.format);
        jobs.run(self.id(), move |host, stop| zpool::query(host, stop, &format));
        None
    }

    /// After a failed query the pools are kept, with the reason.
    fn take(&mut self, result: Box<dyn Any + Send>, jobs: &Jobs, found: &Discovered) -> Option<Notice> {
        let answer = result.downcast::<zpool::ZpoolResult>().ok()?;
        self.is_running = false;
        self.stuck = answer.stuck;
        match answer.report {
            zpool::ZpoolReport::NotInstalled => self.zfs = Zfs { state: ZfsState::NotInstalled, ..Zfs::default() },
            zpool::ZpoolReport::Pools(pools) => {
                let mut zfs = Zfs { state: ZfsState::Read { at: now() }, error: None, pools };
                let is_unchanged = self.asked_fingerprint == found.fingerprint
                    && drives::fingerprint(jobs.host()) == found.fingerprint;
                zpool::match_members(&mut zfs, &found.links, &self.zfs, is_unchanged);
                self.zfs = zfs;
            }
            zpool::ZpoolReport::Failed(why) => self.zfs.error = Some(why),
            zpool::ZpoolReport::Stopped => {}
        }
        self.memberships = self.zfs.memberships();
        None
    }

    fn is_idle(&self) -> bool {
        !self.is_running
    }
}
