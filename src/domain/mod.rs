//! Identities, drives, readings, enclosures, pools, the inventory, and verdicts.
//!
//! Pure: no I/O, no clock, no log. The current time is always a parameter. An unknown value is `None`, never 0.

pub(crate) mod ata_attributes;
pub(crate) mod device_type;
pub mod drive;
pub(crate) mod enclosure;
pub mod exclusion;
pub(crate) mod glob;
pub mod hash;
pub mod health;
pub(crate) mod health_obstacle;
pub(crate) mod host_identity;
pub mod identity;
pub mod inventory;
pub(crate) mod known_paths;
pub mod layout;
pub(crate) mod no_reading;
pub(crate) mod path_state;
pub mod smart;
pub mod text;
pub mod time;
pub(crate) mod topology;
pub(crate) mod transport;
mod vocabulary;
pub mod zfs;
