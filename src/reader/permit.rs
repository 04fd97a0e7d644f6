//! One list at a time is fetched or parsed: what a stored value costs in memory is not multiplied by how many ask.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::time::Instant;

pub(super) struct Permit {
    free: Receiver<()>,
    back: Sender<()>,
}

/// Given back when dropped.
pub(super) struct Taken<'a>(&'a Permit);

impl Default for Permit {
    fn default() -> Self {
        let (back, free) = bounded(1);
        // There is room for it.
        let _ = back.try_send(());
        Self { free, back }
    }
}

impl Permit {
    /// `None`: others had it until then.
    pub(super) fn take(&self, until: Instant) -> Option<Taken<'_>> {
        self.free.recv_deadline(until).ok().map(|()| Taken(self))
    }
}

impl Drop for Taken<'_> {
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
    fn one_has_it_and_it_comes_back_also_after_a_panic() {
        let (permit, inside) = (Permit::default(), AtomicUsize::new(0));
        let later = || Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let work = || {
                    let _held = permit.take(later()).expect("it comes back");
                    assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0, "nobody else has it");
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::AcqRel);
                };
                let panics = || {
                    let _held = permit.take(later());
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
        let held = permit.take(Instant::now()).expect("it is free at once");
        assert!(permit.take(Instant::now()).is_none(), "it is taken");
        drop(held);
        assert!(permit.take(Instant::now()).is_some());
    }
}
