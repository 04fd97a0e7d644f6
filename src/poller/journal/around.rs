//! What is told of the things around the drives: SCSI hosts, shelves and pools. Edges, as of drives.

use super::about::{about, all};
use crate::collector::CompletedSweep;
use crate::domain::drive::DriveKey;
use crate::domain::enclosure::{Enclosure, EnclosureProblem};
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::zfs::words::PoolState;
use crate::domain::zfs::{Zfs, ZfsState};
use crate::event::{self, About, Kind, note};
use std::collections::{BTreeMap, BTreeSet};

/// So many silent drives behind one SCSI host are one event about the host.
const HOST_IS_SILENT: usize = 3;
/// In place of its state, of a pool that zpool does not list any more.
const GONE: &str = "gone";

#[derive(Default)]
pub(super) struct Around {
    /// SCSI hosts that were told to be silent, until they were told to answer again.
    silent: BTreeMap<u32, Silent>,
    shelves: BTreeSet<String>,
    /// The state that each pool was last said to have; `None`: it was gone.
    pools: BTreeMap<String, Option<PoolState>>,
}

/// A SCSI host that looked silent.
#[derive(Default)]
struct Silent {
    /// It was found to be silent as a whole: its first answer ends that. Else it ends with the silence of
    /// the last of its drives.
    is_proven: bool,
    drives: BTreeMap<DriveKey, About>,
}

/// SCSI hosts that are silent after a sweep, or look so, with how many drives.
pub(super) fn silent_hosts(whole: &CompletedSweep, fleet: &Inventory) -> BTreeMap<u32, usize> {
    let mut silent: BTreeMap<u32, usize> = BTreeMap::new();
    for key in &whole.timed_out {
        let host = fleet.get(key).and_then(|r| r.drive.paths.first()).and_then(|p| p.host);
        if let Some(host) = host {
            *silent.entry(host).or_default() += 1;
        }
    }
    silent.retain(|_, count| *count >= HOST_IS_SILENT);
    silent.extend(whole.silent_hosts.iter().copied());
    silent
}

/// The drive gave no answer, and was asked or left alone through one of these hosts.
pub(super) fn is_silent_with(record: &DriveRecord, hosts: impl Fn(u32) -> bool, whole: &CompletedSweep) -> bool {
    let is_behind = record.drive.paths.iter().filter_map(|p| p.host).any(hosts);
    is_behind && (whole.timed_out.contains(&record.drive.key) || whole.unread.contains(&record.drive.key))
}

impl Around {
    pub(super) fn hosts(&mut self, silent: &BTreeMap<u32, usize>, whole: &CompletedSweep, fleet: &Inventory) {
        for (host, count) in silent {
            let drives: Vec<&DriveRecord> =
                fleet.present().filter(|r| is_silent_with(r, |h| h == *host, whole)).collect();
            let is_proven = whole.silent_hosts.iter().any(|(proven, _)| proven == host);
            let told = self.silent.entry(*host).or_default();
            let is_told = |r: &&DriveRecord| told.drives.contains_key(&r.drive.key);
            if told.drives.is_empty() || !told.is_proven && !is_proven && !drives.iter().all(is_told) {
                let about = all(&drives.iter().map(|r| about(r)).collect::<Vec<_>>()).with(event::SCSI_HOST, host);
                note!(Warn, Kind::HostSilent, about, "scsi host silent host={host} drives={count}");
            }
            told.is_proven |= is_proven;
            told.drives.extend(drives.into_iter().map(|r| (r.drive.key.clone(), about(r))));
        }
        self.silent.retain(|host, told| {
            let is_proven = whole.silent_hosts.iter().any(|(proven, _)| proven == host);
            let is_silent = |key| fleet.get(key).is_some_and(|r| r.is_here() && r.silences > 0);
            let goes_on = if told.is_proven { is_proven } else { told.drives.keys().any(is_silent) };
            if !goes_on {
                let about = all(told.drives.values()).with(event::SCSI_HOST, host);
                note!(Info, Kind::HostAnswers, about, "scsi host answers again host={host}");
            }
            goes_on
        });
    }

    pub(super) fn shelves(&mut self, enclosures: &[Enclosure]) {
        let before = std::mem::take(&mut self.shelves);
        for shelf in enclosures {
            let about = || About::nobody().with(event::ENCLOSURE, &shelf.id);
            let silence = shelf.error.as_ref().filter(|why| matches!(why, EnclosureProblem::Silent { .. }));
            match (silence, before.contains(&shelf.id)) {
                (Some(why), false) => {
                    let why = why.to_string();
                    note!(Warn, Kind::ShelfSilent, about(), "shelf silent enclosure={} reason={why:?}", shelf.id);
                }
                (None, true) => {
                    note!(Info, Kind::ShelfAnswers, about(), "shelf answers again enclosure={}", shelf.id);
                }
                _ => {}
            }
            if silence.is_some() {
                self.shelves.insert(shelf.id.clone());
            }
        }
    }

    /// Of pools that are known to be as they are now. One that is well from the first is not told.
    pub(super) fn pools(&mut self, zfs: &Zfs) {
        if !matches!(zfs.state, ZfsState::Read { .. }) || zfs.error.is_some() {
            return;
        }
        for pool in &zfs.pools {
            let Some(state) = &pool.state else { continue };
            let before = self.pools.insert(pool.name.clone(), Some(state.clone()));
            let (was, is_new) = (before.clone().flatten(), before.is_none());
            if was.as_ref() == Some(state) || is_new && *state == PoolState::Online {
                continue;
            }
            let mut text = format!("pool state changed pool={:?} state={state}", pool.name);
            if let Some(was) = was.as_ref().map(PoolState::as_str).or(before.map(|_| GONE)) {
                text.push_str(&format!(" was={was}"));
            }
            if let Some(why) = &pool.status {
                text.push_str(&format!(" reason={why:?}"));
            }
            say_pool(&pool.name, Some(state), was.as_ref(), &text);
        }
        for (name, known) in &mut self.pools {
            let is_gone = zfs.pools.iter().all(|pool| pool.name != *name);
            if let Some(was) = known.take_if(|_| is_gone) {
                say_pool(name, None, Some(&was), &format!("pool state changed pool={name:?} state={GONE} was={was}"));
            }
        }
    }
}

/// `None`: the pool is gone.
fn say_pool(name: &str, state: Option<&PoolState>, was: Option<&PoolState>, text: &str) {
    let about = About::nobody()
        .with(event::POOL, name)
        .with(event::STATE, state.map_or(GONE, PoolState::as_str))
        .with_each(event::WAS, was);
    if state == Some(&PoolState::Online) {
        note!(Info, Kind::PoolState, about, "{text}");
    } else {
        note!(Warn, Kind::PoolState, about, "{text}");
    }
}
