//! What proc(5) reports about processes: threads, descriptors and memory of the daemon, and all process IDs.

use super::daemon::Daemon;
use super::json::drives;
use super::{eventually, wait_until};
use std::path::PathBuf;
use std::time::Duration;

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

    /// Fails if the process has ended.
    #[track_caller]
    pub fn vitals(&self) -> Vitals {
        let status = std::fs::read_to_string(self.proc("status")).unwrap_or_default();
        let descriptors = match std::fs::read_dir(self.proc("fd")) {
            Ok(entries) => entries.count(),
            Err(_) => 0,
        };
        Vitals {
            threads: self.status_number(&status, "Threads:"),
            descriptors,
            resident_kib: self.status_number(&status, "VmRSS:"),
            peak_kib: self.status_number(&status, "VmHWM:"),
        }
    }

    #[track_caller]
    fn status_number(&self, status: &str, field: &str) -> usize {
        let Some(value) = status.lines().find_map(|line| line.strip_prefix(field)) else {
            panic!("no {field} in /proc, the daemon has ended: {}", self.log());
        };
        value.split_whitespace().next().expect("a value").parse().expect("a number")
    }

    /// Resets the peak of resident memory (proc(5), `clear_refs`).
    pub fn forget_peak(&self) {
        let _ = std::fs::write(self.proc("clear_refs"), "5");
    }

    /// The vitals of the idle daemon, after enough concurrent requests that every worker has opened its connections.
    #[track_caller]
    pub fn at_rest(&self) -> Vitals {
        let mut paths = vec!["/api/overview".to_owned()];
        // Concurrent requests for a list share one query to Redis, those for a drive do not.
        let overview = self.get("/api/overview");
        if overview.status == 200
            && let Some(device) = drives(&overview.json()).find_map(|drive| drive["device"].as_str())
        {
            paths.push(format!("/api/drives/{device}"));
        }
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for path in paths.iter().cycle().take(16) {
                        self.get(path);
                    }
                });
            }
        });
        let mut last = None;
        eventually("threads and descriptors stay the same, and no child runs", || {
            std::thread::sleep(Duration::from_millis(200));
            let now = self.vitals();
            let previous = last.replace((now.threads, now.descriptors));
            let is_idle = previous == Some((now.threads, now.descriptors)) && self.children().is_empty();
            is_idle.then_some(now)
        })
    }

    /// Waits until there are no more threads and descriptors than before. Fails if a thread has panicked.
    #[track_caller]
    pub fn wait_as_before(&self, base: Vitals) {
        wait_until(&format!("threads and descriptors are back at {base:?}"), || {
            let now = self.vitals();
            now.threads <= base.threads && now.descriptors <= base.descriptors
        });
        assert_eq!(self.logged("panic"), 0, "{}", self.log());
        assert_eq!(self.get("/healthz").status, 200);
    }
}

/// The IDs of all processes.
pub fn process_ids() -> Vec<String> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            ids.push(name);
        }
    }
    ids
}

/// The command line of a process, with spaces between the arguments; empty if the process has ended.
pub fn command_line(pid: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
