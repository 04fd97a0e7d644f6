//! Drives that hang, and a smartctl that misbehaves, on many drives at once: the API responds, the other drives are
//! read, no child is left, and drives that recover are read again.

use crate::support;

use jbod_monitor::domain::inventory::Outcome;
use jbod_monitor::probe::smartctl::{self, Options};
use jbod_monitor::probe::{Host, drives as probe_drives};
use jbod_monitor::stop::Stop;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, children_of};
use support::json::{drive, drives, text};
use support::load::{Load, assert_answered};
use support::redis::Redis;
use support::sim::Sim;
use support::{eventually, wait_until};

const PATHS: [&str; 4] = ["/api/overview", "/api/drives", "/api/drives/sda", "/api/map.txt"];
/// A response that takes as long, on a machine however busy, has waited for a drive.
const HUNG: Duration = Duration::from_secs(5);
const LONG_TIMEOUT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");

/// Each of the 1,024 combinations has one outcome.
#[test]
fn every_exit_status_with_every_kind_of_output_leads_to_one_state() {
    let sim = Sim::small();
    let host = Host { root: sim.root().to_owned(), smartctl: None, zpool: None };
    let drive = probe_drives::discover(&host).expect("a discovery").into_iter().next().expect("a drive");
    let path = drive.paths[0].clone();
    let whole =
        Command::new(sim.tool("smartctl")).args(["--json=c", "-a", "--", &path.node]).output().expect("smartctl runs");
    std::fs::write(sim.root().join("good"), &whole.stdout).expect("written");
    std::fs::write(sim.root().join("cut"), &whole.stdout[..whole.stdout.len() / 2]).expect("written");
    std::fs::write(sim.root().join("none"), "Segmentation fault\n").expect("written");
    std::fs::write(sim.root().join("empty"), "").expect("written");
    // The script gets the case as the device type: STATUS-KIND.
    let script = format!("#!/bin/sh\ncat {}/\"${{6#*-}}\"\nexit \"${{6%%-*}}\"\n", sim.root().display());
    let host = Host { smartctl: Some(sim.script("odd-smartctl", &script)), ..host };
    let options = Options { timeout: Duration::from_secs(30), nocheck: "standby" };
    let stop = Stop::new().expect("a stop token");
    for status in 0..=255u8 {
        for kind in ["good", "empty", "cut", "none"] {
            let case = format!("{status}-{kind}");
            let answer = smartctl::read(&host, &drive, &path, Some(&case), options, &stop);
            match (kind, &answer.outcome) {
                ("good", Outcome::Good(report)) => {
                    assert_eq!(report.exit_status.0, Some(status), "{case}: the exit status is reported");
                    assert!(answer.raw.is_some() && report.serial_number.is_some(), "{case}");
                }
                ("empty" | "cut" | "none", Outcome::Failed(why)) => {
                    let start = format!("smartctl printed no JSON, exit status {status}");
                    assert!(why.to_string().starts_with(&start), "{case}: {why}");
                    assert!(answer.raw.is_none(), "{case}");
                }
                (_, other) => panic!("{case} leads to {other:?}"),
            }
            assert!(answer.stuck.is_none() && !answer.stopped, "{case}");
        }
    }
}

/// A rack of 78 drives, which misbehave in the tests, and six NVMe drives, which do not: their serial numbers.
fn rack(paths: &str) -> (Sim, Vec<String>, Vec<String>) {
    let shape = "--enclosures 2 --bays 42 --drives 78 --nvme 6 --pools 0 --paths";
    let sim = Sim::host(&shape.split(' ').chain([paths]).collect::<Vec<_>>());
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for drive in sim.list() {
        let serials = if drive["kind"] == "nvme" { &mut good } else { &mut bad };
        serials.push(drive["serial"].as_str().expect("a serial number").to_owned());
    }
    (sim, bad, good)
}

