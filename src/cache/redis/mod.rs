//! Redis: connections with deadlines, a pool without surprises, and breakers in front of both.
//!
//! No call here waits longer than the configured timeouts; while Redis is away no call waits at
//! all. A value of a wrong type is no value.

mod breaker;
mod check;
mod connect;
mod connection;
mod health;
mod lease;
mod reply;
mod sentinel;
mod shape;
mod tls;
mod trouble;
mod wire;
mod writes;

/// The reader of replies, for its fuzz target.
#[cfg(fuzzing)]
pub mod fuzz {
    pub use super::reply::{Fault, Reader, ReplyLimits};
    pub use redis::{Value, parse_redis_value};
}

pub use check::{Usable, check};
pub use health::{Ill, RedisHealth};
pub use lease::Lease;

use super::foreign::ForeignValues;
use super::{Bytes, CopyKind, Entry, Key, StoreError};
use crate::api::content_version::{BEGIN_BYTES, ContentVersion};
use crate::api::published;
use crate::api::published::Published;
use crate::config::RedisConfig;
use crate::stop::Stop;
use breaker::{Breaker, Does, TrialKeys};
use connect::Manager;
use crossbeam_channel::Receiver;
use redis::{Cmd, FromRedisValue, Pipeline, Value};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use trouble::{Kind, Trouble};

/// Values of a sweep go out in pipelines of at most this many bytes, or of one value: no more than that is ever packed
/// in memory.
const PIPELINE_BYTES: usize = 1024 * 1024;
/// Documents fetched at once. Each may have the size of the limit, and up to four copies exist while a reply is parsed.
pub const KEYS_AT_ONCE: usize = 8;
/// What PTTL says of a key that is not there.
const NOT_THERE: i64 = -2;

