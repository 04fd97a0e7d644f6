//! A steady load of GETs, and what became of each: status, time, where it came from.
//!
//! Several clients take turns, so that one that waits does not keep the others from asking.

use super::eventually;
use super::http::Client;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Clients, and how often each asks: 50 requests a second together.
const CLIENTS: u32 = 10;
const EVERY: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub struct Sample {
    pub at: Instant,
    pub took: Duration,
    /// 0: no answer at all.
    pub status: u16,
    /// It was told when to come back.
    pub later: bool,
    pub cache: String,
    pub path: String,
}

pub struct Load {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
    faults: Vec<(String, Instant)>,
}

impl Load {
    /// Starts asking for these paths in turn.
    pub fn start(port: u16, paths: &[&str]) -> Self {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let (samples, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let clients = (0..CLIENTS).map(|n| {
            let (paths, samples, stop) = (paths.clone(), Arc::clone(&samples), Arc::clone(&stop));
            let run = move || {
                let mut due = Instant::now() + EVERY * n / CLIENTS;
                let mut client = Client::connect(port);
                for path in paths.iter().cycle().skip(n as usize) {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    let sample = ask(&mut client, port, path);
                    due = (due + EVERY).max(Instant::now());
                    samples.lock().expect("samples").push(sample);
                }
            };
            std::thread::Builder::new().spawn(run).expect("a client")
        });
        let clients = clients.collect();
        Self { samples, stop, clients, faults: Vec::new() }
    }

    /// A fault begins now.
    pub fn fault(&mut self, name: &str) {
        self.faults.push((name.to_owned(), Instant::now()));
    }

    /// Waits for that many more answers, 50 a second.
    #[track_caller]
    pub fn go_on(&self, answers: usize) {
        let until = self.count() + answers;
        eventually("the load goes on", || (self.count() >= until).then_some(()));
    }

    fn count(&self) -> usize {
        self.samples.lock().expect("samples").len()
    }

    /// Answers of requests that began within the last so many milliseconds.
    pub fn since(&self, at: Instant) -> Vec<Sample> {
        self.samples.lock().expect("samples").iter().filter(|s| s.at >= at).cloned().collect()
    }

    /// Stops, and gives what was seen.
    pub fn end(mut self) -> Vec<Sample> {
        self.stop.store(true, Ordering::Release);
        for client in self.clients.drain(..) {
            client.join().expect("a client ends");
        }
        std::mem::take(&mut *self.samples.lock().expect("samples"))
    }

    /// Stops, prints the times of each fault, and asserts that everybody had an answer that is none
    /// of an error, none later than `bound`.
    #[track_caller]
    pub fn finish(mut self, bound: Duration) -> Vec<Sample> {
        let faults = std::mem::take(&mut self.faults);
        let samples = self.end();
        for (n, (name, at)) in faults.iter().enumerate() {
            let end = faults.get(n + 1).map(|(_, at)| *at);
            let within = |s: &&Sample| s.at >= *at && end.is_none_or(|end| s.at < end);
            let (first, later): (Vec<&Sample>, Vec<&Sample>) =
                samples.iter().filter(within).partition(|s| s.at < *at + Duration::from_secs(1));
            println!("{name}: first second {}; later {}", times(&first), times(&later));
        }
        let failed: Vec<String> = samples
            .iter()
            .filter(|s| s.status != 200 || s.took > bound)
            .map(|s| format!("{} {} after {:?}", s.path, s.status, s.took))
            .collect();
        assert!(failed.is_empty(), "of {} answers: {failed:?}", samples.len());
        assert!(samples.len() > 20, "{} answers", samples.len());
        samples
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Prints the times, and asserts that everybody was answered, if only told when to come back, and that
/// nobody waited as long as `bound` (for what hangs).
#[track_caller]
pub fn assert_answered(what: &str, samples: &[Sample], bound: Duration) {
    let all: Vec<&Sample> = samples.iter().collect();
    let slowest = samples.iter().max_by_key(|s| s.took).expect("somebody asked");
    let later = samples.iter().filter(|s| s.later).count();
    println!("{what}: {}, the slowest {}, {later} told to come back", times(&all), slowest.path);
    let is_bad = |s: &&Sample| !s.later && (s.status == 0 || s.status >= 500);
    let bad: Vec<String> = samples.iter().filter(is_bad).map(|s| format!("{} {}", s.path, s.status)).collect();
    assert!(bad.is_empty(), "{what}: {bad:?}");
    assert!(slowest.took < bound, "{what}: an answer of {} took {:?}", slowest.path, slowest.took);
}

/// One request; a connection that has ended in between is made anew once.
pub fn ask(client: &mut Option<Client>, port: u16, path: &str) -> Sample {
    let at = Instant::now();
    let mut response = client.as_mut().and_then(|c| c.request("GET", path, &[]));
    if response.is_none() {
        *client = Client::connect(port);
        response = client.as_mut().and_then(|c| c.request("GET", path, &[]));
    }
    let (took, path) = (at.elapsed(), path.to_owned());
    let Some(response) = response else {
        return Sample { at, took, status: 0, later: false, cache: String::new(), path };
    };
    let later = response.status == 503 && !response.header("retry-after").is_empty();
    Sample { at, took, status: response.status, later, cache: response.cache().to_owned(), path }
}

/// Of lists, and of single drives, which smartctl may be run for: count, median, 99 %, longest.
pub fn times(samples: &[&Sample]) -> String {
    let of = |name: &str, wanted: &dyn Fn(&Sample) -> bool| {
        let mut took: Vec<Duration> = samples.iter().filter(|s| wanted(s)).map(|s| s.took).collect();
        took.sort();
        let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)));
        let ms = |percent| at(percent).map_or(0.0, |t| t.as_secs_f64() * 1000.0);
        format!("{name} n={} p50={:.1} p99={:.1} max={:.1} ms", took.len(), ms(50), ms(99), ms(100))
    };
    let is_drive = |s: &Sample| s.path.starts_with("/api/drives/");
    format!("{}, {}", of("lists", &|s| !is_drive(s)), of("drive", &is_drive))
}
