//! The Redis store: commands for stored values.
//!
//! No call waits longer than the configured timeouts; while Redis is unavailable no call waits at all. A value of a
//! wrong type is treated as absent.

use super::circuit_breaker::{AccessMode, CircuitBreaker, ProbeKeys};
use super::connector::Connector;
use super::error::{FailureKind, RedisError};
use super::health::RedisHealth;
use super::keys::{KeySpace, lease_key, write_probe_key};
use crate::api::content_version::{ContentVersion, VERSION_PREFIX_BYTES};
use crate::api::published;
use crate::api::published::Published;
use crate::cache::unrecognized_values::UnrecognizedValues;
use crate::cache::{Bytes, CopyKind, Entry, Key, StoreError};
use crate::config::RedisConfig;
use crate::stop::Stop;
use crossbeam_channel::Receiver;
use redis::{Cmd, FromRedisValue, Pipeline, Value};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Values are sent in pipelines of at most this many bytes, or of one value, which limits the memory for packed
/// commands.
const PIPELINE_BYTES: usize = 1024 * 1024;
/// Number of documents fetched at once. Each may have the size of the limit, and up to four copies exist while a reply
/// is parsed.
pub(crate) const KEYS_PER_BATCH: usize = 8;
/// The result of PTTL for a missing key.
const PTTL_NO_KEY: i64 = -2;

pub struct RedisStore {
    breaker: Arc<CircuitBreaker>,
    /// The configured prefix.
    prefix: String,
    /// The keys in use: another host may use those with the configured prefix.
    keys: RwLock<Arc<KeySpace>>,
    /// Whether Redis does not permit this user to read a part of a value.
    no_partial_reads: AtomicBool,
    unrecognized: UnrecognizedValues,
}

impl RedisStore {
    /// Starts the probe thread, which holds `alive`. The channel receives a message whenever Redis is available again.
    /// `max_connections` limits concurrent connections. The stop does not wait for the thread: it may be resolving a
    /// name, which has no deadline.
    pub fn start(
        config: &RedisConfig,
        max_connections: u32,
        alive: impl Send + 'static,
        stop: &Stop,
    ) -> std::io::Result<(Self, Receiver<()>)> {
        let connector = Connector::new(config)?;
        let keys = ProbeKeys { read: lease_key(&config.key_prefix), write: write_probe_key(&config.key_prefix) };
        let (breaker, recoveries) =
            CircuitBreaker::start(connector, (max_connections, config.timeout), keys, alive, stop.clone())?;
        let store = Self {
            breaker,
            prefix: config.key_prefix.clone(),
            keys: RwLock::new(Arc::new(KeySpace::new(&config.key_prefix))),
            no_partial_reads: AtomicBool::new(false),
            unrecognized: UnrecognizedValues::default(),
        };
        Ok((store, recoveries))
    }

    /// Whether reads work, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Whether writes work, as far as is known. While Redis rejects writes its values become stale.
    pub(crate) fn accepts_writes(&self) -> bool {
        self.breaker.writes.is_closed()
    }

    /// The condition of Redis, without asking it.
    pub(crate) fn health(&self) -> RedisHealth {
        self.breaker.health()
    }

    /// The configured prefix.
    pub(crate) fn configured_prefix(&self) -> &str {
        &self.prefix
    }

