//! The daemon's vitals each second, and whether they rise.

use crate::support::daemon::Daemon;
use crate::support::proc_stats::Vitals;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A child that has ended is fetched within so many samples.
const ZOMBIE_SAMPLES: usize = 5;

pub struct Samples(Vec<Vitals>);

pub fn sample_until(daemon: &Daemon, over: &AtomicBool) -> Samples {
    let (mut samples, mut zombies): (_, HashMap<String, usize>) = (Vec::new(), HashMap::new());
    while !over.load(Ordering::Acquire) {
        samples.push(daemon.vitals());
        let now: Vec<String> = daemon.children().into_iter().filter(|child| child.contains(" Z ")).collect();
        zombies.retain(|child, _| now.contains(child));
        for child in now {
            let count = zombies.entry(child.clone()).or_default();
            *count += 1;
            assert!(*count < ZOMBIE_SAMPLES, "a zombie: {child}");
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Samples(samples)
}

impl Samples {
    /// Medians of the first and of the last third: threads, descriptors, resident memory.
    fn thirds(&self) -> Option<[(usize, usize); 3]> {
        let third = self.0.len() / 3;
        let (first, last) = (self.0.get(..third)?, self.0.get(self.0.len() - third..)?);
        let median = |of: &[Vitals], what: fn(&Vitals) -> usize| {
            let mut all: Vec<usize> = of.iter().map(what).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied()
        };
        let both = |what: fn(&Vitals) -> usize| Some((median(first, what)?, median(last, what)?));
        Some([both(|v| v.threads)?, both(|v| v.descriptors)?, both(|v| v.resident_kib)?])
    }

    pub fn print(&self) {
        let Some(thirds) = self.thirds() else { return };
        eprintln!("\n{} samples       median of the first third   of the last", self.0.len());
        for (name, (first, last)) in ["threads", "descriptors", "RSS KiB"].iter().zip(thirds) {
            eprintln!("{name:<20} {first:>25} {last:>13}");
        }
        eprintln!("peak KiB             {:>25}\n", self.0.last().map_or(0, |v| v.peak_kib));
    }

    /// Nothing rises. In a run of less than some minutes the thirds are of other faults, and memory is still
    /// being taken for the first time: then it must only not run away.
    #[track_caller]
    pub fn assert_flat(&self) {
        let [threads, descriptors, resident] = self.thirds().expect("samples");
        let (count, kib) = if self.0.len() > 300 { (3, 4 * 1024) } else { (40, 24 * 1024) };
        assert!(threads.1 <= threads.0 + count, "threads: {threads:?}");
        assert!(descriptors.1 <= descriptors.0 + count, "descriptors: {descriptors:?}");
        assert!(resident.1 <= resident.0 + kib, "resident KiB: {resident:?}");
    }
}