fn all_are_fine(overview: &Value, serials: &[String]) -> bool {
    serials.iter().all(|serial| {
        let drive = drive(overview, serial);
        drive["error"].is_null() && drive["state"] == "active" && !drive["temperature_celsius"].is_null()
    })
}

fn all_have_error(overview: &Value, serials: &[String], error: &str) -> bool {
    serials.iter().all(|serial| text(&drive(overview, serial)["error"]).contains(error))
}

/// The earliest `collected_at` of these drives.
fn read_at(overview: &Value, serials: &[String]) -> String {
    let wanted: HashSet<&str> = serials.iter().map(String::as_str).collect();
    let those = drives(overview).filter(|drive| wanted.contains(text(&drive["serial_number"])));
    those.map(|drive| drive["collected_at"].as_str().unwrap_or_default().to_owned()).min().unwrap_or_default()
}

#[track_caller]
fn assert_no_child(daemon: &Daemon, sim: &Sim, what: &str) {
    // Between two sweeps. A zombie would stay.
    wait_until(&format!("{what}: no child is left"), || daemon.children().is_empty() && sim.processes().is_empty());
}

/// A way to misbehave, and the error that it leads to on all drives.
struct Fault {
    name: &'static str,
    kind: FaultKind,
    /// Empty: the readings are good.
    error: &'static str,
}

enum FaultKind {
    /// A setting of all drives in bays.
    Drives(&'static str),
    /// smartctl is removed.
    Removed,
    /// Another file takes the place of smartctl, as in an upgrade of the package.
    Exchanged(PathBuf),
}

impl FaultKind {
    fn begin(&self, sim: &Sim) {
        match self {
            Self::Drives(setting) => sim.set("bays", &[setting]),
            Self::Removed => sim.set("smartctl", &["gone=true"]),
            Self::Exchanged(file) => {
                std::fs::rename(sim.tool("smartctl"), sim.tool("aside")).expect("smartctl is moved");
                symlink(file, sim.tool("smartctl")).expect("a link in its place");
            }
        }
    }

    fn end(&self, sim: &Sim) {
        match self {
            Self::Drives(setting) => {
                let (key, _) = setting.split_once('=').expect("a setting");
                sim.set("bays", &[&format!("{key}=")]);
            }
            Self::Removed => sim.set("smartctl", &["gone="]),
            Self::Exchanged(_) => {
                std::fs::rename(sim.tool("aside"), sim.tool("smartctl")).expect("smartctl is moved back");
            }
        }
    }

