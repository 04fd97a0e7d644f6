//! A lock with a deadline, held while a list is fetched and parsed. A parsed list may take many times its size in
//! memory, so only one is parsed at a time.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::time::Instant;

pub(super) struct ParseLock {
    free: Receiver<()>,
    release: Sender<()>,
}

/// Releases the lock when dropped.
pub(super) struct ParseLockGuard<'a>(&'a ParseLock);

impl Default for ParseLock {
    fn default() -> Self {
        let (release, free) = bounded(1);
        // The channel is empty, so this succeeds.
        let _ = release.try_send(());
        Self { free, release }
    }
}

impl ParseLock {
    /// `None` if the lock was not free before the deadline.
    pub(super) fn lock_until(&self, deadline: Instant) -> Option<ParseLockGuard<'_>> {
        self.free.recv_deadline(deadline).ok()?;
        Some(ParseLockGuard(self))
    }
}

impl Drop for ParseLockGuard<'_> {
    fn drop(&mut self) {
        let _ = self.0.release.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn one_thread_holds_it_and_a_panic_releases_it() {
        let (lock, inside) = (ParseLock::default(), AtomicUsize::new(0));
        let deadline = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            for number in 0..8 {
                if number % 4 == 3 {
                    let thread = scope.spawn(|| {
                        let _guard = lock.lock_until(deadline);
                        panic!("with the lock");
                    });
                    assert!(thread.join().is_err());
                } else {
                    scope.spawn(|| {
                        let _guard = lock.lock_until(deadline).expect("it is released");
                        assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0, "one at a time");
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::AcqRel);
                    });
                }
            }
        });
        let guard = lock.lock_until(Instant::now()).expect("it is free at once");
        assert!(lock.lock_until(Instant::now()).is_none(), "it is taken");
        drop(guard);
        assert!(lock.lock_until(Instant::now()).is_some());
    }
}
