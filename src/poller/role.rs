//! The role of this daemon: leader or follower.

use super::lease_holder::Delivery;
use crate::api::service::DaemonRole;

/// The role of this daemon. `has_swept`: it has completed a sweep since it became the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The lease has not been read yet.
    Undecided,
    /// It holds the lease, or Redis is unavailable.
    Leader { has_swept: bool },
    /// Another daemon leads.
    Follower,
    /// It leads although another daemon holds the lease, because that one does not publish this host.
    LeaderWithoutLease { delivery: Delivery, has_swept: bool },
}

impl Role {
    /// The daemon polls.
    pub(super) fn is_leader(&self) -> bool {
        matches!(self, Self::Leader { .. } | Self::LeaderWithoutLease { .. })
    }

    /// The role in the API; `None`: not decided yet.
    pub(super) fn to_api(&self) -> Option<DaemonRole> {
        match self {
            Self::Undecided => None,
            Self::Leader { .. } | Self::LeaderWithoutLease { .. } => Some(DaemonRole::Leader),
            Self::Follower => Some(DaemonRole::Follower),
        }
    }

    /// The daemon has completed a sweep since it became the leader.
    pub(super) fn has_swept(&self) -> bool {
        match self {
            Self::Leader { has_swept } | Self::LeaderWithoutLease { has_swept, .. } => *has_swept,
            Self::Undecided | Self::Follower => false,
        }
    }

    pub(super) fn mark_swept(&mut self) {
        if let Self::Leader { has_swept } | Self::LeaderWithoutLease { has_swept, .. } = self {
            *has_swept = true;
        }
    }
}
