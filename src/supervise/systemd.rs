//! Notifications to systemd.

use sd_notify::NotifyState;

/// Notifies systemd. Does nothing without it.
pub(crate) fn notify_systemd(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd could not be told error={error:?}");
    }
}
