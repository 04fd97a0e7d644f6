//! Facts and decisions: identities, drives, readings, enclosures, pools, the inventory, verdicts.
//!
//! Pure: no I/O, no clock, no log. "Now" is always a parameter. Unknown is `None`, never 0.

pub mod device_type;
pub mod drive;
pub mod enclosure;
pub mod glob;
pub mod hash;
pub mod health;
pub mod identity;
pub mod inventory;
pub mod layout;
pub mod no_reading;
pub mod smart;
pub mod text;
pub mod time;
pub mod topology;
pub mod transport;
mod vocabulary;
pub mod zfs;
