//! Threads, descriptors and memory of the daemon every second, and whether they grow.

use crate::support::daemon::Daemon;
use crate::support::proc_stats::Vitals;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A zombie must be gone after this number of samples.
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

fn median(samples: &[Vitals], field: fn(&Vitals) -> usize) -> usize {
    let mut values: Vec<usize> = samples.iter().map(field).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

impl Samples {
    /// Medians of the first and of the last third of the samples: threads, descriptors, resident memory.
    fn thirds(&self) -> Option<[(usize, usize); 3]> {
        let third = self.0.len() / 3;
        let (first, last) = (self.0.get(..third)?, self.0.get(self.0.len() - third..)?);
        let fields: [fn(&Vitals) -> usize; 3] =
            [|vitals| vitals.threads, |vitals| vitals.descriptors, |vitals| vitals.resident_kib];
        if first.is_empty() {
            return None;
        }
        Some(fields.map(|field| (median(first, field), median(last, field))))
    }

    pub fn print(&self) {
        let Some(thirds) = self.thirds() else { return };
        eprintln!("\n{} samples       median of the first third   of the last", self.0.len());
        for (name, (first, last)) in ["threads", "descriptors", "RSS KiB"].iter().zip(thirds) {
            eprintln!("{name:<20} {first:>25} {last:>13}");
        }
        if let Some(last) = self.0.last() {
            eprintln!("peak KiB             {:>25}\n", last.peak_kib);
        }
    }

    /// Fails if something grows. In a short run the thirds have different faults and memory is allocated for the first
    /// time, so that the limits are higher.
    #[track_caller]
    pub fn assert_flat(&self) {
        let [threads, descriptors, resident] = self.thirds().expect("samples");
        let (count, kib) = if self.0.len() > 300 { (3, 4 * 1024) } else { (40, 24 * 1024) };
        assert!(threads.1 <= threads.0 + count, "threads: {threads:?}");
        assert!(descriptors.1 <= descriptors.0 + count, "descriptors: {descriptors:?}");
        assert!(resident.1 <= resident.0 + kib, "resident KiB: {resident:?}");
    }
}
