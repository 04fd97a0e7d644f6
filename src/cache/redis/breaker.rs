//! The breaker: while Redis is away nobody asks it but one trial at a time.
//!
//! Closed, it lends connections from a pool; the first failure opens it, and the pool goes (its
//! own retries with it). Open, every call fails at once, and a thread tries, at least every five
//! seconds; the first trial that succeeds closes it with a new pool. An outage is two log lines.

use super::connect::Manager;
use super::{StoreError, Trouble, ping, trouble, words};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};
use r2d2::{ManageConnection, NopErrorHandler, Pool};
use redis::{Connection, RedisError};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// What the start waits for the first trial, so that a Redis that is there is used from the first
/// request on.
const FIRST_TRIAL: Duration = Duration::from_millis(20);
/// Between trials: soon at first, then …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … at most this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Breaker {
    manager: Manager,
    size: u32,
    timeout: Duration,
    /// `None`: open.
    pool: RwLock<Option<Arc<Pool<Manager>>>>,
    opened: Sender<String>,
}

impl Breaker {
    pub(super) fn start(
        manager: Manager,
        size: u32,
        timeout: Duration,
        alive: impl Send + 'static,
        stop: Stop,
    ) -> std::io::Result<(Arc<Self>, Receiver<()>)> {
        let (opened, openings) = bounded(1);
        let (back_tx, back) = bounded(1);
        let (tried_tx, tried) = bounded(1);
        let breaker = Arc::new(Self { manager, size, timeout, pool: RwLock::default(), opened });
        let own = Arc::clone(&breaker);
        let run = move || {
            let _alive = alive;
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
                Err(error) => {
                    drop(tried_tx);
                    own.wait_until_back(&words(&error), &back_tx, &stop)
                }
            };
            if goes_on {
                own.watch(&openings, &back_tx, &stop);
            }
        };
        thread::Builder::new().name("redis-trial".to_owned()).spawn(run)?;
        let _ = tried.recv_timeout(FIRST_TRIAL);
        Ok((breaker, back))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Runs `work` on a connection. One that proves to be gone (Redis was restarted, and the pool
    /// did not notice) is replaced, as often as the pool may hold such; any other failure opens.
    pub(super) fn with<T>(&self, work: impl Fn(&mut Connection) -> Result<T, RedisError>) -> Result<T, StoreError> {
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(pool) = pool else { return Err(StoreError::Unavailable("redis is away".to_owned())) };
        for _ in 0..=self.size {
            let Ok(mut connection) = pool.get() else { return Err(self.open(&pool, "no connection in time")) };
            let error = match work(&mut connection) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match trouble(&error) {
                Trouble::Refused => return Err(StoreError::Refused(words(&error))),
                Trouble::Away => return Err(self.open(&pool, &words(&error))),
                Trouble::Gone => {}
            }
        }
        Err(self.open(&pool, "every connection is gone"))
    }

    /// Opens for a failure on `pool`; one that is replaced by now says nothing of today's Redis.
    fn open(&self, pool: &Arc<Pool<Manager>>, why: &str) -> StoreError {
        let mut current = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, pool)) {
            *current = None;
            let _ = self.opened.try_send(why.to_owned());
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
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pool));
    }

    /// Sleeps while the breaker is closed.
    fn watch(&self, openings: &Receiver<String>, back: &Sender<()>, stop: &Stop) {
        loop {
            let why = select! {
                recv(stop.channel()) -> _ => return,
                recv(openings) -> why => why.unwrap_or_default(),
            };
            // The pool only says that it has no connection; a trial says why.
            let why = self.try_again().err().as_ref().map_or(why, words);
            if !self.wait_until_back(&why, back, stop) {
                return;
            }
        }
    }

    /// One trial at a time, until Redis answers or (false) the daemon stops.
    fn wait_until_back(&self, why: &str, back: &Sender<()>, stop: &Stop) -> bool {
        let since = Instant::now();
        log::warn!("redis is away, serving from memory and drives error={why:?}");
        let mut pause = FIRST_PAUSE;
        loop {
            if self.try_again().is_ok() {
                break;
            }
            if stop.channel().recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.close();
        log::info!("redis is back away_s={}", since.elapsed().as_secs());
        let _ = back.try_send(());
        true
    }

    fn try_again(&self) -> Result<(), RedisError> {
        ping(&mut self.manager.connect()?)
    }
}
