//! The join: everything the rack is known to be, as one overview.

use super::Rack;
use crate::api::assemble::build_overview;
use crate::api::overview::Overview;
use crate::api::overview_input::OverviewInput;
use crate::clock::now;
use crate::domain::health::Peers;
use crate::domain::inventory::DriveRecord;
use crate::domain::transport::Transport;
use crate::domain::zfs::ZfsState;

impl Rack {
    /// The clock was set: every time so far is one on the new clock.
    pub fn shift(&mut self, by_seconds: i64) {
        self.fleet.shift(by_seconds);
        let running = self.sweep.as_mut().map(|s| &mut s.started_at);
        let read = match &mut self.zfs.state {
            ZfsState::Read { at } => Some(at),
            ZfsState::NotAsked | ZfsState::NotInstalled => None,
        };
        for time in self.stats.started_at.iter_mut().chain(read).chain(running) {
            *time = time.shifted(by_seconds);
        }
    }

    /// Everything, joined.
    pub fn overview(&mut self, stale_after_seconds: u64) -> Overview {
        self.shelves.fill(&mut self.enclosures);
        // An NVMe drive and a USB box stand in no bay that a shelf knows of.
        let might = |r: &&DriveRecord| {
            r.bay.is_none()
                && r.drive.raid_volume().is_none()
                && !matches!(r.drive.attachment.transport(), Some(Transport::Nvme | Transport::Usb))
        };
        let homeless = self.fleet.present().filter(might).count();
        for enclosure in &mut self.enclosures {
            enclosure.error = enclosure.error.take().or_else(|| enclosure.unlinked(homeless));
        }
        self.peers = Peers::of(&self.fleet);
        build_overview(&self.parts(stale_after_seconds))
    }

    /// What an overview, or one drive's summary, is made from.
    pub fn parts(&self, stale_after_seconds: u64) -> OverviewInput<'_> {
        OverviewInput {
            host: &self.name,
            now: now(),
            stale_after_seconds,
            inventory: &self.fleet,
            enclosures: &self.enclosures,
            zfs: &self.zfs,
            places: &self.places,
            sweep: &self.stats,
            rules: &self.rules,
            layouts: &self.layouts,
            peers: &self.peers,
        }
    }
}
