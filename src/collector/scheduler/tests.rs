//! Silent drives and silent hosts over hours of simulated time, without drives.

use super::*;
use crate::collector::jobs::JobReport;
use crate::domain::drive::fixture;
use crate::domain::no_reading::NoReading;
use crate::domain::smart::SmartReport;
use crate::probe::Host;
use crate::stop::Stop;
use crossbeam_channel::Receiver;
use std::collections::BTreeSet;

const SWEEP: Duration = Duration::from_secs(90);
/// Duration of a reading that hangs: the timeout, and the grace periods after SIGTERM and SIGKILL.
const GIVEN_UP: Duration = Duration::from_secs(33);

fn drive(number: usize, hosts: &[u32]) -> Arc<Drive> {
    let mut drive = fixture::drive(&format!("nvme{number}n1"));
    drive.key = DriveKey::Discovered(format!("{number:02}").into());
    for host in hosts {
        drive.paths.push(DrivePath {
            device: drive.device.clone(),
            node: "/dev/none".into(),
            host: Some(ScsiHost(*host)),
            address: format!("{host}:0:{number}:0"),
            unit: 0,
            state: None,
        });
    }
    Arc::new(drive)
}

/// Drives behind one host.
fn drives(count: usize, hosts: &[u32]) -> Vec<Arc<Drive>> {
    (0..count).map(|number| drive(number, hosts)).collect()
}

/// A scheduler with simulated children: one that hangs is abandoned, all others answer after 0.1 s.
struct Played {
    scheduler: Scheduler,
    jobs: Jobs,
    drives: Vec<Arc<Drive>>,
    at: Instant,
    _reports: Receiver<JobReport>,
}

/// The result of a sweep.
#[derive(Default)]
struct SweepOutcome {
    read: BTreeSet<String>,
    failed: Vec<String>,
    /// Drives whose host is silent.
    skipped: BTreeSet<String>,
    most_at_once: usize,
    took: Duration,
}

impl Played {
    fn new(drives: Vec<Arc<Drive>>) -> Self {
        let host = Host { root: "/nonexistent".into(), smartctl: Some("/nonexistent".into()), zpool: None };
        let config = SmartConfig {
            poll_interval: SWEEP,
            timeout: Duration::from_secs(30),
            concurrency: 16,
            concurrency_per_host: 8,
            nocheck: "standby",
            device_types: vec![],
            exclude: vec![],
        };
        let stop = Stop::new().unwrap();
        let (jobs, reports) = Jobs::new(host, stop, 17).unwrap();
        Self { scheduler: Scheduler::new(config), jobs, drives, at: Instant::now(), _reports: reports }
    }

    fn answer(&mut self, key: &DriveKey, outcome: Outcome) {
        let mut answer =
            smartctl::SmartctlResult { outcome, raw: None, took: Duration::ZERO, stuck: None, stopped: false };
        let number = self.scheduler.running[key].number;
        self.scheduler.complete(number, key, &mut answer, self.at);
    }

    /// One sweep, and the probes during it. `hangs`: whether the reading of a drive through a host hangs.
    fn sweep(&mut self, hangs: impl Fn(&str, u32) -> bool) -> SweepOutcome {
        let (mut seen, begun) = (SweepOutcome::default(), self.at);
        self.scheduler.pick_probe_drives(&self.drives, self.at);
        for drive in self.drives.clone() {
            if let Enqueue::HostSilent { .. } = self.scheduler.enqueue(&drive, Urgency::Background, self.at) {
                seen.skipped.insert(drive.key.to_string());
            }
        }
        self.scheduler.sort();
        loop {
            while let Some(later) = self.scheduler.start_ready(&self.jobs, self.at) {
                self.at = later;
            }
            let mut running: Vec<(DriveKey, u32)> = Vec::new();
            for (key, child) in &self.scheduler.running {
                running.push((key.clone(), child.path.host.unwrap().0));
            }
            seen.most_at_once = seen.most_at_once.max(running.len());
            let (hung, well): (Vec<_>, Vec<_>) =
                running.into_iter().partition(|(key, host)| hangs(&key.to_string(), *host));
            if well.is_empty() && hung.is_empty() {
                break;
            }
            self.at += if well.is_empty() { GIVEN_UP } else { Duration::from_millis(100) };
            if well.is_empty() {
                for (key, _) in hung {
                    self.answer(&key, Outcome::Silent(NoReading::TimedOut { seconds: 30 }));
                    seen.failed.push(key.to_string());
                }
            }
            for (key, _) in well {
                self.answer(&key, Outcome::Good(Arc::new(SmartReport::default())));
                seen.read.insert(key.to_string());
            }
            seen.skipped.extend(self.scheduler.defer_stalled().into_iter().map(|(key, _)| key.to_string()));
        }
        seen.took = self.at - begun;
        self.at = self.at.max(begun + SWEEP);
        seen
    }
}