    /// The NVMe drives are affected, too.
    fn is_of_tool(&self) -> bool {
        !matches!(self, Self::Drives(_))
    }
}

fn faults(not_executable: PathBuf) -> [Fault; 7] {
    use FaultKind::{Drives, Exchanged, Removed};
    const TOO_LONG: &str = "output exceeds 262144 bytes";
    [
        Fault { name: "1 GB of output", kind: Drives("output_bytes=1073741824"), error: TOO_LONG },
        Fault { name: "1 TB of errors", kind: Drives("stderr_bytes=1099511627776"), error: TOO_LONG },
        Fault { name: "SIGSEGV", kind: Drives("segv=true"), error: "ended by signal 11" },
        Fault { name: "a grandchild that holds the pipe", kind: Drives("hang_fork=true"), error: "" },
        Fault { name: "removed", kind: Removed, error: "cannot start" },
        Fault { name: "not executable", kind: Exchanged(not_executable), error: "cannot start" },
        Fault { name: "another program", kind: Exchanged("/bin/true".into()), error: "printed no JSON, exit status 0" },
    ]
}

/// smartctl, or its output, becomes bad on 78 drives and good again. Each time all drives are read again within two
/// sweeps.
#[test]
fn a_misbehaving_smartctl_affects_only_its_readings() {
    let (sim, bad, good) = rack("2");
    let not_executable = sim.root().join("bin/text");
    std::fs::write(&not_executable, "no program\n").expect("written");
    std::fs::set_permissions(&not_executable, PermissionsExt::from_mode(0o644)).expect("set");
    let redis = Redis::start();
    let settings = [LONG_TIMEOUT, ("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "20")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let first = daemon.json("/api/overview");
    assert!(all_are_fine(&first, &bad) && all_are_fine(&first, &good), "{first}");
    for Fault { name, kind, error } in faults(not_executable) {
        let lines = daemon.log().lines().count();
        let begun = Instant::now();
        let load = Load::start(daemon.port, &PATHS);
        kind.begin(&sim);
        let overview = if error.is_empty() {
            let overview = daemon.after_sweeps(2);
            assert!(all_are_fine(&overview, &bad), "{name}: {overview}");
            overview
        } else {
            daemon.overview_when(&format!("{name}: the error of all drives"), |overview| {
                all_have_error(overview, &bad, error)
            })
        };
        let took = Duration::from_millis(overview["sweep"]["took_ms"].as_u64().expect("a time"));
        assert!(took < Duration::from_secs(20), "{name}: the sweep took {took:?}");
        assert_eq!(overview["totals"]["drives"], 84, "{name}");
        for serial in &bad {
            let [now, before] = [&overview, &first].map(|overview| &drive(overview, serial)["temperature_celsius"]);
            assert_eq!(now, before, "{name}");
        }
        if kind.is_of_tool() {
            daemon.after_sweeps(1);
        } else {
            let before = read_at(&overview, &good);
            daemon.overview_when(&format!("{name}: the other drives are read"), |overview| {
                all_are_fine(overview, &good) && read_at(overview, &good) > before
            });
        }
        // It is reported in the two sweeps over which it may spread, and not again.
        let logged = daemon.log().lines().count() - lines;
        assert!(logged <= 30, "{name}: {logged} lines: {}", daemon.log());
        assert!(logged >= 1 || error.is_empty(), "{name} is not logged: {}", daemon.log());
        kind.end(&sim);
        // The current sweep, and two more.
        let overview = daemon.after_sweeps(3);
        assert!(all_are_fine(&overview, &bad) && all_are_fine(&overview, &good), "{name}: {}", daemon.log());
        assert_answered(&format!("{name}, {:?}", begun.elapsed()), &load.end(), HUNG);
        assert_no_child(&daemon, &sim, name);
        assert!(daemon.log().lines().count() - lines <= 60, "{name}: {}", daemon.log());
    }
    // A grandchild in another process group is not killed. smartctl never starts one, but it must not delay the daemon,
    // and the reading is good.
    sim.set("bays", &["fork_setsid=true"]);
    let before = sim.starts().len();
    wait_until("every drive is read", || sim.starts().len() > before + 84);
    sim.set("bays", &["fork_setsid="]);
    let overview = daemon.after_sweeps(1);
    assert!(all_are_fine(&overview, &bad), "{}", daemon.log());
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    wait_until("no run of the tool is left", || sim.processes().is_empty());
}

/// Counts the children of the daemon in the background, and returns the maximum.
struct Census {
    over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Census {
    fn start(daemon: &Daemon) -> Self {
        let (over, pid) = (Arc::new(AtomicBool::new(false)), daemon.pid().as_raw_nonzero().get().unsigned_abs());
        let is_over = Arc::clone(&over);
        let count = move || {
            let mut most = 0;
            while !is_over.load(Ordering::Relaxed) {
                // `exe` is the trampoline before it executes a tool, or the child that reads from enclosures.
                most = most.max(children_of(pid).iter().filter(|child| !child.ends_with("exe")).count());
                std::thread::sleep(Duration::from_millis(50));
            }
            most
        };
        Self { over, thread: std::thread::Builder::new().spawn(count).expect("a thread") }
    }

    fn most(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("a count")
    }
}

/// A host after all 78 drives of a SCSI host have hung, for some of which only SIGKILL ended smartctl.
struct Hang {
    sim: Sim,
    bad: Vec<String>,
    daemon: Daemon,
    _redis: Redis,
}

#[track_caller]
fn all_of_a_host_hang() -> Hang {
    let (sim, bad, good) = rack("1");
    let redis = Redis::start();
    let settings = [LONG_TIMEOUT, ("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "5")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let first = daemon.json("/api/overview");
    assert!(all_are_fine(&first, &bad) && all_are_fine(&first, &good), "{first}");
    let lines = daemon.log().lines().count();
    let (load, census) = (Load::start(daemon.port, &PATHS), Census::start(&daemon));
    sim.set("bays", &["hang=true"]);
    for serial in bad.iter().step_by(10) {
        sim.set(serial, &["hang_ignore_term=true"]);
    }
    daemon.overview_when("all have an error", |overview| {
        bad.iter().all(|serial| !drive(overview, serial)["error"].is_null())
    });
    let overview =
        daemon.overview_when("all are unresponsive", |overview| overview["totals"]["by_state"]["unresponsive"] == 78);
    for serial in &bad {
        let (now, before) = (drive(&overview, serial), drive(&first, serial));
        assert_eq!(now["temperature_celsius"], before["temperature_celsius"], "the last value stays: {now}");
        assert_eq!(now["verdict"], "unknown", "{now}");
    }
    assert!(all_have_error(&overview, &bad, "SCSI host 0 does not respond"), "{overview}");
    let took = Duration::from_millis(overview["sweep"]["took_ms"].as_u64().expect("a time"));
    assert!(took < Duration::from_secs(20), "the sweep took {took:?}");
    let before = read_at(&overview, &good);
    daemon.overview_when("the other drives are read", |overview| {
        all_are_fine(overview, &good) && read_at(overview, &good) > before
    });
    let most = census.most();
    // One more thread is for zpool.
    assert!(most <= 16 + 1, "{most} concurrent children");
    assert_answered(&format!("78 drives of one host hang, {most} children at most"), &load.end(), HUNG);
    let log = daemon.log();
    assert_eq!(daemon.logged("scsi host unresponsive host=0"), 1, "{log}");
    assert!(log.lines().count() - lines <= 20, "{log}");
    assert_no_child(&daemon, &sim, "unresponsive");
    sim.set("bays", &["hang="]);
    sim.set("bays", &["hang_ignore_term="]);
    Hang { sim, bad, daemon, _redis: redis }
}

/// An unresponsive SCSI host is one event. A drive that is inserted is read at once, and shows that the host responds
/// again.
#[test]
fn an_unresponsive_scsi_host_does_not_delay_other_hosts() {
    let Hang { sim, bad, daemon, _redis } = all_of_a_host_hang();
    let drives = sim.list();
    let pulled = drives.iter().find(|drive| drive["serial"] == bad[0].as_str()).expect("the drive");
    sim.pull(&[&bad[0]]);
    daemon.overview_when("the drive is missing", |overview| drive(overview, &bad[0])["state"] == "missing");
    sim.insert(&[&format!("bay/{}/{}", pulled["enclosure"], pulled["bay"])]);
    daemon.wait_logged("scsi host responds again host=0");
    daemon.after_sweeps(2);
    daemon.overview_when("all are read again", |overview| all_are_fine(overview, &bad));
    assert!(daemon.stop(Signal::TERM).0.success());
}

/// Without an inserted drive: one drive is tried after two minutes, the others follow in the next sweep.
#[test]
#[ignore = "waits for two minutes, the back-off after a timeout"]
fn a_scsi_host_that_responds_again_is_read_within_two_minutes_and_two_sweeps() {
    let hang = all_of_a_host_hang();
    let Hang { bad, daemon, .. } = &hang;
    let recovered = Instant::now();
    while !all_are_fine(&daemon.json("/api/overview"), bad) {
        assert!(recovered.elapsed() < Duration::from_secs(180), "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("read again {:?} after the host recovered", recovered.elapsed());
    assert_eq!(daemon.logged("scsi host responds again host=0"), 1, "{}", daemon.log());
}

/// `overview_when` with a pause, because parsing an overview of 1,000 drives keeps a processor busy. The argument of
/// `wanted` are the drives by serial number.
#[track_caller]
fn large_overview_when(daemon: &Daemon, what: &str, wanted: impl Fn(&HashMap<&str, &Value>) -> bool) -> Value {
    eventually(what, || {
        std::thread::sleep(Duration::from_millis(500));
        let overview = daemon.json("/api/overview");
        let by_serial = drives(&overview).map(|drive| (text(&drive["serial_number"]), drive)).collect();
        let is_wanted = wanted(&by_serial);
        is_wanted.then_some(overview)
    })
}

/// The timeout of smartctl with 1,000 drives. A response that takes as long has waited for it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// `hanging` of 1,000 drives hang.
#[track_caller]
fn of_a_thousand(hanging: usize) {
    let shape = "--enclosures 24 --bays 42 --drives 1000 --paths 1 --nvme 0 --pools 0";
    let sim = Sim::host(&shape.split(' ').collect::<Vec<_>>());
    let redis = Redis::start();
    let settings = [
        LONG_TIMEOUT,
        ("SMART_POLL_INTERVAL", "2"),
        ("SMART_TIMEOUT", "3"),
        ("SMART_CONCURRENCY", "16"),
        ("SMART_CONCURRENCY_PER_HOST", "16"),
    ];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for (number, drive) in sim.list().into_iter().enumerate() {
        let serial = text(&drive["serial"]).to_owned();
        let is_bad = number.is_multiple_of(1_000 / hanging) && bad.len() < hanging;
        if is_bad { bad.push(serial) } else { good.push(serial) }
    }
    assert_eq!((bad.len(), good.len()), (hanging, 1_000 - hanging));
    let (load, census, at_first) = (Load::start(daemon.port, &PATHS), Census::start(&daemon), daemon.vitals());
    if good.is_empty() {
        sim.set("bays", &["hang=true"]);
    } else {
        for serial in &bad {
            sim.set(serial, &["hang=true"]);
        }
    }
    let overview = large_overview_when(&daemon, "all bad drives have an error", |by_serial| {
        bad.iter().all(|serial| !by_serial[serial.as_str()]["error"].is_null())
    });
    let before = read_at(&overview, &good);
    let overview = large_overview_when(&daemon, "the other drives are read", |by_serial| {
        good.iter().all(|serial| {
            let drive = by_serial[serial.as_str()];
            drive["error"].is_null() && drive["collected_at"].as_str() > Some(before.as_str())
        })
    });
    assert_eq!(drives(&overview).count(), 1_000);
    let (most, before, now) = (census.most(), at_first.resident_kib / 1024, daemon.vitals().resident_kib / 1024);
    assert!(most <= 16 + 1, "{most} concurrent children");
    assert!(now < before + 64, "{before} MiB, then {now} MiB");
    let what = format!("{hanging} of 1000 hang, {most} children at most, {before} and {now} MiB");
    assert_answered(&what, &load.end(), TIMEOUT);
    assert!(daemon.log().lines().count() < 60, "{}", daemon.log());
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    wait_until("no tool runs", || sim.processes().is_empty());
}

#[test]
fn of_1000_drives_78_hang() {
    of_a_thousand(78);
}

#[test]
#[ignore = "takes a minute; one of 78 and 78 of 1,000 are tested"]
fn of_1000_drives_one_hangs() {
    of_a_thousand(1);
}

#[test]
#[ignore = "takes several minutes; 78 of 1,000 are tested"]
fn of_1000_drives_all_hang() {
    of_a_thousand(1_000);
}
