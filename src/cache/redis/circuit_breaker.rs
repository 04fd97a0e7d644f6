//! The circuit breaker: while Redis is unavailable no request asks it, only one probe at a time does; while it rejects
//! writes nothing is written but one probe at a time.
//!
//! While it is closed, it provides connections from a pool; the first failure opens it and drops the pool. While it is
//! open, every call fails at once, and a thread probes Redis at least every five seconds; the first successful probe
//! closes it with a new pool. An outage is two log lines.

use super::connection::RedisConnection;
use super::connector::Connector;
use super::error::{FailureKind, RedisError};
use super::health::{Outage, RedisHealth};
use super::r2d2_pool::ConnectionPool;
use super::write_breaker::{self, WriteBreaker};
use crate::cache::StoreError;
use crate::clock::now;
use crate::events::{EventFields, EventKind, Subject, emit, event};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, after, bounded, never, select, unbounded};
use log::Level;
use redis::{Cmd, Value};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// How long the start waits for the first probe, so that the first request already uses an available Redis.
const STARTUP_PROBE_TIMEOUT: Duration = Duration::from_millis(20);
/// Initial interval between probes; it doubles …
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(200);
/// … up to this. Together with the duration of a probe it is below five seconds.
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(4);
/// The interval between probes is reset only after Redis was available for this long.
const STABLE_AFTER: Duration = Duration::from_secs(10);

pub(super) struct CircuitBreaker {
    connector: Connector,
    max_connections: u32,
    timeout: Duration,
    keys: ProbeKeys,
    /// `None` while the breaker is open.
    pool: RwLock<Option<Arc<ConnectionPool>>>,
    /// Why the breaker is open.
    outage: Mutex<Option<Outage>>,
    pub(super) writes: WriteBreaker,
    events: Sender<BreakerEvent>,
}

/// The keys that probes read and write.
pub(super) struct ProbeKeys {
    pub(super) read: String,
    pub(super) write: String,
}

/// A message to the probe thread.
enum BreakerEvent {
    /// The breaker has opened. `by_write` is true if a write has failed; reads may still work.
    Opened { why: String, by_write: bool },
    /// The breaker for writes has opened.
    WritesRejected,
}

/// The use of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessMode {
    Read,
    Write,
}