    /// Uses this prefix for all values and the lease from now on.
    pub(crate) fn use_prefix(&self, prefix: &str) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(KeySpace::new(prefix));
    }

    pub(super) fn keys(&self) -> Arc<KeySpace> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn redis_key(&self, key: &Key, copy: CopyKind) -> String {
        self.keys().value(key, copy)
    }

    pub(super) fn ask<T: FromRedisValue>(&self, access: AccessMode, cmd: &Cmd) -> Result<T, StoreError> {
        self.breaker.run(access, |connection| connection.ask::<T>(cmd))
    }

    /// The content version of a list, from its first bytes. It shows whether a list in memory is still the one in
    /// Redis. `None` if there is no list, it has no version, or this user may only read complete values.
    pub fn content_version(&self, key: &Key, copy: CopyKind) -> Result<Option<ContentVersion>, StoreError> {
        let keys = self.keys();
        let Some(packed) = keys.version_command(key, copy) else { return Ok(None) };
        if self.lacks_partial_reads() {
            return Ok(None);
        }
        match self.partial(packed, VERSION_PREFIX_BYTES) {
            Ok(prefix) => Ok(prefix.and_then(|prefix| ContentVersion::read(&prefix))),
            Err(StoreError::Refused(_)) => Ok(None),
            Err(unavailable) => Err(unavailable),
        }
    }

    fn lacks_partial_reads(&self) -> bool {
        self.no_partial_reads.load(Ordering::Relaxed)
    }

    /// The result of a `GETRANGE`.
    fn partial(&self, packed: &[u8], most: usize) -> Result<Option<Bytes>, StoreError> {
        let part = self.breaker.run(AccessMode::Read, |connection| {
            connection.part(packed, most).inspect_err(|error| self.check_partial_reads(error))
        })?;
        Ok(bytes(part))
    }

    fn check_partial_reads(&self, error: &RedisError) {
        if error.code == "NOPERM" && !self.no_partial_reads.swap(true, Ordering::Relaxed) {
            log::warn!("redis user may only read complete values, which takes longer; permit +getrange");
        }
    }

    /// Reports an unrecognized value, at most once an hour for each key.
    pub(crate) fn report_unrecognized(&self, key: &Key, copy: CopyKind, why: &dyn Display) {
        self.unrecognized.report(key, copy, why);
    }

    /// The host that published the stored overview, and the time. `None` if there is none, or it is not recognized.
    /// `most` is the limit of a complete overview, which is read if this user may not read a part of one.
    pub(crate) fn published(&self, most: usize) -> Result<Option<Published>, StoreError> {
        let (key, copy) = (Key::Overview, CopyKind::Live);
        let mut cmd = Cmd::new();
        cmd.arg("GETRANGE").arg(self.redis_key(&key, copy)).arg(0).arg(published::OVERVIEW_PREFIX_BYTES - 1);
        let mut prefix = Ok(None);
        if !self.lacks_partial_reads() {
            prefix = self.partial(&cmd.get_packed_command(), published::OVERVIEW_PREFIX_BYTES);
        }
        if self.lacks_partial_reads() {
            prefix = self.get(&key, copy, most);
        }
        match prefix {
            Ok(Some(prefix)) => Ok(Published::read(&prefix)),
            Ok(None) | Err(StoreError::Refused(_)) => Ok(None),
            Err(unavailable) => Err(unavailable),
        }
    }

    /// Whether a key exists.
    pub(crate) fn has(&self, key: &Key, copy: CopyKind) -> Result<bool, StoreError> {
        let left: i64 = self.ask(AccessMode::Read, Cmd::new().arg("PTTL").arg(self.redis_key(key, copy)))?;
        Ok(left != PTTL_NO_KEY)
    }

    /// The value of a key. `None` if the key does not exist. `Refused` if the value has a wrong type, or more than
    /// `most` bytes (then it is not fetched).
    pub fn get(&self, key: &Key, copy: CopyKind, most: usize) -> Result<Option<Bytes>, StoreError> {
        let mut cmd = Cmd::new();
        cmd.arg("GET").arg(self.redis_key(key, copy));
        let packed = cmd.get_packed_command();
        let value = self.breaker.run(AccessMode::Read, |connection| {
            connection.value(&packed, most).map_err(login_if_not_permitted).map_err(rejected_if_too_large)
        })?;
        Ok(bytes(value))
    }

    /// Several values, in the order of `keys`. A value of a wrong type or of more than `most` bytes is `None`; the
    /// latter is reported.
    pub fn get_many(&self, keys: &[Key], copy: CopyKind, most: usize) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(KEYS_PER_BATCH) {
            let mut cmd = Cmd::new();
            cmd.arg("MGET");
            for key in chunk {
                cmd.arg(self.redis_key(key, copy));
            }
            // Values of other programs may exceed the total, which is not an outage.
            let total = most.saturating_mul(chunk.len());
            let found = self.breaker.run(AccessMode::Read, |connection| {
                connection.values(&cmd, chunk.len(), total).map_err(rejected_if_too_large)
            });
            match found {
                Ok(found) => values.extend(found.into_iter().map(bytes)),
                // Too large in total: fetched one by one, without the unrecognized ones.
                Err(StoreError::Refused(why)) => {
                    log::debug!(
                        "redis rejected a batch of keys, fetching them one by one keys={} error={why:?}",
                        chunk.len()
                    );
                    for key in chunk {
                        values.push(self.get_recognized(key, copy, most)?);
                    }
                }
                Err(unavailable) => return Err(unavailable),
            }
        }
        values.resize(keys.len(), None);
        Ok(values)
    }

    /// The value of a key; an unrecognized one is reported and absent.
    fn get_recognized(&self, key: &Key, copy: CopyKind, most: usize) -> Result<Option<Bytes>, StoreError> {
        match self.get(key, copy, most) {
            Err(StoreError::Refused(why)) => {
                self.report_unrecognized(key, copy, &why);
                Ok(None)
            }
            found => found,
        }
    }

    /// Stores both copies of a value if a last-known copy exists; Redis checks and replaces atomically. False if there
    /// is none, and nothing is stored.
    pub(crate) fn replace(&self, entry: &Entry) -> Result<bool, StoreError> {
        let mut last_known = self.set_command(entry, CopyKind::LastKnown);
        last_known.arg("XX");
        if self.write(&last_known)? != Value::Okay {
            return Ok(false);
        }
        self.write(&self.set_command(entry, CopyKind::Live))?;
        Ok(true)
    }

    fn set_command(&self, entry: &Entry, copy: CopyKind) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg("SET").arg(self.redis_key(&entry.key, copy)).arg(&*entry.value).arg("PX").arg(entry.life_ms(copy));
        cmd
    }

    /// A rejected write opens the breaker for writes.
    fn write(&self, cmd: &Cmd) -> Result<Value, StoreError> {
        match self.ask(AccessMode::Write, cmd) {
            Err(StoreError::Refused(why)) => Err(self.breaker.reject_writes(&why)),
            replied => replied,
        }
    }

    /// Stores both copies of each value. Rejected values are sent again when Redis accepts writes.
    pub fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let copies = entries.iter().flat_map(|entry| [(CopyKind::Live, entry), (CopyKind::LastKnown, entry)]);
        let mut rest = copies.peekable();
        while rest.peek().is_some() {
            let mut pipeline = Pipeline::new();
            let mut size = 0;
            while let Some((copy, entry)) =
                rest.next_if(|(_, next)| size == 0 || size + next.value.len() <= PIPELINE_BYTES)
            {
                size += entry.value.len();
                let ms = entry.life_ms(copy);
                pipeline.cmd("SET").arg(self.redis_key(&entry.key, copy)).arg(&*entry.value).arg("PX").arg(ms);
            }
            match self.breaker.run(AccessMode::Write, |connection| connection.ask_all(&pipeline)) {
                Ok(()) => {}
                Err(StoreError::Refused(why)) => return Err(self.breaker.reject_writes(&why)),
                Err(unavailable) => return Err(unavailable),
            }
        }
        if !entries.is_empty() {
            self.breaker.writes.confirm_writes();
        }
        Ok(())
    }
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        _ => None,
    }
}

/// A user that may not read one key of this program may not read any, as the probe will show, too.
fn login_if_not_permitted(error: RedisError) -> RedisError {
    if error.code == "NOPERM" { RedisError { kind: FailureKind::Login, ..error } } else { error }
}

fn rejected_if_too_large(error: RedisError) -> RedisError {
    if error.kind == FailureKind::TooLarge { RedisError { kind: FailureKind::Rejected, ..error } } else { error }
}
