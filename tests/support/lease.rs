//! Shared by the tests of the poll lease: hosts, settings, and a client that keeps values in Redis.

use super::redis::Link;
use super::sim::Sim;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub const LEASE: &str = "jbod:lock:poll";
/// Timeouts are long, so that a busy machine is not taken for an unavailable Redis or an unresponsive drive.
pub const SETTINGS: [(&str, &str); 3] =
    [("REDIS_TIMEOUT_MS", "2000"), ("SMART_POLL_INTERVAL", "3"), ("SMART_TIMEOUT", "20")];
/// A lease lasts for two intervals and a sweep: up to 29 s.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// Shorter than any lease.
const REPEAT: Duration = Duration::from_millis(500);

#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    super::eventually_within(PATIENCE, what, look)
}

/// A host of this name with four drives, which depend on the seed.
pub fn host(name: &str, seed: &str) -> Sim {
    let shelf = ["--enclosures", "1", "--bays", "6", "--drives", "4", "--paths", "1", "--sata", "1", "--ssd", "0"];
    let rest = ["--nvme", "0", "--pools", "1", "--vdev-width", "2", "--hostname", name, "--seed", seed];
    Sim::host(&[&shelf[..], &rest].concat())
}

/// Sends the same commands to Redis twice a second, until it is dropped.
pub struct Repeated {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repeated {
    /// Returns after the commands have been sent once.
    pub fn start(port: u16, commands: Vec<Vec<String>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        send(port, &commands);
        let run = move || {
            while !stopped.load(Ordering::Relaxed) {
                send(port, &commands);
                std::thread::sleep(REPEAT);
            }
        };
        Self { stop, thread: Some(std::thread::Builder::new().spawn(run).expect("a thread")) }
    }
}

fn send(port: u16, commands: &[Vec<String>]) {
    let mut link = Link::to(port).expect("redis accepts");
    for command in commands {
        link.ask(&command.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
