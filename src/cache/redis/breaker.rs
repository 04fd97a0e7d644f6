//! The breakers: while Redis is away nobody asks it but one trial at a time; while it takes no
//! values nothing is written but one.
//!
//! Closed, it lends connections from a pool; the first failure opens it, and the pool goes (its
//! own retries with it). Open, every call fails at once, and a thread tries, at least every five
//! seconds; the first trial that succeeds closes it with a new pool. An outage is two log lines.

use super::StoreError;
use super::connect::Manager;
use super::connection::Connection;
use super::health::{Ill, RedisHealth};
use super::trouble::{Kind, Trouble};
use super::writes::{self, Writes};
use crate::clock::now;
use crate::events::{EventFields, EventKind, Subject, emit, event};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, after, bounded, never, select, unbounded};
use log::Level;
use r2d2::{ManageConnection, NopErrorHandler, Pool};
use redis::{Cmd, Value};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// What the start waits for the first trial, so that a Redis that is there is used from the first
/// request on.
const FIRST_TRIAL: Duration = Duration::from_millis(20);
/// Between trials: soon at first, then …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … at most this; with the trial itself it stays below five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// A Redis that is away again so soon was never really back: its pauses are not short again.
const STEADY: Duration = Duration::from_secs(10);

pub(super) struct Breaker {
    manager: Manager,
    size: u32,
    timeout: Duration,
    keys: TrialKeys,
    /// `None`: open.
    pool: RwLock<Option<Arc<Pool<Manager>>>>,
    /// Why it is open.
    ill: Mutex<Option<Ill>>,
    pub(super) writes: Writes,
    news: Sender<News>,
}

/// What the trials read and write.
pub(super) struct TrialKeys {
    pub(super) read: String,
    pub(super) write: String,
}

/// What a call came upon, for the thread.
enum News {
    /// The breaker has just opened; by a write, perhaps for writes only.
    Away { why: String, by_write: bool },
    /// Writes have just been refused.
    Refused,
}

/// What is done on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Read,
    Write,
}

