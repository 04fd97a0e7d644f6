//! What the API shows: bodies of responses, values in Redis, and texts for people, built from the facts and decisions
//! of `domain`.
//!
//! Pure, as `domain` is.

pub mod assemble;
mod bay_contradictions;
pub mod bay_map;
pub mod bodies;
pub(crate) mod content_version;
pub(crate) mod describe;
pub mod document_header;
pub mod drive_document;
pub(crate) mod drive_summary;
pub(crate) mod enclosure_view;
pub mod json_limits;
pub(crate) mod known_enclosures;
pub(crate) mod lease_owner;
pub mod locate;
pub(crate) mod metrics_snapshot;
pub mod missing_drives;
pub mod overview;
pub mod overview_brief;
pub(crate) mod overview_input;
mod path_view;
pub(crate) mod published;
#[cfg(feature = "schema")]
pub mod schema;
pub(crate) mod service;
pub mod stale;
pub mod summarize;
pub mod value_limits;

/// Version of the format of every body and stored value. A stored value with another number is treated as a miss.
pub const SCHEMA: u32 = 1;
