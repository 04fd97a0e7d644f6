//! Chance that can be had again: everything follows from one seed.

use crate::support::PATIENCE;
use jbod_monitor::model::fnv1a;
use proptest::test_runner::{Config, RngSeed};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

const VARIABLE: &str = "PROPERTIES_SEED";

/// The seed of this run.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let set = std::env::var(VARIABLE).ok();
        let seed = match set {
            Some(text) => text.trim().parse().unwrap_or_else(|_| panic!("{VARIABLE}: found {text:?}, wanted a number")),
            None => RandomState::new().build_hasher().finish() >> 32,
        };
        // Past the capture of output, so that it is seen also of a run that was aborted.
        let _ = writeln!(std::io::stderr(), "properties: {VARIABLE}={seed} tries the same cases again");
        seed
    })
}

/// For proptest, with that seed. What has failed is not written into the tree.
pub fn cases(count: u32) -> Config {
    Config { cases: count, rng_seed: RngSeed::Fixed(seed()), failure_persistence: None, ..Config::default() }
}

/// `SplitMix64`: small, quick in a debug build, and the same everywhere.
pub struct Rng(u64);

impl Rng {
    /// That of one case among those called `what`.
    pub fn of(what: &str, case: u64) -> Self {
        Self(seed() ^ fnv1a(what.bytes()) ^ case.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`; 0 where there is nothing below.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("fits");
        usize::try_from(self.next() % bound).expect("fits")
    }

    pub fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// One of a list that is sorted by size, the smaller ones more often.
    pub fn small<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = (0..3).map(|_| self.below(of.len())).min();
        &of[at.unwrap_or(0)]
    }
}

/// Hands `make`'s bytes to `check`, case by case. A case that panics is shown; so is one that does
/// not end.
#[track_caller]
pub fn try_cases(
    what: &'static str,
    count: u64,
    make: impl Fn(&mut Rng) -> Vec<u8> + Send + 'static,
    check: impl Fn(&[u8]) + Send + 'static,
) {
    let seed = seed();
    let at = Arc::new(AtomicU64::new(0));
    let (done, ended) = mpsc::channel();
    let case_now = Arc::clone(&at);
    // A thread with the stack that the program's own threads have.
    let thread = std::thread::Builder::new().name(what.to_owned()).spawn(move || {
        for case in 0..count {
            case_now.store(case, Ordering::Relaxed);
            let bytes = make(&mut Rng::of(what, case));
            if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
                let shown: String = String::from_utf8_lossy(&bytes).chars().take(4000).collect();
                panic!("{what}: case {case} of {VARIABLE}={seed}: {shown:?}");
            }
        }
        let _ = done.send(());
    });
    let thread = thread.expect("a thread");
    let mut seen = 0;
    while ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        let now = at.load(Ordering::Relaxed);
        assert!(now > seen, "{what}: case {now} of {VARIABLE}={seed} does not end");
        seen = now;
    }
    let ended = thread.join();
    assert!(ended.is_ok(), "{what}: a case failed, see above; {VARIABLE}={seed} tries it again");
}
