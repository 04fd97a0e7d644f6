//! Startup progress of the daemon, which decides the values that requests can get.

/// The steps of the startup, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readiness {
    /// No discovery is complete yet.
    #[default]
    Starting,
    /// A discovery is complete, and the stored readings of the present drives are restored from Redis.
    Restored,
    /// A sweep is complete, by this daemon or by the leader.
    Ready,
}
