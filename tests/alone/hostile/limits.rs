//! The daemon at the limits that a machine sets it: no descriptors left, no threads to be had, and
//! a thousand drives in little memory.

use super::connections::narrow;
use super::wire::{alone, beside, connect, sent, wait_begun, wait_blocked};
use crate::support::daemon::{Daemon, command};
use crate::support::eventually;
use crate::support::http::Client;
use crate::support::port::ANY_PORT;
use crate::support::proc_stats::Vitals;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use rustix::process::{Resource, Rlimit, getuid, prlimit};
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// Of a release build; a debug build holds more.
const MOST_KIB: usize = if cfg!(debug_assertions) { 160 * 1024 } else { 64 * 1024 };

fn allow(daemon: &Daemon, what: Resource, most: Option<u64>) {
    let limit = Rlimit { current: most, maximum: most };
    prlimit(Some(daemon.pid()), what, limit).expect("a limit for a child of ours");
}

/// Opens connections until as many are held; those that end at once are gone.
fn hold(port: u16, count: usize) -> Vec<TcpStream> {
    (0..count).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect()
}

#[track_caller]
fn assert_alive_after(daemon: &Daemon, base: Vitals) {
    // Until its breaker has tried again, and the poller has read again.
    daemon.is_as_before(base);
    eventually("everything is as good as before", || {
        let overview = daemon.json("/api/overview");
        let well = overview["totals"]["by_state"]["active"] == overview["totals"]["drives"];
        (well && overview["sweep"]["failed"] == 0).then_some(())
    });
    assert_eq!(daemon.logged("exited unexpectedly"), 0, "{}", daemon.log());
}

/// With 64 descriptors and more clients than that the daemon takes in what it can, and is whole
/// again when they are gone.
#[test]
fn the_daemon_survives_without_free_descriptors() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let base = daemon.at_rest();
    allow(&daemon, Resource::Nofile, Some(64));
    let lines = daemon.log().lines().count();
    for _ in 0..3 {
        let held = hold(daemon.port, 90);
        eventually("no descriptor is left", || (daemon.vitals().descriptors >= 63).then_some(()));
        // A few sweeps without a pipe to be had.
        redis.wait_renewed(3);
        drop(held);
        eventually("there is room again", || {
            let answer = Client::connect(daemon.port)?.request("GET", "/healthz", &[])?;
            (answer.status == 200).then_some(())
        });
    }
    assert_alive_after(&daemon, base);
    let lines = daemon.log().lines().count() - lines;
    assert!(lines < 60, "{lines} lines about it: {}", daemon.log());
}

/// As another user, since the limit does not hold for root. Neither a thread nor a child can be had
/// any more: that costs readings, and no answer.
#[test]
#[ignore = "needs root, setpriv and a build that every user may run"]
fn the_daemon_survives_without_new_threads() {
    const PLENTY: &str = "--nproc=400";
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    // A user whom nobody else is: the limit counts all that is theirs.
    let user = (100_000 + std::process::id()).to_string();
    let plain = command(&sim, redis.port);
    let limit = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "prlimit"]).args(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let is_well = |mut command: Command| command.status().is_ok_and(|s| s.success());
    let mut opened = Command::new("chmod");
    opened.arg("-R").arg("a+rwX").arg(sim.root());
    let program = plain.get_program().to_str().expect("a path");
    assert!(getuid().is_root(), "this test runs as root only");
    assert!(is_well(opened), "every user may use the simulated host");
    assert!(is_well(limit(&[PLENTY, program, "--version"])), "every user may run {program}");
    let mut start = limit(&[PLENTY, program]);
    start.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    start.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let daemon = Daemon::listening(start.env("JBOD_LISTEN", ANY_PORT).env("SMART_POLL_INTERVAL", "1"));
    daemon.wait_ready();
    let base = daemon.at_rest();
    let pid = daemon.pid().to_string();
    let lines = daemon.log().lines().count();
    for _ in 0..2 {
        let most = daemon.vitals().threads;
        assert!(is_well(limit(&["--pid", &pid, &format!("--nproc={most}:")])));
        let held = hold(daemon.port, 60);
        daemon.overview_when("drives cannot be read any more", |o| o["sweep"]["failed"] != 0);
        beside(&daemon, "no threads to be had", || drop(daemon.after_sweeps(2)));
        assert!(daemon.vitals().threads <= most, "the limit holds");
        drop(held);
        assert!(is_well(limit(&["--pid", &pid, &format!("{PLENTY}:")])));
        daemon.overview_when("they are read again", |o| o["sweep"]["failed"] == 0);
    }
    assert_alive_after(&daemon, base);
    let lines = daemon.log().lines().count() - lines;
    assert!(lines < 80, "{lines} lines about it: {}", daemon.log());
}

/// 1,000 drives, and at the same time as many clients as are let in that ask for all of them and
/// read nothing, that ask for views which are made for them alone, and that send no end of a head.
#[test]
fn a_thousand_drives_under_attack_take_little_memory() {
    let _alone = alone();
    let sim = Sim::host(&["--enclosures", "10", "--bays", "100", "--drives", "1000", "--paths", "1", "--nvme", "0"]);
    let redis = Redis::start();
    let daemon = Daemon::start(&sim, &redis, &[("SMART_POLL_INTERVAL", "3600")]);
    eventually("the sweep goes on", || (sim.starts().len() > 500).then_some(()));
    daemon.wait_ready();
    let quiet = daemon.vitals();
    beside(&daemon, "1,000 drives under attack", || {
        let views =
            ["/api/overview", "/api/drives?verdict=ok", "/api/drives?verdict=unknown", "/api/enclosures", "/api/zfs"];
        let (mut lists, mut others) = (Vec::new(), Vec::new());
        for number in 0..110 {
            let view = views[number % views.len()];
            let request = format!("GET {view} HTTP/1.1\r\nHost: localhost\r\nX-Pad: {}\r\n\r\n", "x".repeat(8_000));
            let mut stream = narrow(daemon.port);
            let _ = stream.write(request.repeat(4).as_bytes());
            if view == views[0] { lists.push(stream) } else { others.push(stream) }
        }
        let mib = vec![b'a'; 1 << 20];
        for _ in 0..8 {
            let mut stream = connect(daemon.port);
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nX-Long: ");
            let _ = (0..64).take_while(|_| stream.write_all(&mib).is_ok()).count();
            sent(daemon.port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551615\r\n\r\n");
        }
        wait_blocked(daemon.port, &lists);
        wait_begun(&others);
    });
    let peak = daemon.vitals().peak_kib;
    eprintln!("1,000 drives: {} KiB after the sweep, {peak} KiB at the peak under attack", quiet.resident_kib);
    assert!(peak < MOST_KIB, "{peak} KiB, at most {MOST_KIB}");
    assert_eq!(daemon.logged("panic"), 0, "{}", daemon.log());
}
