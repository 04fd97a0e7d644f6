//! The whole, with every fault in turn and clients all the while: what must hold at any time, and
//! that the daemon costs the same at the end as at the beginning.
//!
//! A minute of it is a test; `make soak` runs a release build for `SOAK_SECONDS` (600). The order of
//! the faults follows from `SOAK_SEED`: fixed in the test, random in `make soak`, and printed.

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

/// More lines a minute than that are no edges any more.
const LINES_A_MINUTE: u64 = 200;

/// Connections to Redis that are kept once they were needed: one for each worker, and two more.
const POOLED: usize = 8;

fn seconds() -> u64 {
    let text = std::env::var("SOAK_SECONDS").unwrap_or_else(|_| "60".to_owned());
    text.trim().parse().unwrap_or_else(|_| panic!("SOAK_SECONDS: found {text:?}, wanted a number"))
}

/// What a rotation came to.
struct Round {
    took: Duration,
    /// When it was over and everything was cured.
    rest: Vitals,
    lines: usize,
    requests: usize,
}

/// Says that it is over, also where a fault fails.
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
    assert!(seen.answers() > 100, "clients were answered");
    assert_eq!(daemon.logged("panic"), 0, "{}", daemon.log());
    assert_eq!(daemon.logged("exited unexpectedly"), 0, "{}", daemon.log());
    samples.assert_flat();
    let (status, log) = daemon.stop(rustix::process::Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(sim.left_over().is_empty(), "{:?}", sim.left_over());
}

/// All faults, one after the other, until the time is over; at the end of each round they are cured.
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
            // Clients may be turned away while there is a crowd, and until it has gone.
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

/// Waits until everything is as good as before.
fn recovered(scene: &Scene, daemon: &Daemon, base: Vitals) -> Vitals {
    let mut told = String::new();
    let fine = |told: &mut String| {
        let answer = daemon.get("/api/overview");
        let overview = (answer.status == 200).then(|| answer.json())?;
        // A drive that was silent is not asked for two minutes or more.
        let ill = |d: &&serde_json::Value| d["state"] != "active" && !scene.was_silent(d["serial_number"].as_str());
        let ill: Vec<String> =
            json::drives(&overview).filter(ill).map(|d| format!("{} {}", d["device"], d["state"])).collect();
        let now = daemon.vitals();
        let is_back = now.threads <= base.threads + 2 && now.descriptors <= base.descriptors + POOLED + 2;
        *told = format!("{} {} {ill:?} {now:?}", answer.cache(), answer.source());
        (ill.is_empty() && is_back && answer.cache() == "HIT").then_some(now)
    };
    let since = Instant::now();
    loop {
        let last = told.clone();
        if let Some(now) = fine(&mut told) {
            eprintln!("        cured, {:?}; before that {last}", since.elapsed());
            return now;
        }
        assert!(since.elapsed() < support::PATIENCE, "not as good as before {base:?}: {told}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn report(base: Vitals, rounds: &[Round], samples: &Samples) {
    eprintln!("\nround   took s   threads  descriptors   RSS KiB   log lines   good answers");
    let row = |name: &str, took: u64, at: &Vitals, lines: usize, requests: usize| {
        let (threads, descriptors, rss) = (at.threads, at.descriptors, at.resident_kib);
        eprintln!("{name:>5}   {took:>6}   {threads:>7}  {descriptors:>11}   {rss:>7}   {lines:>9}   {requests:>12}");
    };
    row("begin", 0, &base, 0, 0);
    for (number, round) in rounds.iter().enumerate() {
        row(&(number + 1).to_string(), round.took.as_secs(), &round.rest, round.lines, round.requests);
    }
    samples.print();
}