#[test]
fn drives_that_hang_among_others_are_no_silent_host() {
    let mut played = Played::new(drives(12, &[0]));
    let hangs = |key: &str, _| key < "04";
    assert_eq!(played.sweep(hangs).failed.len(), 4);
    for _ in 0..100 {
        let seen = played.sweep(hangs);
        assert_eq!(seen.read.len(), 8, "the others are read in every sweep: {:?}", seen.skipped);
    }
}

/// The drives that are read last hang, so the host is suspected for a moment.
#[test]
fn a_host_in_doubt_is_cleared_by_the_next_answer() {
    let mut played = Played::new(drives(40, &[0]));
    let hangs = |key: &str, _| key >= "34";
    assert_eq!(played.sweep(hangs).failed.len(), 6);
    let seen = played.sweep(hangs);
    assert_eq!((seen.read.len(), seen.skipped.len()), (34, 0));
}

#[test]
fn a_silent_host_costs_the_others_nothing_and_is_noticed_when_it_answers() {
    let drives: Vec<Arc<Drive>> = (0..50).map(|number| drive(number, &[u32::from(number >= 40)])).collect();
    let mut played = Played::new(drives);
    let all_hang = |_: &str, host| host == 0;
    let seen = played.sweep(all_hang);
    assert_eq!(seen.failed.len(), 9, "those that ran, and one that was asked in doubt");
    assert_eq!((seen.read.len(), seen.skipped.len()), (10, 31));
    assert!(seen.took < 3 * GIVEN_UP, "the rest does not wait for its turn: {:?}", seen.took);
    assert!(seen.most_at_once <= 16);
    let mut tried = Vec::new();
    for _ in 0..200 {
        let seen = played.sweep(all_hang);
        assert_eq!(seen.read.len(), 10, "the other host's drives are read in every sweep");
        assert!(seen.failed.len() <= 1, "{:?}", seen.failed);
        tried.extend(seen.failed);
    }
    assert!((80..=100).contains(&tried.len()), "every other sweep one: {}", tried.len());
    let different: BTreeSet<&String> = tried.iter().collect();
    assert_eq!(different.len(), 40, "each has its turn");
    let nothing_hangs = |_: &str, _| false;
    let sweeps: Vec<usize> = (0..4).map(|_| played.sweep(nothing_hangs).read.len()).collect();
    let all = sweeps.iter().position(|read| *read == 50);
    assert!(all.unwrap() <= 2, "two sweeps at most to the next try, then all: {sweeps:?}");
}

#[test]
fn a_drive_that_is_plugged_in_shows_at_once_that_its_host_answers_again() {
    let mut played = Played::new(drives(40, &[0]));
    played.sweep(|_, _| true);
    assert_eq!(played.sweep(|_, _| false).read.len(), 0, "it is not tried again so soon");
    played.drives.push(drive(40, &[0]));
    played.scheduler.on_drive_added(&played.drives[40].clone());
    played.sweep(|_, _| false);
    assert_eq!(played.sweep(|_, _| false).read.len(), 41);
}

/// One drive is dead and the others answer: it is not the only one that probes the host.
#[test]
fn a_dead_drive_does_not_keep_its_host_silent() {
    let mut played = Played::new(drives(10, &[0]));
    for _ in 0..20 {
        played.sweep(|_, _| true);
    }
    let sweeps: Vec<usize> = (0..6).map(|_| played.sweep(|key, _| key == "00").read.len()).collect();
    assert_eq!(sweeps.last(), Some(&9), "{sweeps:?}");
}

#[test]
fn drives_with_another_path_are_read_over_it_in_the_same_sweep() {
    let mut played = Played::new(drives(40, &[0, 1]));
    let hangs = |_: &str, host| host == 0;
    for sweep in 0..40 {
        let seen = played.sweep(hangs);
        assert!(seen.skipped.is_empty() && seen.read.len() == 40, "{sweep}: {} read", seen.read.len());
        let most = if sweep == 0 { 9 } else { 1 };
        assert!(seen.failed.len() <= most, "{sweep}: {:?}", seen.failed);
    }
    let seen = (0..4).map(|_| played.sweep(|_, _| false)).last().unwrap_or_default();
    assert_eq!(seen.read.len(), 40);
    assert!(played.scheduler.silent_hosts().is_empty());
}

