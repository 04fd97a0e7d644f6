//! A permit that one thread holds at a time. It keeps requests from fetching and parsing lists at once, each of which may
//! take many times its bytes in memory.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::time::Instant;

pub(super) struct Permit {
    free: Receiver<()>,
    back: Sender<()>,
}

/// Releases the permit when dropped.
pub(super) struct Guard<'a>(&'a Permit);

impl Default for Permit {
    fn default() -> Self {
        let (back, free) = bounded(1);
        // The channel is empty, so there is room.
        let _ = back.try_send(());
        Self { free, back }
    }
}

impl Permit {
    /// `None`: it was not free until then.
    pub(super) fn take(&self, until: Instant) -> Option<Guard<'_>> {
        self.free.recv_deadline(until).ok().map(|()| Guard(self))
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let _ = self.0.back.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn one_thread_holds_it_and_a_panic_releases_it() {
        let (permit, inside) = (Permit::default(), AtomicUsize::new(0));
        let later = || Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let work = || {
                    let _guard = permit.take(later()).expect("it is released");
                    assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0, "one at a time");
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::AcqRel);
                };
                let panics = || {
                    let _guard = permit.take(later());
                    panic!("with the permit");
                };
                if number % 4 == 3 {
                    let thread = scope.spawn(panics);
                    assert!(thread.join().is_err());
                } else {
                    scope.spawn(work);
                }
            }
        });
        let guard = permit.take(Instant::now()).expect("it is free at once");
        assert!(permit.take(Instant::now()).is_none(), "it is taken");
        drop(guard);
        assert!(permit.take(Instant::now()).is_some());
    }
}
