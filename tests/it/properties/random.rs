//! Random cases that can be repeated, because all of them follow from one seed.

use crate::support::PATIENCE;
use crate::support::rng::{self, Rng};
use jbod_monitor::domain::hash::fnv1a;
use proptest::test_runner::{Config, RngSeed};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

const VARIABLE: &str = "PROPERTIES_SEED";

/// The seed of this run.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| rng::seed(VARIABLE))
}

/// The configuration of proptest with that seed. It does not write files about failed cases.
pub fn cases(count: u32) -> Config {
    Config { cases: count, rng_seed: RngSeed::Fixed(seed()), failure_persistence: None, ..Config::default() }
}

/// The random numbers of one case of those named `what`.
pub fn rng_of(what: &str, case: u64) -> Rng {
    Rng::of(seed() ^ fnv1a(what.bytes()) ^ case.wrapping_mul(0xd134_2543_de82_ef95))
}

/// Calls `check` with the bytes of `make` for each case. Reports a case that panics or does not end.
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
    // A thread with the stack size of the daemon's threads.
    let thread = std::thread::Builder::new().name(what.to_owned()).spawn(move || {
        for case in 0..count {
            case_now.store(case, Ordering::Relaxed);
            let bytes = make(&mut rng_of(what, case));
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
    assert!(ended.is_ok(), "{what}: a case failed, see above; {VARIABLE}={seed} repeats it");
}
