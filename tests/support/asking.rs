//! Clients that never stop asking while something goes wrong, and the processes that a simulated
//! host's tools have left.

use super::http::Client;
use super::sim::Sim;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No answer may take that long, on a machine however busy: beyond it somebody waits for a drive.
const HUNG: Duration = Duration::from_secs(5);
/// 50 requests a second.
const BETWEEN: Duration = Duration::from_millis(20);

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub took: Vec<Duration>,
    /// Answers of 500 and more, other than "come back later", and requests without an answer.
    pub bad: Vec<String>,
    /// 503 with `Retry-After`.
    pub later: usize,
}

impl Seen {
    /// So many of a hundred took no longer.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort();
        let place = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    }

    /// Everything was answered, and nobody waited for what hangs.
    #[track_caller]
    pub fn assert_well(&self, what: &str) {
        let (p50, p99, most) = (self.percentile(50), self.percentile(99), self.percentile(100));
        println!(
            "{what}: {} requests, p50 {p50:?}, p99 {p99:?}, longest {most:?}, {} told to come back",
            self.took.len(),
            self.later
        );
        assert!(self.bad.is_empty(), "{what}: {:?}", self.bad);
        assert!(most < HUNG, "{what}: an answer took {most:?}");
        assert!(!self.took.is_empty(), "{what}: somebody asked");
    }
}

/// A client that asks for one path after the other until it is ended.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

impl Load {
    pub fn start(port: u16, paths: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        let is_over = Arc::clone(&stop);
        let run = move || ask(port, &paths, &is_over);
        let thread = std::thread::Builder::new().spawn(run).expect("a thread for the client");
        Self { stop, thread: Some(thread) }
    }

    pub fn end(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a thread").join().expect("the client's thread")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn ask(port: u16, paths: &[String], is_over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut client = None;
    for path in paths.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        let connected = client.take().or_else(|| Client::connect(port));
        let answer = connected.and_then(|mut c| {
            let answer = c.request("GET", path, &[])?;
            client = Some(c).filter(|_| answer.header("connection") != "close");
            Some(answer)
        });
        let took = asked.elapsed();
        seen.took.push(took);
        match answer {
            Some(answer) if answer.status == 503 && !answer.header("retry-after").is_empty() => seen.later += 1,
            Some(answer) if answer.status >= 500 => {
                seen.bad.push(format!("{path}: {} {}", answer.status, answer.text()));
            }
            Some(_) => {}
            None => seen.bad.push(format!("{path}: no answer after {took:?}")),
        }
        std::thread::sleep(BETWEEN.saturating_sub(took));
    }
    seen
}

impl Sim {
    /// `pid command line` of every process that runs one of the host's programs.
    pub fn processes(&self) -> Vec<String> {
        let root = self.root().to_string_lossy().into_owned();
        let pids =
            std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(|e| e.file_name().into_string().ok());
        pids.filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                line.contains(&root).then(|| format!("{pid} {line}"))
            })
            .collect()
    }
}
