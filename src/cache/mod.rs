//! Stored values: their keys and lifetimes, and the two places they are stored in.
//!
//! Values are bytes here; what is in them is that of `api`, and
//! whether one may be shown the reader's.

mod body;
mod foreign;
pub mod memory;
pub mod redis;

pub use body::{Body, gzip};

use crate::api::json_limits::JsonLimits;
use crate::api::value_limits::{DOCUMENT, ValueLimits};
use crate::config::Lifetimes;
use crate::domain::identity::DeviceName;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A stored value; cheap to clone.
pub type Bytes = Arc<[u8]>;

/// What is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Smart(DeviceName),
    Overview,
    Enclosures,
    ZfsMap,
    /// Documents of drives that are gone.
    Gone,
}

impl Key {
    /// The name behind the prefix: `smart:sda`, `overview`.
    pub fn name(&self) -> String {
        match self {
            Self::Smart(device) => format!("smart:{device}"),
            Self::Overview => "overview".to_owned(),
            Self::Enclosures => "enclosures".to_owned(),
            Self::ZfsMap => "zfs_map".to_owned(),
            Self::Gone => "gone".to_owned(),
        }
    }

    /// What the value may have at most to be read out of Redis.
    pub fn limits(&self, limits: &ValueLimits) -> JsonLimits {
        match self {
            Self::Smart(_) => DOCUMENT,
            Self::Overview | Self::Enclosures | Self::ZfsMap => limits.list,
            Self::Gone => limits.gone,
        }
    }

    /// How long the value lives.
    pub fn lifetime(&self, lifetimes: &Lifetimes) -> Duration {
        match self {
            Self::Smart(_) => lifetimes.smart,
            Self::Overview => lifetimes.overview,
            Self::Enclosures => lifetimes.enclosures,
            Self::ZfsMap => lifetimes.zfs,
            Self::Gone => lifetimes.stale,
        }
    }
}

/// Which copy of a value: the one that lives its lifetime, or the last-known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopyKind {
    Live,
    LastKnown,
}

/// A value to store, with the lifetimes of its two copies.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Key,
    pub value: Bytes,
    pub live: Duration,
    pub last: Duration,
}

impl Entry {
    /// The lifetime of a copy, as Redis takes it.
    pub fn life_ms(&self, copy: CopyKind) -> u64 {
        let life = if copy == CopyKind::Live { self.live } else { self.last };
        u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

#[derive(Debug, Error)]
pub enum StoreError {
    /// Nothing was tried, or it came to nothing: go on without.
    #[error("{0}")]
    Unavailable(String),
    /// It answered that it would not.
    #[error("{0}")]
    Refused(String),
}
