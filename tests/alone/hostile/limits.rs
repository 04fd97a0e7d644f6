//! The daemon without free descriptors, without new threads, and with 1,000 drives in little memory.

use super::connections::narrow;
use super::wire::{alone, beside, connect, sent, wait_begun, wait_blocked};
use crate::support::daemon::{Daemon, command};
use crate::support::http::Client;
use crate::support::port::ANY_PORT;
use crate::support::proc_stats::Vitals;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use crate::support::wait_until;
use rustix::process::{Resource, Rlimit, getuid, prlimit};
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// A debug build takes more memory.
const MOST_KIB: usize = if cfg!(debug_assertions) { 160 * 1024 } else { 64 * 1024 };

/// Opens connections. Those that fail are not returned.
fn hold(port: u16, count: usize) -> Vec<TcpStream> {
    (0..count).flat_map(|_| TcpStream::connect(("127.0.0.1", port))).collect()
}

/// Waits until the daemon has no more threads and descriptors than before, and every drive is read again.
#[track_caller]
fn assert_recovers(daemon: &Daemon, base: Vitals) {
    daemon.wait_as_before(base);
    wait_until("every drive is read", || {
        let overview = daemon.json("/api/overview");
        let totals = &overview["totals"];
        totals["by_state"]["active"] == totals["drives"] && overview["sweep"]["failed"] == 0
    });
    assert_eq!(daemon.logged("exited unexpectedly"), 0, "{}", daemon.log());
}

/// 64 descriptors, and more clients than that. Afterwards the daemon recovers.
#[test]
fn the_daemon_survives_without_free_descriptors() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let base = daemon.at_rest();
    let limit = Rlimit { current: Some(64), maximum: Some(64) };
    prlimit(Some(daemon.pid()), Resource::Nofile, limit).expect("a limit of the daemon");
    let lines = daemon.log().lines().count();
    for _ in 0..3 {
        let held = hold(daemon.port, 90);
        wait_until("no descriptor is free", || daemon.vitals().descriptors >= 63);
        // Some sweeps, in which no pipe can be created.
        redis.wait_renewed(3);
        drop(held);
        wait_until("the daemon responds again", || {
            let mut client = Client::connect(daemon.port);
            let response = client.as_mut().and_then(|client| client.request("GET", "/healthz", &[]));
            response.is_some_and(|response| response.status == 200)
        });
    }
    assert_recovers(&daemon, base);
    let lines = daemon.log().lines().count() - lines;
    assert!(lines < 60, "{lines} lines: {}", daemon.log());
}

/// A command that runs prlimit(1) as the user, because the limit of processes does not hold for root.
fn prlimit_as(user: &str, args: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "prlimit"]).args(args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[track_caller]
fn assert_succeeds(command: &mut Command) {
    let status = command.status().expect("the command starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// The daemon can start neither threads nor children. That costs readings, but no response.
#[test]
#[ignore = "needs root, setpriv and a build that every user may run"]
fn the_daemon_survives_without_new_threads() {
    const PLENTY: &str = "--nproc=400";
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    // A user with no other process, because the limit is per user.
    let user = (100_000 + std::process::id()).to_string();
    let plain = command(&sim, redis.port);
    let program = plain.get_program().to_str().expect("a path");
    assert!(getuid().is_root(), "this test runs as root only");
    assert_succeeds(Command::new("chmod").arg("-R").arg("a+rwX").arg(sim.root()));
    assert_succeeds(&mut prlimit_as(&user, &[PLENTY, program, "--version"]));
    let mut start = prlimit_as(&user, &[PLENTY, program]);
    start.env_clear();
    for (name, value) in plain.get_envs() {
        start.env(name, value.expect("a value"));
    }
    start.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let daemon = Daemon::listening(start.env("JBOD_LISTEN", ANY_PORT).env("SMART_POLL_INTERVAL", "1"));
    daemon.wait_ready();
    let base = daemon.at_rest();
    let pid = daemon.pid().to_string();
    let lines = daemon.log().lines().count();
    for _ in 0..2 {
        let most = daemon.vitals().threads;
        assert_succeeds(&mut prlimit_as(&user, &["--pid", &pid, &format!("--nproc={most}:")]));
        let held = hold(daemon.port, 60);
        daemon.overview_when("no drive can be read", |overview| overview["sweep"]["failed"] != 0);
        beside(&daemon, "no new threads", || {
            daemon.after_sweeps(2);
        });
        assert!(daemon.vitals().threads <= most, "more threads than the limit");
        drop(held);
        assert_succeeds(&mut prlimit_as(&user, &["--pid", &pid, &format!("{PLENTY}:")]));
        daemon.overview_when("the drives are read again", |overview| overview["sweep"]["failed"] == 0);
    }
    assert_recovers(&daemon, base);
    let lines = daemon.log().lines().count() - lines;
    assert!(lines < 80, "{lines} lines: {}", daemon.log());
}

/// 1,000 drives, and as many clients as the daemon accepts: they request lists and views and read nothing, or send an
/// endless head.
#[test]
fn a_thousand_drives_under_attack_take_little_memory() {
    let _alone = alone();
    let sim = Sim::host(&["--enclosures", "10", "--bays", "100", "--drives", "1000", "--paths", "1", "--nvme", "0"]);
    let redis = Redis::start();
    let daemon = Daemon::start(&sim, &redis, &[("SMART_POLL_INTERVAL", "3600")]);
    wait_until("half of the drives are read", || sim.starts().len() > 500);
    daemon.wait_ready();
    let idle = daemon.vitals();
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
    eprintln!("1,000 drives: {} KiB after the sweep, {peak} KiB at the peak under attack", idle.resident_kib);
    assert!(peak < MOST_KIB, "{peak} KiB, at most {MOST_KIB}");
    assert_eq!(daemon.logged("panic"), 0, "{}", daemon.log());
}
