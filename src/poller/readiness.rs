//! How far the daemon has started: which values requests can get.

/// In order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readiness {
    /// Neither the drives of this host nor the values of an earlier daemon in Redis are known.
    #[default]
    Starting,
    /// A discovery was complete, and the stored readings of the present drives were restored from Redis.
    Restored,
    /// A sweep was complete, in this daemon or in the leader.
    Ready,
}
