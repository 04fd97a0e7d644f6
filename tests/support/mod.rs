//! Shared by the tests: a simulated host, a real redis-server, the real daemon, and an HTTP client. Every server
//! listens on a port that the kernel chose and ends with its test.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod daemon;
pub mod exposition;
pub mod fake_redis;
pub mod golden;
pub mod http;
pub mod journal;
pub mod json;
pub mod lease;
pub mod load;
pub mod port;
pub mod proc_stats;
pub mod prometheus;
pub mod redis;
pub mod rng;
pub mod runs;
pub mod sim;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After this time a wait fails. It is long, because it only limits how long a failing test takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` returns a value, and returns it.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// `eventually` with another limit.
#[track_caller]
pub fn eventually_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the condition holds.
#[track_caller]
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_until_within(PATIENCE, what, holds);
}

/// `wait_until` with another limit.
#[track_caller]
pub fn wait_until_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    eventually_within(patience, what, || if holds() { Some(()) } else { None });
}

/// Asks again until the result is as `wanted`, and returns it.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    eventually(what, || Some(ask()).filter(&wanted))
}

/// The program of that name on `PATH`.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A file or folder in `tests/fixtures`, which has a README.md.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// The only line of a documentation page that begins with `start`, without its indentation: a command or setting that
/// users paste. `page` is a path in the repository.
#[track_caller]
pub fn documented_line(page: &str, start: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut lines = text.lines().map(str::trim).filter(|line| line.starts_with(start));
    let line = lines.next().unwrap_or_else(|| panic!("{page} has no line that begins with {start}"));
    assert_eq!(lines.next(), None, "{page} has two lines that begin with {start}");
    line.to_owned()
}