pub struct RedisStore {
    breaker: Arc<Breaker>,
    prefix: String,
    /// The commands that ask how a list begins, ready to be sent: every request sends one.
    beginnings: HashMap<(Key, CopyKind), Vec<u8>>,
    /// Redis has said that this user may read no part of a value: it is not asked for one again.
    whole_only: AtomicBool,
    foreign: ForeignValues,
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
        let manager = Manager::new(config)?;
        let keys = TrialKeys { read: lease::name(&config.key_prefix), write: lease::trial_name(&config.key_prefix) };
        let (breaker, back) = Breaker::start(manager, (size, config.timeout), keys, alive, stop.clone())?;
        let mut store = Self {
            breaker,
            prefix: config.key_prefix.clone(),
            beginnings: HashMap::new(),
            whole_only: AtomicBool::new(false),
            foreign: ForeignValues::default(),
        };
        for (key, copy) in [Key::Overview, Key::Enclosures, Key::ZfsMap].into_iter().flat_map(of_both) {
            let mut cmd = Cmd::new();
            cmd.arg("GETRANGE").arg(store.name(&key, copy)).arg(0).arg(BEGIN_BYTES - 1);
            store.beginnings.insert((key, copy), cmd.get_packed_command());
        }
        Ok((store, back))
    }

    /// Reads work: Redis answered last time.
    pub fn is_up(&self) -> bool {
        self.breaker.is_closed()
    }

    /// False while Redis refuses values: what it holds grows old.
    pub fn accepts_writes(&self) -> bool {
        self.breaker.writes.is_well()
    }

    /// How Redis does. Asks nobody.
    pub fn health(&self) -> RedisHealth {
        self.breaker.health()
    }

    fn name(&self, key: &Key, copy: CopyKind) -> String {
        match copy {
            CopyKind::Live => format!("{}:{}", self.prefix, key.name()),
            CopyKind::LastKnown => format!("{}:last:{}", self.prefix, key.name()),
        }
    }

    fn ask<T: FromRedisValue>(&self, does: Does, cmd: &Cmd) -> Result<T, StoreError> {
        self.breaker.with(does, |connection| connection.ask::<T>(cmd))
    }

    /// The version of a list, from its first bytes: all that it costs to know that the one at hand is still the one that
    /// Redis has. `None`: there is none, or nothing that has a version, or this user may only read whole values.
    pub fn content_version(&self, key: &Key, copy: CopyKind) -> Result<Option<ContentVersion>, StoreError> {
        let packed = self.beginnings.get(&(key.clone(), copy));
        let Some(packed) = packed.filter(|_| !self.reads_whole_only()) else { return Ok(None) };
        match self.part(packed, BEGIN_BYTES) {
            Ok(begin) => Ok(begin.and_then(|begin| ContentVersion::read(&begin))),
            Err(StoreError::Refused(_)) => Ok(None),
            Err(away) => Err(away),
        }
    }

    fn reads_whole_only(&self) -> bool {
        self.whole_only.load(Ordering::Relaxed)
    }

    /// What a `GETRANGE` gives.
    fn part(&self, packed: &[u8], most: usize) -> Result<Option<Bytes>, StoreError> {
        let refused = |trouble: Trouble| {
            if trouble.code == "NOPERM" && !self.whole_only.swap(true, Ordering::Relaxed) {
                log::warn!("redis lets this user read whole values only, which takes longer; permit +getrange");
            }
            trouble
        };
        self.breaker.with(Does::Read, |connection| connection.part(packed, most).map_err(refused)).map(bytes)
    }

    /// Reports a foreign value, once an hour for each key.
    pub fn report_unrecognized(&self, key: &Key, copy: CopyKind, why: &dyn Display) {
        self.foreign.report(key, copy, why);
    }

    /// Who published the overview that is there, and when. `None`: there is none, or none of ours. `most`: what a whole
    /// overview may have, where this user may not read a part of one.
    pub fn published(&self, most: usize) -> Result<Option<Published>, StoreError> {
        let (key, copy) = (Key::Overview, CopyKind::Live);
        let mut cmd = Cmd::new();
        cmd.arg("GETRANGE").arg(self.name(&key, copy)).arg(0).arg(published::BEGIN_BYTES - 1);
        let mut begin = Ok(None);
        if !self.reads_whole_only() {
            begin = self.part(&cmd.get_packed_command(), published::BEGIN_BYTES);
        }
        if self.reads_whole_only() {
            begin = self.get(&key, copy, most);
        }
        match begin {
            Ok(begin) => Ok(begin.and_then(|begin| Published::read(&begin))),
            Err(StoreError::Refused(_)) => Ok(None),
            Err(away) => Err(away),
        }
    }

    /// Whether a key is there.
    pub fn has(&self, key: &Key, copy: CopyKind) -> Result<bool, StoreError> {
        let left: i64 = self.ask(Does::Read, Cmd::new().arg("PTTL").arg(self.name(key, copy)))?;
        Ok(left != NOT_THERE)
    }

    /// `None`: not there. `Refused`: there, but of a wrong type, larger than `most` (it is not fetched then), or too
    /// large to come in time.
    pub fn get(&self, key: &Key, copy: CopyKind, most: usize) -> Result<Option<Bytes>, StoreError> {
        let mut cmd = Cmd::new();
        cmd.arg("GET").arg(self.name(key, copy));
        let packed = cmd.get_packed_command();
        let trouble = |trouble| refused_if_too_much(not_for_us(trouble));
        let value = self.breaker.with(Does::Read, |connection| connection.value(&packed, most).map_err(trouble))?;
        Ok(bytes(value))
    }

    /// Many at once, in the order of `keys`. A value that is no text or larger than `most` is `None`; the latter is reported.
    pub fn get_many(&self, keys: &[Key], copy: CopyKind, most: usize) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(KEYS_AT_ONCE) {
            let mut cmd = Cmd::new();
            cmd.arg("MGET");
            for key in chunk {
                cmd.arg(self.name(key, copy));
            }
            // What others put there may make it too large; that is no outage.
            let all = most.saturating_mul(chunk.len());
            let found =
                self.breaker.with(Does::Read, |c| c.values(&cmd, chunk.len(), all).map_err(refused_if_too_much));
            match found {
                Ok(found) => values.extend(found.into_iter().map(bytes)),
                // Too much together: each for itself, without the one that is none of ours.
                Err(StoreError::Refused(why)) => {
                    log::debug!("redis refused keys={} error={why:?}", chunk.len());
                    for key in chunk {
                        match self.get(key, copy, most) {
                            Ok(value) => values.push(value),
                            Err(StoreError::Refused(why)) => {
                                self.report_unrecognized(key, copy, &why);
                                values.push(None);
                            }
                            Err(away) => return Err(away),
                        }
                    }
                }
                Err(away) => return Err(away),
            }
        }
        values.resize(keys.len(), None);
        Ok(values)
    }

    /// Stores both copies of a value in place of the last-known one that is there; false: there is none, and nothing is
    /// stored. Whether it is there and that it is replaced is one step, in Redis.
    pub fn replace(&self, entry: &Entry) -> Result<bool, StoreError> {
        let set = |copy: CopyKind| {
            let mut cmd = Cmd::new();
            cmd.arg("SET").arg(self.name(&entry.key, copy)).arg(&*entry.value).arg("PX").arg(entry.life_ms(copy));
            if copy == CopyKind::LastKnown {
                cmd.arg("XX");
            }
            self.ask::<Value>(Does::Write, &cmd).map_err(|error| match error {
                StoreError::Refused(why) => self.breaker.refuse_writes(&why),
                unavailable @ StoreError::Unavailable(_) => unavailable,
            })
        };
        if set(CopyKind::LastKnown)? != Value::Okay {
            return Ok(false);
        }
        set(CopyKind::Live).map(|_| true)
    }

    /// Stores both copies of each value. What is refused is sent again when Redis takes values.
    pub fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let both = |entry| [(CopyKind::Live, entry), (CopyKind::LastKnown, entry)];
        let mut rest = entries.iter().flat_map(both).peekable();
        while rest.peek().is_some() {
            let mut pipeline = Pipeline::new();
            let mut size = 0;
            while let Some((copy, entry)) = rest.next_if(|(_, e)| size == 0 || size + e.value.len() <= PIPELINE_BYTES) {
                size += entry.value.len();
                let ms = entry.life_ms(copy);
                pipeline.cmd("SET").arg(self.name(&entry.key, copy)).arg(&*entry.value).arg("PX").arg(ms);
            }
            match self.breaker.with(Does::Write, |connection| connection.ask_all(&pipeline)) {
                Ok(()) => {}
                Err(StoreError::Refused(why)) => return Err(self.breaker.refuse_writes(&why)),
                Err(unavailable) => return Err(unavailable),
            }
        }
        if !entries.is_empty() {
            self.breaker.writes.proven();
        }
        Ok(())
    }
}

fn of_both(key: Key) -> [(Key, CopyKind); 2] {
    [(key.clone(), CopyKind::Live), (key, CopyKind::LastKnown)]
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        _ => None,
    }
}

/// Who may not read one of our keys may read none, as the trial will find, too.
fn not_for_us(trouble: Trouble) -> Trouble {
    if trouble.code == "NOPERM" { Trouble { kind: Kind::Login, ..trouble } } else { trouble }
}

fn refused_if_too_much(trouble: Trouble) -> Trouble {
    if trouble.kind == Kind::TooMuch { Trouble { kind: Kind::Refused, ..trouble } } else { trouble }
}
