//! What the kernel says of the daemon: its threads, descriptors and memory.

use super::daemon::Daemon;
use super::eventually;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    pub threads: usize,
    pub descriptors: usize,
    pub resident_kib: usize,
    pub peak_kib: usize,
}

impl Daemon {
    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid().as_raw_nonzero()))
    }

    /// Fails when the process is gone: the daemon never starts itself anew.
    #[track_caller]
    pub fn vitals(&self) -> Vitals {
        let status = std::fs::read_to_string(self.proc("status")).unwrap_or_default();
        let number = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let number = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next()?.parse().ok());
            number.unwrap_or_else(|| panic!("no {field}, the daemon has ended: {}", self.log()))
        };
        let descriptors = std::fs::read_dir(self.proc("fd")).map_or(0, Iterator::count);
        Vitals { threads: number("Threads"), descriptors, resident_kib: number("VmRSS"), peak_kib: number("VmHWM") }
    }

    /// From now on the peak is counted anew (proc(5), `clear_refs`).
    pub fn forget_peak(&self) {
        let _ = std::fs::write(self.proc("clear_refs"), "5");
    }

    /// Its vitals when it has nothing to do, after so many clients at once that every worker has
    /// what it needs.
    #[track_caller]
    pub fn at_rest(&self) -> Vitals {
        // A drive's document is fetched for each request; looks at lists are shared by those who come at once.
        let overview = self.get("/api/overview");
        let drive = (overview.status == 200).then(|| overview.json()).and_then(|overview| {
            let device = super::json::drives(&overview).next()?["device"].as_str()?.to_owned();
            Some(format!("/api/drives/{device}"))
        });
        let paths = [Some("/api/overview".to_owned()), drive];
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for path in paths.iter().flatten().cycle().take(16) {
                        self.get(path);
                    }
                });
            }
        });
        let mut last = None;
        eventually("it is at rest", || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            let now = self.vitals();
            let same = last.replace((now.threads, now.descriptors)) == Some((now.threads, now.descriptors));
            (same && self.children().is_empty()).then_some(now)
        })
    }

    /// Waits until no more threads and descriptors are left than before, and nothing has panicked.
    #[track_caller]
    pub fn is_as_before(&self, base: Vitals) {
        eventually(&format!("threads and descriptors are back at {base:?}"), || {
            let now = self.vitals();
            (now.threads <= base.threads && now.descriptors <= base.descriptors).then_some(())
        });
        assert_eq!(self.logged("panic"), 0, "{}", self.log());
        assert_eq!(self.get("/healthz").status, 200);
    }
}
