//! Every fault in turn, with clients at the same time. Checks what must hold at any time, and that the daemon takes no
//! more threads, descriptors and memory at the end than at the beginning.
//!
//! The test takes a minute; `make soak` runs a release build for `SOAK_SECONDS` (600). The order of the faults depends
//! on `SOAK_SEED`, which is fixed in the test, random in `make soak`, and printed.

use crate::support;

mod clients;
mod faults;
mod samples;

use clients::Seen;
use faults::Scene;
use samples::{Samples, sample_until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::daemon::Daemon;
use support::json;
use support::proc_stats::Vitals;
use support::redis::Redis;
use support::rng::{Rng, seed};
use support::sim::Sim;

/// The limit of log lines per minute. Each change is logged once, not each occurrence.
const LINES_A_MINUTE: u64 = 200;

/// The maximum number of connections to Redis that stay open: one for each worker, and two more.
const POOLED: usize = 8;

fn seconds() -> u64 {
    let text = std::env::var("SOAK_SECONDS").unwrap_or_else(|_| "60".to_owned());
    text.trim().parse().unwrap_or_else(|_| panic!("SOAK_SECONDS: found {text:?}, expected a number"))
}

/// The result of one rotation of the faults.
struct Round {
    took: Duration,
    /// After the daemon has recovered.
    rest: Vitals,
    lines: usize,
    requests: usize,
}

/// Sets the flag when it is dropped, also if a fault fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn the_daemon_recovers_from_every_fault() {
    let long = Duration::from_secs(seconds());
    let mut rng = Rng::of(seed("SOAK_SEED"));
    let sim = Sim::host(&[
        "--enclosures",
        "2",
        "--bays",
        "12",
        "--drives",
        "16",
        "--paths",
        "2",
        "--nvme",
        "1",
        "--pools",
        "1",
        "--vdev-width",
        "4",
    ]);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "2"), ("SMART_TIMEOUT", "2")]);
    let base = daemon.at_rest();
    let mut scene = Scene::new(&sim, redis, daemon.port);
    let (over, crowded, seen) = (AtomicBool::new(false), AtomicBool::new(false), Seen::default());
    let (rounds, samples) = std::thread::scope(|scope| {
        let sampling = scope.spawn(|| sample_until(&daemon, &over));
        for _ in 0..2 {
            scope.spawn(|| clients::ask_until(daemon.port, &seen, &over, &crowded));
        }
        let end = End(&over);
        let rounds = rotate(&mut scene, &daemon, &mut rng, long, &crowded, &seen);
        drop(end);
        (rounds, sampling.join().expect("samples"))
    });
    report(base, &rounds, &samples);
    scene.assert_truth(&seen);
    for round in &rounds {
        let most = LINES_A_MINUTE * round.took.as_secs().max(60) / 60;
        assert!(u64::try_from(round.lines).expect("fits") <= most, "{} lines: {}", round.lines, daemon.log());
    }
    assert!(seen.answers() > 100, "only {} good responses", seen.answers());
    assert_eq!(daemon.logged("panic"), 0, "{}", daemon.log());
    assert_eq!(daemon.logged("exited unexpectedly"), 0, "{}", daemon.log());
    samples.assert_flat();
    let (status, log) = daemon.stop(rustix::process::Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(sim.left_over().is_empty(), "{:?}", sim.left_over());
}

/// Runs all faults one after the other until the time is over. After each round the daemon must recover.
fn rotate(
    scene: &mut Scene,
    daemon: &Daemon,
    rng: &mut Rng,
    long: Duration,
    crowded: &AtomicBool,
    seen: &Seen,
) -> Vec<Round> {
    let (mut rounds, begin) = (Vec::new(), Instant::now());
    let base = daemon.vitals();
    while rounds.is_empty() || begin.elapsed() < long {
        let (since, lines, requests) = (Instant::now(), daemon.log().lines().count(), seen.answers());
        let mut faults = faults::ALL.to_vec();
        while !faults.is_empty() && (rounds.is_empty() || begin.elapsed() < long) {
            let (name, fault) = faults.swap_remove(rng.below(faults.len()));
            let begun = Instant::now();
            // The daemon may refuse clients during a flood of connections, and until it has ended.
            crowded.store(faults::is_crowd(name), Ordering::Release);
            fault(scene, rng);
            eprintln!("{:>5} s  {name}, {:?}", begin.elapsed().as_secs(), begun.elapsed());
        }
        let rest = recovered(scene, daemon, base);
        crowded.store(false, Ordering::Release);
        let (lines, requests) = (daemon.log().lines().count() - lines, seen.answers() - requests);
        rounds.push(Round { took: since.elapsed(), rest, lines, requests });
    }
    rounds
}

/// Waits until the daemon has recovered.
fn recovered(scene: &Scene, daemon: &Daemon, base: Vitals) -> Vitals {
    let since = Instant::now();
    loop {
        let problem = match vitals_if_recovered(scene, daemon, base) {
            Ok(now) => {
                eprintln!("        recovered after {:?}", since.elapsed());
                return now;
            }
            Err(problem) => problem,
        };
        assert!(since.elapsed() < support::PATIENCE, "not recovered to {base:?}: {problem}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The error states what is not as before the faults.
fn vitals_if_recovered(scene: &Scene, daemon: &Daemon, base: Vitals) -> Result<Vitals, String> {
    let response = daemon.get("/api/overview");
    if response.status != 200 {
        return Err(format!("status {}", response.status));
    }
    let mut not_active = Vec::new();
    for drive in json::drives(&response.json()) {
        // The back-off of a drive that has hung is two minutes or more.
        if drive["state"] != "active" && !scene.has_hung(drive["serial_number"].as_str()) {
            not_active.push(format!("{} {}", drive["device"], drive["state"]));
        }
    }
    let now = daemon.vitals();
    let is_idle = now.threads <= base.threads + 2 && now.descriptors <= base.descriptors + POOLED + 2;
    if not_active.is_empty() && is_idle && response.cache() == "HIT" {
        return Ok(now);
    }
    Err(format!("{} {} {not_active:?} {now:?}", response.cache(), response.source()))
}

fn report(base: Vitals, rounds: &[Round], samples: &Samples) {
    eprintln!("\nround   took s   threads  descriptors   RSS KiB   log lines   good responses");
    let begin = Round { took: Duration::ZERO, rest: base, lines: 0, requests: 0 };
    for (number, round) in std::iter::once(&begin).chain(rounds).enumerate() {
        let Round { took, rest, lines, requests } = round;
        let (took, threads, descriptors, rss) = (took.as_secs(), rest.threads, rest.descriptors, rest.resident_kib);
        eprintln!("{number:>5}   {took:>6}   {threads:>7}  {descriptors:>11}   {rss:>7}   {lines:>9}   {requests:>14}");
    }
    samples.print();
}
