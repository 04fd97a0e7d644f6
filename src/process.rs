//! Resource usage of this process: memory, descriptors, processor time.
//!
//! Read from `/proc/self`, independently of `JBOD_ROOT`.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// `None`: the kernel does not provide the value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) open_descriptors: Option<u64>,
    /// `None` also if there is no limit.
    pub(crate) most_descriptors: Option<u64>,
    pub(crate) processor_seconds: f64,
}

/// The current usage; takes some tens of microseconds.
pub(crate) fn usage() -> Usage {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "exact for years")]
    let processor_seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    Usage {
        resident_bytes: resident_bytes(),
        open_descriptors: open_descriptors(),
        most_descriptors: getrlimit(Resource::Nofile).current,
        processor_seconds,
    }
}

/// From the line `VmRSS:      1234 kB` (proc(5)).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Without the descriptor through which the folder is read.
fn open_descriptors() -> Option<u64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_of_this_process_is_plausible() {
        let before = usage();
        assert!(before.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{before:?}");
        let open = before.open_descriptors.unwrap_or_default();
        assert!(open >= 1 && before.most_descriptors.is_none_or(|most| most >= open), "{before:?}");
    }
}
