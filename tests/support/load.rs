//! A constant load of GET requests, with a sample of each response: status, time, source.
//!
//! Several clients send them in turn, so that a request that takes long does not delay the others.

use super::http::{Client, Response};
use super::wait_until;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const CLIENTS: u32 = 10;
/// The interval of each client; all of them send 50 requests a second.
const EVERY: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub struct Sample {
    pub at: Instant,
    pub took: Duration,
    /// 0: no response.
    pub status: u16,
    /// A 503 with `Retry-After`.
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
    /// Requests these paths in turn.
    pub fn start(port: u16, paths: &[&str]) -> Self {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut load = Self { samples: Arc::default(), stop: Arc::default(), clients: Vec::new(), faults: Vec::new() };
        for number in 0..CLIENTS {
            let (paths, samples, stop) = (paths.clone(), Arc::clone(&load.samples), Arc::clone(&load.stop));
            let run = move || run_client(number, port, &paths, &samples, &stop);
            load.clients.push(std::thread::Builder::new().spawn(run).expect("a client"));
        }
        load
    }

    /// Records that a fault begins now.
    pub fn fault(&mut self, name: &str) {
        self.faults.push((name.to_owned(), Instant::now()));
    }

    /// Waits for this number of further responses, 50 a second.
    #[track_caller]
    pub fn go_on(&self, answers: usize) {
        let until = self.count() + answers;
        wait_until("further responses", || self.count() >= until);
    }

    fn count(&self) -> usize {
        self.samples.lock().expect("samples").len()
    }

    /// Samples of requests that were sent at `at` or later.
    pub fn since(&self, at: Instant) -> Vec<Sample> {
        self.samples.lock().expect("samples").iter().filter(|sample| sample.at >= at).cloned().collect()
    }

    /// Stops the clients and returns all samples.
    pub fn end(mut self) -> Vec<Sample> {
        self.stop.store(true, Ordering::Release);
        for client in self.clients.drain(..) {
            client.join().expect("a client ends");
        }
        std::mem::take(&mut *self.samples.lock().expect("samples"))
    }

    /// Stops the clients and prints the times during each fault. Fails if a response was not 200 or took longer than
    /// `bound`.
    #[track_caller]
    pub fn finish(mut self, bound: Duration) -> Vec<Sample> {
        let faults = std::mem::take(&mut self.faults);
        let samples = self.end();
        let mut ends = faults.iter().skip(1).map(|(_, next)| *next);
        for (name, begin) in &faults {
            let end = ends.next().unwrap_or_else(Instant::now);
            let during: Vec<&Sample> = samples.iter().filter(|sample| (*begin..end).contains(&sample.at)).collect();
            let first_second = *begin + Duration::from_secs(1);
            let (first, later): (Vec<&Sample>, Vec<&Sample>) =
                during.into_iter().partition(|sample| sample.at < first_second);
            println!("{name}: first second {}; later {}", times(&first), times(&later));
        }
        let failed: Vec<String> = samples
            .iter()
            .filter(|sample| sample.status != 200 || sample.took > bound)
            .map(|sample| format!("{} {} after {:?}", sample.path, sample.status, sample.took))
            .collect();
        assert!(failed.is_empty(), "of {} responses: {failed:?}", samples.len());
        assert!(samples.len() > 20, "only {} responses", samples.len());
        samples
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn run_client(number: u32, port: u16, paths: &[String], samples: &Mutex<Vec<Sample>>, stop: &AtomicBool) {
    let mut due = Instant::now() + EVERY * number / CLIENTS;
    let mut client = Client::connect(port);
    for path in paths.iter().cycle().skip(number as usize) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if stop.load(Ordering::Acquire) {
            return;
        }
        let sample = ask(&mut client, port, path);
        due = (due + EVERY).max(Instant::now());
        samples.lock().expect("samples").push(sample);
    }
}

/// Prints the times. Fails if a request had no response or a 5xx without `Retry-After`, or if a response took as long
/// as `bound`.
#[track_caller]
pub fn assert_answered(what: &str, samples: &[Sample], bound: Duration) {
    let all: Vec<&Sample> = samples.iter().collect();
    let slowest = samples.iter().max_by_key(|sample| sample.took).expect("a response");
    let later = samples.iter().filter(|sample| sample.later).count();
    println!("{what}: {}, the slowest {}, {later} with Retry-After", times(&all), slowest.path);
    let failed: Vec<String> = samples
        .iter()
        .filter(|sample| !sample.later && (sample.status == 0 || sample.status >= 500))
        .map(|sample| format!("{} {}", sample.path, sample.status))
        .collect();
    assert!(failed.is_empty(), "{what}: {failed:?}");
    assert!(slowest.took < bound, "{what}: a response of {} took {:?}", slowest.path, slowest.took);
}

/// Sends one request. If the connection has ended since the last one, sends it once more on a new connection.
pub fn ask(client: &mut Option<Client>, port: u16, path: &str) -> Sample {
    let at = Instant::now();
    let mut response = try_ask(client, path);
    if response.is_none() {
        *client = Client::connect(port);
        response = try_ask(client, path);
    }
    let (took, path) = (at.elapsed(), path.to_owned());
    let Some(response) = response else {
        return Sample { at, took, status: 0, later: false, cache: String::new(), path };
    };
    let later = response.status == 503 && !response.header("retry-after").is_empty();
    Sample { at, took, status: response.status, later, cache: response.cache().to_owned(), path }
}

fn try_ask(client: &mut Option<Client>, path: &str) -> Option<Response> {
    client.as_mut()?.request("GET", path, &[])
}

/// Number, median, 99th percentile and maximum of the times: of lists, and of single drives, for which smartctl may
/// run.
pub fn times(samples: &[&Sample]) -> String {
    let (drives, lists): (Vec<&Sample>, Vec<&Sample>) =
        samples.iter().copied().partition(|sample| sample.path.starts_with("/api/drives/"));
    format!("lists {}, drive {}", quantiles(&lists), quantiles(&drives))
}

fn quantiles(samples: &[&Sample]) -> String {
    let mut took: Vec<f64> = samples.iter().map(|sample| sample.took.as_secs_f64() * 1000.0).collect();
    took.sort_by(f64::total_cmp);
    let [p50, p99, max] = [50, 99, 100].map(|percent| match took.len() {
        0 => 0.0,
        count => took[(count * percent / 100).min(count - 1)],
    });
    format!("n={} p50={p50:.1} p99={p99:.1} max={max:.1} ms", took.len())
}
