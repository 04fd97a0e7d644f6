//! The poller: the one thread that decides when drives are read, and where readings go.
//!
//! It sweeps every interval while it holds the poll lease, joins requests for one drive with
//! whatever reads it already, and publishes. It answers no request itself: the reader does, from
//! what is published here.

mod degraded_parts;
mod detect;
mod discovery;
mod event_loop;
mod forget;
mod forget_request;
mod handle;
mod heartbeat;
mod known_enclosures;
mod leadership;
mod lease_holder;
mod lease_losses;
mod lists;
mod lookup;
mod missing_drives;
mod pending_requests;
mod prefix_conflict;
mod publisher;
mod readiness;
mod requests;
mod restore;
mod service_health;
mod start;
mod stored;

pub(crate) use handle::Poller;
pub(crate) use lookup::{DriveEntry, KeysOf, PollerRequest, Snapshot, ValueSource};
pub(crate) use prefix_conflict::own_prefix;
pub(crate) use start::start;