impl CircuitBreaker {
    pub(super) fn start(
        connector: Connector,
        (max_connections, timeout): (u32, Duration),
        keys: ProbeKeys,
        alive: impl Send + 'static,
        stop: Stop,
    ) -> std::io::Result<(Arc<Self>, Receiver<()>)> {
        let (events, event_receiver) = unbounded();
        let (recovered, recoveries) = bounded(1);
        let (first_success, first_probe) = bounded(1);
        let outage = Mutex::new(Some(Outage::new("not probed yet")));
        let (pool, writes) = (RwLock::default(), WriteBreaker::default());
        let breaker = Arc::new(Self { connector, max_connections, timeout, keys, pool, outage, writes, events });
        let own = Arc::clone(&breaker);
        let run = move || {
            let _alive = alive;
            let mut interval = MIN_PROBE_INTERVAL;
            // The breaker is open at first: this thread finds out whether Redis is available, not a request.
            let continues = match own.probe() {
                Ok(()) => {
                    own.close();
                    if first_success.send(()).is_err() {
                        // The start no longer waits for it.
                        let _ = recovered.try_send(());
                    }
                    true
                }
                Err(error) => {
                    drop(first_success);
                    own.probe_until_available(&error.message, &mut interval, &recovered, &stop)
                }
            };
            if continues {
                own.watch(&event_receiver, interval, &recovered, &stop);
            }
        };
        thread::Builder::new().name("redis-probe".to_owned()).spawn(run)?;
        let _ = first_probe.recv_timeout(STARTUP_PROBE_TIMEOUT);
        Ok((breaker, recoveries))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn health(&self) -> RedisHealth {
        // Cloned, so that its lock is not held while waiting for that of the writes, which is held while logging.
        let outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match outage {
            Some(outage) => RedisHealth { reads: Some(outage.clone()), writes: Some(outage) },
            None => RedisHealth { reads: None, writes: self.writes.outage() },
        }
    }

    /// Runs `operation` on a connection. A connection that was closed (by a restart of Redis, for example) is replaced,
    /// as often as the pool may have such connections; any other failure opens the breaker.
    pub(super) fn run<T>(
        &self,
        access: AccessMode,
        operation: impl Fn(&mut RedisConnection) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        if access == AccessMode::Write && !self.writes.may_write() {
            return Err(StoreError::Unavailable("redis rejects writes".to_owned()));
        }
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(pool) = pool else { return Err(StoreError::Unavailable("redis unavailable".to_owned())) };
        let started = Instant::now();
        for _ in 0..=self.max_connections {
            let Some(mut connection) = pool.get() else {
                return Err(self.open(&pool, "timed out waiting for a connection", access));
            };
            let error = match operation(&mut connection) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error.kind {
                // The master has become a replica: the sentinels know the new one.
                FailureKind::Rejected if error.code == "READONLY" && self.connector.uses_sentinels() => {
                    return Err(self.open(&pool, &error.message, AccessMode::Read));
                }
                FailureKind::Rejected if access == AccessMode::Write && error.concerns_all_writes() => {
                    return Err(self.reject_writes(&error.message));
                }
                FailureKind::Rejected => return Err(StoreError::Refused(error.message)),
                FailureKind::Unavailable | FailureKind::Login | FailureKind::Tls | FailureKind::TooLarge => {
                    return Err(self.open(&pool, &error.message, access));
                }
                // A connection that was closed before fails at once. After a longer time there is no second attempt.
                FailureKind::Disconnected if started.elapsed() < self.timeout / 2 => {}
                FailureKind::Disconnected => break,
            }
        }
        Err(self.open(&pool, "all connections were closed", access))
    }

    /// Opens the breaker for writes alone.
    pub(super) fn reject_writes(&self, why: &str) -> StoreError {
        if self.writes.open(why) {
            let _ = self.events.send(BreakerEvent::WritesRejected);
        }
        StoreError::Unavailable(why.to_owned())
    }

    /// Opens the breaker after a failure in `pool`. A failure in a pool that has been replaced is ignored.
    fn open(&self, pool: &Arc<ConnectionPool>, why: &str, access: AccessMode) -> StoreError {
        let mut current = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = &*current
            && Arc::ptr_eq(failed, pool)
        {
            *current = None;
            *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = Some(Outage::new(why));
            let _ =
                self.events.send(BreakerEvent::Opened { why: why.to_owned(), by_write: access == AccessMode::Write });
        }
        StoreError::Unavailable(why.to_owned())
    }

    fn close(&self) {
        let pool = ConnectionPool::new(self.connector.clone(), self.max_connections, self.timeout);
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pool));
    }

    /// The loop of the probe thread. Waits while both breakers are closed.
    fn watch(&self, events: &Receiver<BreakerEvent>, mut interval: Duration, recovered: &Sender<()>, stop: &Stop) {
        // The end of the last outage.
        let mut closed_at = None::<Instant>;
        let mut write_interval = write_breaker::MIN_PROBE_INTERVAL;
        loop {
            let write_probe = if self.writes.is_closed() { never() } else { after(write_interval) };
            let event = select! {
                recv(stop.channel()) -> _ => return,
                recv(events) -> event => event.ok(),
                recv(write_probe) -> _ => None,
            };
            let (why, by_write) = match event {
                Some(BreakerEvent::Opened { why, by_write }) => (why, by_write),
                Some(BreakerEvent::WritesRejected) => {
                    write_interval = write_breaker::MIN_PROBE_INTERVAL;
                    continue;
                }
                None => {
                    self.probe_write(recovered);
                    write_interval = (write_interval * 2).min(write_breaker::MAX_PROBE_INTERVAL);
                    continue;
                }
            };
            if !is_recent(closed_at) {
                interval = MIN_PROBE_INTERVAL;
            } else if stop.channel().recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                interval = (interval * 2).min(MAX_PROBE_INTERVAL);
            } else {
                return;
            }
            // The pool reports only that it has no connection; a probe shows the cause.
            let probed = self.probe();
            if by_write && probed.is_ok() {
                // Reads work.
                self.close();
                self.reject_writes(&why);
                continue;
            }
            let why = match probed {
                Ok(()) => why,
                Err(error) => error.message,
            };
            if !self.probe_until_available(&why, &mut interval, recovered, stop) {
                return;
            }
            closed_at = Some(Instant::now());
        }
    }

    /// Probes until Redis is available. False if the daemon stops before.
    fn probe_until_available(&self, why: &str, interval: &mut Duration, recovered: &Sender<()>, stop: &Stop) -> bool {
        let since = Instant::now();
        emit(&event!(
            Level::Warn,
            EventKind::RedisAway,
            now(),
            Subject::Redis,
            EventFields::none(),
            "redis unavailable, serving from memory and drives error={why:?}"
        ));
        self.update_reason(why);
        while let Err(error) = self.probe() {
            self.update_reason(&error.message);
            if stop.channel().recv_timeout(*interval) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            *interval = (*interval * 2).min(MAX_PROBE_INTERVAL);
        }
        // Sending everything will show whether it accepts writes.
        self.writes.probe_succeeded();
        self.close();
        emit(&event!(
            Level::Info,
            EventKind::RedisBack,
            now(),
            Subject::Redis,
            EventFields::none(),
            "redis available again away_s={}",
            since.elapsed().as_secs()
        ));
        let _ = recovered.try_send(());
        true
    }

    fn update_reason(&self, why: &str) {
        let mut current = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *current {
            Some(outage) => why.clone_into(&mut outage.why),
            None => *current = Some(Outage::new(why)),
        }
    }

    /// Reads a key, as every request does: a Redis that replies to PING may still reject reads.
    fn probe(&self) -> Result<(), RedisError> {
        let mut connection = self.connector.discover_and_connect()?;
        match connection.ask::<Value>(Cmd::new().arg("GET").arg(&self.keys.read)) {
            Err(error) if error.code == "NOPERM" => Err(self.connector.record_rejected_login(error)),
            // A value of a wrong type or size does not concern availability.
            Err(error) if error.code == "WRONGTYPE" || error.kind == FailureKind::TooLarge => Ok(()),
            other => other.map(drop).map_err(RedisError::at_connect),
        }
    }

    /// Writes one small value on a separate connection.
    fn probe_write(&self, recovered: &Sender<()>) {
        if self.writes.may_write() {
            // The last probe succeeded, and no write has been rejected since.
            self.writes.confirm_writes();
            return;
        }
        match self.try_write() {
            Ok(()) => {
                self.writes.probe_succeeded();
                let _ = recovered.try_send(());
            }
            Err(error) => {
                self.writes.open(&error.message);
            }
        }
    }

    fn try_write(&self) -> Result<(), RedisError> {
        let mut connection = self.connector.connect()?;
        connection.ask::<Value>(Cmd::new().arg("SET").arg(&self.keys.write).arg("1").arg("PX").arg(1000))?;
        Ok(())
    }
}

fn is_recent(closed_at: Option<Instant>) -> bool {
    match closed_at {
        Some(at) => at.elapsed() <= STABLE_AFTER,
        None => false,
    }
}