impl Breaker {
    pub(super) fn start(
        manager: Manager,
        (size, timeout): (u32, Duration),
        keys: TrialKeys,
        alive: impl Send + 'static,
        stop: Stop,
    ) -> std::io::Result<(Arc<Self>, Receiver<()>)> {
        let (news, incoming) = unbounded();
        let (back_tx, back) = bounded(1);
        let (tried_tx, tried) = bounded(1);
        let ill = Mutex::new(Some(Ill::new("not asked yet")));
        let (pool, writes) = (RwLock::default(), Writes::default());
        let breaker = Arc::new(Self { manager, size, timeout, keys, pool, ill, writes, news });
        let own = Arc::clone(&breaker);
        let run = move || {
            let _alive = alive;
            let mut pause = FIRST_PAUSE;
            // It begins open: whether Redis is there is for this thread to find out, not for a request.
            let goes_on = match own.try_again() {
                Ok(()) => {
                    own.close();
                    if tried_tx.send(()).is_err() {
                        // The start went on without it.
                        let _ = back_tx.try_send(());
                    }
                    true
                }
                Err(trouble) => {
                    drop(tried_tx);
                    own.wait_until_back(&trouble.words, &mut pause, &back_tx, &stop)
                }
            };
            if goes_on {
                own.watch(&incoming, pause, &back_tx, &stop);
            }
        };
        thread::Builder::new().name("redis-trial".to_owned()).spawn(run)?;
        let _ = tried.recv_timeout(FIRST_TRIAL);
        Ok((breaker, back))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn health(&self) -> RedisHealth {
        let reads = self.ill.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let writes = reads.clone().or_else(|| self.writes.ill());
        RedisHealth { reads, writes }
    }

    /// Runs `work` on a connection. One that proves to be gone (Redis was restarted, and the pool
    /// did not notice) is replaced, as often as the pool may hold such; any other failure opens.
    pub(super) fn with<T>(
        &self,
        does: Does,
        work: impl Fn(&mut Connection) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        if does == Does::Write && !self.writes.may_write() {
            return Err(StoreError::Unavailable("redis takes no values".to_owned()));
        }
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(pool) = pool else { return Err(StoreError::Unavailable("redis is away".to_owned())) };
        let started = Instant::now();
        for _ in 0..=self.size {
            let Ok(mut connection) = pool.get() else { return Err(self.open(&pool, "no connection in time", does)) };
            let trouble = match work(&mut connection) {
                Ok(value) => return Ok(value),
                Err(trouble) => trouble,
            };
            match trouble.kind {
                // A master that has become a replica: the sentinels know another.
                Kind::Refused if trouble.code == "READONLY" && self.manager.asks_sentinels() => {
                    return Err(self.open(&pool, &trouble.words, Does::Read));
                }
                Kind::Refused if does == Does::Write && trouble.concerns_all_writes() => {
                    return Err(self.refuse_writes(&trouble.words));
                }
                Kind::Refused => return Err(StoreError::Refused(trouble.words)),
                Kind::Away | Kind::Login | Kind::Tls | Kind::TooMuch => {
                    return Err(self.open(&pool, &trouble.words, does));
                }
                // One that was gone before shows so at once. Whoever waited for it does not wait for another.
                Kind::Gone if started.elapsed() < self.timeout / 2 => {}
                Kind::Gone => break,
            }
        }
        Err(self.open(&pool, "every connection is gone", does))
    }

    /// Opens for writes alone.
    pub(super) fn refuse_writes(&self, why: &str) -> StoreError {
        if self.writes.refused(why) {
            let _ = self.news.send(News::Refused);
        }
        StoreError::Unavailable(why.to_owned())
    }

    /// Opens for a failure on `pool`; one that is replaced by now says nothing of today's Redis.
    fn open(&self, pool: &Arc<Pool<Manager>>, why: &str, does: Does) -> StoreError {
        let mut current = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, pool)) {
            *current = None;
            *self.ill.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ill::new(why));
            let _ = self.news.send(News::Away { why: why.to_owned(), by_write: does == Does::Write });
        }
        StoreError::Unavailable(why.to_owned())
    }

    fn close(&self) {
        let pool = Pool::builder()
            .max_size(self.size)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(self.timeout)
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(self.manager.clone());
        *self.ill.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pool));
    }

    /// Sleeps while all is well.
    fn watch(&self, incoming: &Receiver<News>, mut pause: Duration, back: &Sender<()>, stop: &Stop) {
        // Before the first outage there was none that could go on.
        let mut closed = None::<Instant>;
        let mut between_writes = writes::FIRST_PAUSE;
        loop {
            let due = if self.writes.is_well() { never() } else { after(between_writes) };
            let news = select! {
                recv(stop.channel()) -> _ => return,
                recv(incoming) -> news => news.ok(),
                recv(due) -> _ => None,
            };
            let (why, by_write) = match news {
                Some(News::Away { why, by_write }) => (why, by_write),
                Some(News::Refused) => {
                    between_writes = writes::FIRST_PAUSE;
                    continue;
                }
                None => {
                    self.try_writing(back);
                    between_writes = (between_writes * 2).min(writes::LONGEST_PAUSE);
                    continue;
                }
            };
            if closed.is_none_or(|at| at.elapsed() > STEADY) {
                pause = FIRST_PAUSE;
            } else if stop.channel().recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = (pause * 2).min(LONGEST_PAUSE);
            } else {
                return;
            }
            // The pool only says that it has no connection; a trial says why.
            let tried = self.try_again();
            if by_write && tried.is_ok() {
                // Whoever only reads gets answers.
                self.close();
                self.refuse_writes(&why);
                continue;
            }
            let why = tried.err().map_or(why, |trouble| trouble.words);
            if !self.wait_until_back(&why, &mut pause, back, stop) {
                return;
            }
            closed = Some(Instant::now());
        }
    }

    /// One trial at a time, until Redis answers or (false) the daemon stops.
    fn wait_until_back(&self, why: &str, pause: &mut Duration, back: &Sender<()>, stop: &Stop) -> bool {
        let since = Instant::now();
        emit(&event!(
            Level::Warn,
            EventKind::RedisAway,
            now(),
            Subject::Redis,
            EventFields::none(),
            "redis is away, serving from memory and drives error={why:?}"
        ));
        self.say_why(why);
        while let Err(trouble) = self.try_again() {
            self.say_why(&trouble.words);
            if stop.channel().recv_timeout(*pause) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
        }
        // What it takes will show when everything is sent.
        self.writes.tried();
        self.close();
        emit(&event!(
            Level::Info,
            EventKind::RedisBack,
            now(),
            Subject::Redis,
            EventFields::none(),
            "redis is back away_s={}",
            since.elapsed().as_secs()
        ));
        let _ = back.try_send(());
        true
    }

    fn say_why(&self, why: &str) {
        let mut ill = self.ill.lock().unwrap_or_else(PoisonError::into_inner);
        let began = ill.as_ref().map(|ill| ill.began);
        let new = Ill::new(why);
        *ill = Some(Ill { began: began.unwrap_or(new.began), ..new });
    }

    /// Reads a key as every request does: who answers a PING may still have nothing to read.
    fn try_again(&self) -> Result<(), Trouble> {
        let mut connection = self.manager.seek()?;
        match connection.ask::<Value>(Cmd::new().arg("GET").arg(&self.keys.read)) {
            Err(trouble) if trouble.code == "NOPERM" => Err(self.manager.refused(trouble)),
            // What stands there is another matter: of a wrong type, or too large.
            Err(trouble) if trouble.code == "WRONGTYPE" || trouble.kind == Kind::TooMuch => Ok(()),
            other => other.map(drop).map_err(Trouble::at_start),
        }
    }

    /// One small value, on a connection of its own. Nobody needs it.
    fn try_writing(&self, back: &Sender<()>) {
        if self.writes.may_write() {
            // The trial before this one went well, and nothing has been refused since.
            self.writes.proven();
            return;
        }
        let mut cmd = Cmd::new();
        cmd.arg("SET").arg(&self.keys.write).arg("1").arg("PX").arg(1000);
        match self.manager.connect().and_then(|mut connection| connection.ask::<Value>(&cmd)) {
            Ok(_) => {
                self.writes.tried();
                let _ = back.try_send(());
            }
            Err(trouble) => drop(self.writes.refused(&trouble.words)),
        }
    }
}
