//! The poller: the one thread that decides when drives are read, and that publishes readings.
//!
//! It runs a sweep in every interval while it holds the poll lease, and joins a request for a drive with a reading of it that
//! is already under way. It answers no HTTP request: the reader does, from what the poller has published.

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
mod restore_readings;
mod role;
mod service_health;
mod start;
mod stored;

pub(crate) use handle::Poller;
pub(crate) use lookup::{DriveEntry, KeysOf, PollerRequest, Snapshot, ValueSource};
pub(crate) use prefix_conflict::own_prefix;
pub(crate) use start::start;
