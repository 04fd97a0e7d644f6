//! Random numbers that can be repeated: all of them depend on one seed, which is printed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;

/// `SplitMix64`: small, fast in a debug build, and the same on every platform.
pub struct Rng(u64);

impl Rng {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("fits");
        usize::try_from(self.next() % bound).expect("fits")
    }

    /// True with a probability of 1 in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// An element of a list that is sorted by size, with a preference for small ones.
    pub fn small<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = (0..3).map(|_| self.below(of.len())).min();
        &of[at.unwrap_or(0)]
    }
}

/// The seed where the environment has none, so that every run tests the same cases.
const FIXED: u64 = 20_261_130;

/// The seed from the environment variable (a number, or `random`), else `FIXED`. It is printed past the output capture
/// of the test harness, so that it is also visible if the run is aborted.
pub fn seed(variable: &str) -> u64 {
    let named = std::env::var(variable).unwrap_or_default();
    let seed = match named.trim() {
        "" => FIXED,
        "random" => RandomState::new().build_hasher().finish() >> 32,
        text => text.parse().unwrap_or_else(|_| panic!("{variable}: found {text:?}, expected a number or \"random\"")),
    };
    let _ = writeln!(std::io::stderr(), "{variable}={seed} repeats this run");
    seed
}
