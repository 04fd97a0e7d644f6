//! Notifications to systemd.

use sd_notify::NotifyState;

/// Notifies systemd. Does nothing if the process was not started by systemd.
pub(crate) fn notify_systemd(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd notification failed error={error:?}");
    }
}
