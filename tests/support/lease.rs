//! What tests of the poll lease share: hosts, settings, patience, and a client that keeps values in Redis.

use super::redis::Link;
use super::sim::Sim;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub const LEASE: &str = "jbod:lock:poll";
/// A busy machine must not look like an absent Redis, nor like a silent drive.
pub const SETTINGS: [(&str, &str); 3] =
    [("REDIS_TIMEOUT_MS", "2000"), ("SMART_POLL_INTERVAL", "3"), ("SMART_TIMEOUT", "20")];
/// Two intervals and a sweep are 29 s.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// Shorter than any lease.
const REPEAT: Duration = Duration::from_millis(500);

#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    super::eventually_within(PATIENCE, what, look)
}

/// Four drives of a host of that name. Another seed: other drives.
pub fn host(name: &str, seed: &str) -> Sim {
    let shelf = ["--enclosures", "1", "--bays", "6", "--drives", "4", "--paths", "1", "--sata", "1", "--ssd", "0"];
    let rest = ["--nvme", "0", "--pools", "1", "--vdev-width", "2", "--hostname", name, "--seed", seed];
    Sim::host(&[&shelf[..], &rest].concat())
}

/// A client of Redis that sends the same commands twice a second until it is dropped.
pub struct Repeated {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repeated {
    /// They have been sent once when this returns.
    pub fn start(port: u16, commands: Vec<Vec<String>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let send = move || {
            let mut link = Link::to(port).expect("redis accepts");
            for command in &commands {
                link.ask(&command.iter().map(String::as_str).collect::<Vec<_>>());
            }
        };
        send();
        let run = move || {
            while !stopped.load(Ordering::Relaxed) {
                send();
                std::thread::sleep(REPEAT);
            }
        };
        Self { stop, thread: Some(std::thread::Builder::new().spawn(run).expect("a thread")) }
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}
