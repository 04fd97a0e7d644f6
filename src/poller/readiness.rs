//! What requests can be shown so far.

/// In order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readiness {
    /// Nothing is known of what is here, or of what an earlier daemon left in Redis.
    #[default]
    Starting,
    /// A discovery was complete, and what Redis has of the drives that are here has been taken over.
    Restored,
    /// A sweep was complete, here or in the daemon that is followed.
    Ready,
}
