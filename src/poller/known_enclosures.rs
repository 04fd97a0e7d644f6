//! Restores and stores the known enclosures, so that they outlive a restart.

use super::event_loop::EventLoop;
use super::missing_drives::Restore;
use crate::api::known_enclosures::{StoredEnclosures, build_enclosure_list, parse_enclosure_list};
use crate::clock::now;

impl EventLoop {
    /// Restores the enclosures and IO modules that an earlier daemon, or another one, knew. Those that disappeared while no
    /// daemon ran are reported.
    pub(super) fn restore_enclosures(&mut self, list: Option<&[u8]>) {
        let Some(list) = list else { return };
        let stored = parse_enclosure_list(list, self.collector.host_name(), now());
        let Some(StoredEnclosures { generated_at, enclosures }) = stored else { return };
        self.detector.restore_presence(&enclosures);
        self.collector.restore_enclosures(enclosures, generated_at);
    }

    /// Publishes the list of known enclosures; not before the stored list is restored, which may have more.
    pub(super) fn publish_known_enclosures(&self) {
        if self.missing.restore == Restore::Done {
            let list = build_enclosure_list(self.collector.known_enclosures(), self.collector.host_name(), now());
            self.publisher.set_known_enclosures(list);
        }
    }
}
