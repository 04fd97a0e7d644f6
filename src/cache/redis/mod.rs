//! Redis: connections with deadlines, a pool without surprises, and a breaker in front of both.
//!
//! No call here waits longer than the configured timeouts; while Redis is away no call waits at
//! all. A value of a wrong type is no value.

mod breaker;
mod check;
mod connect;
mod lease;

pub use check::{Usable, check};
pub use lease::Lease;

use super::{Bytes, Copy, Entry, Key, StoreError};
use crate::config::RedisConfig;
use crate::stop::Stop;
use breaker::Breaker;
use connect::Manager;
use crossbeam_channel::Receiver;
use redis::{Cmd, Connection, ErrorKind, FromRedisValue, Pipeline, RedisError, Value};
use std::sync::Arc;

/// Values of a sweep go out in pipelines of at most this many bytes, so that each is done well
/// within the write timeout.
const PIPELINE_BYTES: usize = 1024 * 1024;
/// Keys asked for at once.
const KEYS_AT_ONCE: usize = 256;
/// A value beyond this is not ours.
const VALUE_BYTES: usize = 64 * 1024 * 1024;

pub struct RedisStore {
    breaker: Arc<Breaker>,
    prefix: String,
}

impl RedisStore {
    /// Connects to nothing yet. A thread, which holds `alive`, makes the trials while Redis is away;
    /// the channel says each time that it came back. `size`: connections at once. Nobody waits for
    /// the thread: it may be looking up a name, which has no deadline.
    pub fn start(
        config: &RedisConfig,
        size: u32,
        alive: impl Send + 'static,
        stop: &Stop,
    ) -> std::io::Result<(Self, Receiver<()>)> {
        let (breaker, back) = Breaker::start(Manager::new(config), size, config.timeout, alive, stop.clone())?;
        Ok((Self { breaker, prefix: config.key_prefix.clone() }, back))
    }

    /// Redis answered last time, or has not been asked yet.
    pub fn is_up(&self) -> bool {
        self.breaker.is_closed()
    }

    fn name(&self, key: &Key, copy: Copy) -> String {
        match copy {
            Copy::Live => format!("{}:{}", self.prefix, key.name()),
            Copy::Last => format!("{}:last:{}", self.prefix, key.name()),
        }
    }

    fn ask<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, StoreError> {
        self.breaker.with(|connection| cmd.query::<T>(connection))
    }

    /// `None`: not there. `Refused`: there, but of a wrong type, or not for this user.
    pub fn get(&self, key: &Key, copy: Copy) -> Result<Option<Bytes>, StoreError> {
        self.ask::<Value>(Cmd::new().arg("GET").arg(self.name(key, copy))).map(bytes)
    }

    /// Many at once, in the order asked; what is no text is not there.
    pub fn get_many(&self, keys: &[Key], copy: Copy) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(KEYS_AT_ONCE) {
            let mut cmd = Cmd::new();
            cmd.arg("MGET");
            for key in chunk {
                cmd.arg(self.name(key, copy));
            }
            match self.ask::<Vec<Value>>(&cmd) {
                Ok(found) => values.extend(found.into_iter().map(bytes)),
                Err(StoreError::Refused(why)) => {
                    log::debug!("redis refused keys={} error={why:?}", chunk.len());
                    values.extend(chunk.iter().map(|_| None));
                }
                Err(away) => return Err(away),
            }
        }
        values.resize(keys.len(), None);
        Ok(values)
    }

    /// Stores both copies of each value.
    pub fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut rest = entries;
        while !rest.is_empty() {
            let mut pipeline = Pipeline::new();
            let (mut size, mut count) = (0, 0);
            for entry in rest {
                size += 2 * entry.value.len();
                if count > 0 && size > PIPELINE_BYTES {
                    break;
                }
                for (copy, life) in [(Copy::Live, entry.live), (Copy::Last, entry.last)] {
                    let ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
                    let name = self.name(&entry.key, copy);
                    pipeline.cmd("SET").arg(name).arg(&*entry.value).arg("PX").arg(ms).ignore();
                }
                count += 1;
            }
            self.breaker.with(|connection| pipeline.query::<()>(connection))?;
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) if bytes.len() <= VALUE_BYTES => Some(bytes.into()),
        _ => None,
    }
}

/// What an error says of the connection.
enum Trouble {
    /// The connection is of no use; another may be.
    Gone,
    /// Redis does not answer.
    Away,
    /// Redis answers, but not with what was asked for.
    Refused,
}

fn trouble(error: &RedisError) -> Trouble {
    if error.is_timeout() {
        Trouble::Away
    } else if error.is_io_error() || error.is_connection_dropped() {
        Trouble::Gone
    } else if is_not_serving(error) {
        Trouble::Away
    } else {
        Trouble::Refused
    }
}

/// Answers that concern every key: without a login or a loaded data set there is nothing to read.
fn is_not_serving(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "LOADING" | "MASTERDOWN"))
        || error.to_string().contains("max number of clients reached")
        || error.kind() == ErrorKind::AuthenticationFailed
        // What answers does not speak Redis.
        || error.kind() == ErrorKind::Parse
}

/// Redis's own words; a password is never among them.
fn words(error: &RedisError) -> String {
    error.to_string()
}

/// A short question that a healthy Redis answers at once.
fn ping(connection: &mut Connection) -> Result<(), RedisError> {
    Cmd::new().arg("PING").query(connection)
}
