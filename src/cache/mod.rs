//! The stores of values, memory and Redis, with the keys and lifetimes of values.
//!
//! Values are opaque bytes here: `api` defines their contents, and the reader decides whether one may be served.

mod body;
pub(crate) mod memory;
pub mod redis;
mod unrecognized_values;

pub(crate) use body::{Body, Bytes, gzip};

use crate::api::json_limits::JsonLimits;
use crate::api::value_limits::{DOCUMENT, ValueLimits};
use crate::config::Lifetimes;
use crate::domain::identity::DeviceName;
use std::time::Duration;
use thiserror::Error;

/// A key, without its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Smart(DeviceName),
    Overview,
    Enclosures,
    ZfsMap,
    /// Documents of missing drives.
    Gone,
    /// The known enclosures with the drives in their bays.
    KnownEnclosures,
}

impl Key {
    /// The key without the prefix: `smart:sda`, `overview`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Smart(device) => format!("smart:{device}"),
            Self::Overview => "overview".to_owned(),
            Self::Enclosures => "enclosures".to_owned(),
            Self::ZfsMap => "zfs_map".to_owned(),
            Self::Gone => "gone".to_owned(),
            Self::KnownEnclosures => "known_enclosures".to_owned(),
        }
    }

    /// The limits of a value that is read from Redis.
    pub(crate) fn limits(&self, limits: &ValueLimits) -> JsonLimits {
        match self {
            Self::Smart(_) => DOCUMENT,
            Self::Overview | Self::Enclosures | Self::ZfsMap | Self::KnownEnclosures => limits.list,
            Self::Gone => limits.missing_list,
        }
    }

    /// The lifetime of the live copy.
    pub(crate) fn lifetime(&self, lifetimes: &Lifetimes) -> Duration {
        match self {
            Self::Smart(_) => lifetimes.smart,
            Self::Overview => lifetimes.overview,
            Self::Enclosures => lifetimes.enclosures,
            Self::ZfsMap => lifetimes.zfs,
            Self::Gone | Self::KnownEnclosures => lifetimes.stale,
        }
    }
}

/// The copy of a value: the live one, or the last-known one, which is kept beyond the lifetime.
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
    pub last_known: Duration,
}

impl Entry {
    /// The lifetime of a copy in milliseconds, at least 1.
    pub(crate) fn life_ms(&self, copy: CopyKind) -> u64 {
        let life = if copy == CopyKind::Live { self.live } else { self.last_known };
        u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

#[derive(Debug, Error)]
pub enum StoreError {
    /// The store is unavailable: the caller continues without it.
    #[error("{0}")]
    Unavailable(String),
    /// The store rejected the operation.
    #[error("{0}")]
    Refused(String),
}