/// Two drives are too few for a silent host: each path that fails waits by itself.
#[test]
fn a_path_that_fails_waits_twice_as_long_after_each_failure() {
    let mut played = Played::new(vec![drive(0, &[0, 1])]);
    let (mut tries, begun) = (Vec::new(), played.at);
    for _ in 0..120 {
        let at = played.at;
        let seen = played.sweep(|_, host| host == 0);
        assert_eq!(seen.read.len(), 1);
        if !seen.failed.is_empty() {
            tries.push((at - begun).as_secs());
        }
    }
    let gaps: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 5, "{gaps:?}");
    for (gap, minutes) in gaps.iter().zip([2, 4, 8, 16, 30, 30]) {
        assert!((minutes * 60..minutes * 60 + 220).contains(gap), "{gaps:?}");
    }
}

#[test]
fn each_path_of_a_healthy_drive_is_used() {
    let mut played = Played::new(vec![drive(0, &[0, 1])]);
    let only = Arc::clone(&played.drives[0]);
    let mut hosts = Vec::new();
    for _ in 0..4 {
        played.scheduler.enqueue(&only, Urgency::Background, played.at);
        played.at += STARTUP_STAGGER;
        played.scheduler.start_ready(&played.jobs, played.at);
        hosts.extend(played.scheduler.running[&only.key].path.host.map(|host| host.0));
        played.answer(&only.key, Outcome::Good(Arc::default()));
    }
    assert_eq!(hosts, [0, 1, 0, 1]);
}

/// A reading fails over the first path; the drive comes back from a discovery without the second one.
#[test]
fn a_turn_that_loses_its_last_path_begins_again() {
    let mut played = Played::new(vec![drive(0, &[0, 1])]);
    let (both, first) = (Arc::clone(&played.drives[0]), drive(0, &[0]));
    let at = played.at;
    played.scheduler.enqueue(&both, Urgency::Background, at);
    played.scheduler.start_ready(&played.jobs, at);
    played.answer(&both.key, Outcome::Silent(NoReading::TimedOut { seconds: 30 }));
    assert!(!played.scheduler.is_idle(), "it waits for the other path");
    played.scheduler.update_drives(|_| Some(&first), at);
    played.scheduler.start_ready(&played.jobs, at + STARTUP_STAGGER);
    assert_eq!(played.scheduler.running[&both.key].path.host, Some(ScsiHost(0)));
    played.answer(&both.key, Outcome::Silent(NoReading::TimedOut { seconds: 30 }));
    assert!(played.scheduler.is_idle(), "it has no other path");
}

#[test]
fn a_drive_waits_twice_as_long_after_each_silence() {
    let mut played = Played::new(vec![drive(0, &[0]), drive(1, &[0])]);
    let mut tries = Vec::new();
    let begun = played.at;
    for _ in 0..120 {
        let at = played.at;
        if !played.sweep(|key, _| key == "00").failed.is_empty() {
            tries.push((at - begun).as_secs());
        }
    }
    let gaps: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, minutes) in gaps.iter().zip([2, 4, 8, 16, 30, 30]) {
        assert!((minutes * 60..minutes * 60 + 160).contains(gap), "{gaps:?}");
    }
    assert!(gaps.len() >= 5, "{gaps:?}");
}

/// A drive is removed during a reading and is back before the child ends: the result is void.
#[test]
fn what_was_asked_before_a_drive_went_is_no_answer_of_the_one_that_came() {
    let mut played = Played::new(vec![drive(0, &[0])]);
    let (only, at) = (Arc::clone(&played.drives[0]), played.at);
    let answer =
        |outcome| smartctl::SmartctlResult { outcome, raw: None, took: Duration::ZERO, stuck: None, stopped: false };
    let silent = || answer(Outcome::Silent(NoReading::TimedOut { seconds: 30 }));
    assert_eq!(played.scheduler.enqueue(&only, Urgency::Requested, at), Enqueue::Queued);
    played.scheduler.start_ready(&played.jobs, at);
    let number = played.scheduler.running[&only.key].number;
    played.scheduler.update_drives(|_| None, at);
    played.scheduler.update_drives(|_| Some(&only), at);
    assert_eq!(
        played.scheduler.enqueue(&only, Urgency::Requested, at),
        Enqueue::Queued,
        "never two children on one node"
    );
    assert_eq!(played.scheduler.complete(number + 1, &only.key, &mut silent(), at), ChildEnd::Void, "no such child");
    assert_eq!(played.scheduler.running(), 1);
    assert_eq!(played.scheduler.complete(number, &only.key, &mut silent(), at), ChildEnd::Void);
    assert_eq!(played.scheduler.enqueue(&only, Urgency::Requested, at), Enqueue::Queued, "the silence was another's");
    played.scheduler.start_ready(&played.jobs, at + STARTUP_STAGGER);
    let number = played.scheduler.running[&only.key].number;
    assert!(matches!(played.scheduler.complete(number, &only.key, &mut silent(), at), ChildEnd::Current(_)));
    assert!(matches!(played.scheduler.enqueue(&only, Urgency::Requested, at), Enqueue::BackedOff(_)));
}
