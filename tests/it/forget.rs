//! `jbod-monitor forget`, and the control socket that it uses.

use crate::support;

use crate::helpers::{NO_REDIS, array, degradation, in_state, serials, sim_host, string};
use crate::support::wait_until;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use support::daemon::{Daemon, Ended, command, run};
use support::eventually;
use support::json::drives;
use support::redis::Redis;
use support::sim::Sim;

const SOCKET: &str = "JBOD_CONTROL_SOCKET";

fn socket(sim: &Sim) -> PathBuf {
    sim.root().join("control.sock")
}

fn start(sim: &Sim, redis: &Redis) -> Daemon {
    let socket = socket(sim);
    let settings = [(SOCKET, socket.to_str().expect("text")), ("SMART_POLL_INTERVAL", "1"), ("OVERVIEW_TTL", "3")];
    Daemon::ready(sim, redis, &settings)
}

fn forget(sim: &Sim, subject: &str) -> Ended {
    run(command(sim, NO_REDIS).env(SOCKET, socket(sim)).args(["forget", subject]))
}

fn wait_missing(daemon: &Daemon, count: u64) -> Value {
    daemon.overview_when(&format!("{count} drives are missing"), |overview| in_state(overview, "missing") == count)
}

#[test]
fn a_forgotten_drive_is_not_missing_after_a_restart_either() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let all = serials(&sim);
    let daemon = start(&sim, &redis);
    let mode = std::fs::metadata(socket(&sim)).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let present = forget(&sim, &all[0]);
    assert_eq!(present.code, Some(1), "{present:?}");
    assert!(present.stdout.starts_with("the drive is present: sd"), "{present:?}");
    assert!(present.stdout.contains(", in bay "), "{present:?}");
    let none = forget(&sim, "NOSUCHSERIAL");
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.stdout.starts_with("no missing drive, path, enclosure or IO module matches NOSUCHSERIAL"), "{none:?}");

    sim.pull(&[&all[0]]);
    sim.pull(&[&all[1]]);
    wait_missing(&daemon, 2);
    eventually("both are stored", || {
        let list = redis.get("jbod:last:gone")?;
        (list.contains(&all[0]) && list.contains(&all[1])).then_some(())
    });
    let lower = all[0].to_lowercase();
    if lower != all[0] {
        assert_eq!(forget(&sim, &lower).code, Some(1), "a serial number is compared exactly");
    }
    let done = forget(&sim, &all[0]);
    assert_eq!((done.code, done.stdout), (Some(0), format!("forgotten: 1 missing drive ({})\n", all[0])));
    let gone = redis.get("jbod:last:gone").expect("the list");
    assert!(!gone.contains(&all[0]) && gone.contains(&all[1]), "the list is stored before the command ends: {gone}");
    let overview = daemon.json("/api/overview");
    assert!(drives(&overview).all(|drive| drive["serial_number"] != all[0].as_str()), "{overview}");
    assert_eq!(daemon.get(&format!("/api/drives/{}", all[0])).status, 404);
    assert_eq!(daemon.logged("drive forgotten "), 1, "{}", daemon.log());
    assert!(daemon.log().contains(&format!(" uid={}", rustix::process::geteuid().as_raw())), "{}", daemon.log());

    daemon.kill();
    let daemon = start(&sim, &redis);
    let overview = wait_missing(&daemon, 1);
    assert!(drives(&overview).any(|drive| drive["serial_number"] == all[1].as_str()), "the other one is still missing");
    // The daemon becomes leader when the lease of the killed one has expired.
    wait_until("a drive that was missing at the start is forgotten", || forget(&sim, &all[1]).code == Some(0));
    wait_missing(&daemon, 0);
    sim.insert(&["bay/0/5", "--serial", &all[0]]);
    daemon.wait_logged("drive added ");
    wait_missing(&daemon, 0);
}

#[test]
fn without_redis_a_drive_is_forgotten_in_memory() {
    let sim = Sim::small();
    let all = serials(&sim);
    let wwn = string(&sim.list()[0], "wwn").to_owned();
    let daemon = start(&sim, &Redis::absent());
    sim.pull(&[&all[0]]);
    wait_missing(&daemon, 1);
    let done = forget(&sim, &format!("0x{}", wwn.trim_start_matches("0x").to_uppercase()));
    assert_eq!(done.code, Some(0), "by its WWN: {done:?}");
    assert_eq!(in_state(&daemon.after_sweeps(1), "missing"), 0);
}

#[test]
fn a_missing_enclosure_is_forgotten_with_its_drives() {
    let sim = Sim::small();
    let all = serials(&sim);
    let daemon = start(&sim, &Redis::absent());
    let id = string(&daemon.json("/api/overview")["enclosures"][0], "id").to_owned();
    for serial in &all {
        sim.pull(&[serial]);
    }
    wait_missing(&daemon, 4);
    let present = forget(&sim, &id);
    assert_eq!(present.code, Some(1));
    assert!(
        present.stdout.starts_with(&format!("enclosure {id} is present; forget its 4 missing drives")),
        "{present:?}"
    );
    let class = sim.root().join("sys/class/enclosure");
    for entry in std::fs::read_dir(&class).expect("enclosures").flatten() {
        std::fs::remove_file(entry.path()).expect("the link");
    }
    daemon.overview_when("the enclosure is missing", |overview| overview["enclosures"][0]["missing_since"].is_string());
    let done = forget(&sim, &id);
    let text = format!("forgotten: missing enclosure {id} and 4 missing drives that were in it\n");
    assert_eq!((done.code, done.stdout), (Some(0), text));
    wait_missing(&daemon, 0);
    assert_eq!(daemon.json("/api/overview")["totals"]["enclosures"], 0);
}

fn has_finding(subject: &Value, code: &str) -> bool {
    array(subject, "findings").iter().any(|finding| finding["code"] == code)
}

fn any_enclosure_has(overview: &Value, code: &str) -> bool {
    array(overview, "enclosures").iter().any(|enclosure| has_finding(enclosure, code))
}

/// Lost paths of a drive and lost IO modules of an enclosure that are present, and a missing enclosure.
#[test]
fn missing_paths_io_modules_and_enclosures_are_forgotten() {
    let sim = sim_host("--enclosures 2 --bays 4 --drives 4 --paths 2 --sata 0 --nvme 0 --pools 0");
    let redis = Redis::start();
    let daemon = start(&sim, &redis);
    let serial = serials(&sim)[0].clone();

    sim.pull(&[&serial, "--path", "1"]);
    let drive = daemon.drive_when(&serial, "the path is lost", |drive| has_finding(drive, "P1"));
    let (device, id) = (string(&drive, "device"), string(&drive, "enclosure"));
    let done = forget(&sim, &serial);
    assert_eq!((done.code, done.stdout), (Some(0), format!("forgotten: 1 missing path of {device}\n")));
    daemon
        .drive_when(&serial, "one path is expected", |drive| drive["expected_paths"] == 1 && !has_finding(drive, "P1"));
    daemon.wait_logged("paths forgotten ");
    assert_eq!(forget(&sim, &serial).code, Some(1), "nothing of the drive is missing");

    sim.module(&["enclosure/0", "1", "gone"]);
    daemon.overview_when("a module is missing", |overview| any_enclosure_has(overview, "E12"));
    let done = forget(&sim, id);
    assert_eq!((done.code, done.stdout), (Some(0), format!("forgotten: 1 missing IO module of enclosure {id}\n")));
    daemon.overview_when("no module is missing", |overview| !any_enclosure_has(overview, "E12"));

    // A module that was forgotten is a new one.
    sim.module(&["enclosure/0", "1", "back"]);
    daemon.overview_when("the module is present", |overview| {
        let mut enclosures = array(overview, "enclosures").iter();
        enclosures.any(|enclosure| enclosure["id"] == id && array(enclosure, "modules").len() == 2)
    });
    sim.shelf(&["enclosure/0", "gone", "--drives"]);
    daemon.overview_when("the enclosure is missing", |overview| any_enclosure_has(overview, "E13"));
    let done = forget(&sim, id);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.starts_with(&format!("forgotten: missing enclosure {id} and ")), "{done:?}");
    let overview = daemon.after_sweeps(1);
    assert_eq!(array(&overview, "enclosures").len(), 1, "{overview}");
    assert_eq!(in_state(&overview, "missing"), 0, "{overview}");
    assert_eq!(daemon.get(&format!("/api/enclosures/{id}")).status, 404);
    for line in ["shelf forgotten ", "io modules forgotten "] {
        assert_eq!(daemon.logged(line), 1, "{}", daemon.log());
    }
}

#[test]
fn a_follower_names_the_leader() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let leader = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let follower = start(&sim, &redis);
    follower.wait_logged("became follower");
    let asked = forget(&sim, "ANY");
    assert_eq!(asked.code, Some(1));
    let pid = format!(":{}:", leader.pid().as_raw_nonzero());
    assert!(
        asked
            .stdout
            .starts_with("this daemon is not the leader; send the request to the daemon that holds the poll lease, "),
        "{asked:?}"
    );
    assert!(asked.stdout.contains(&pid), "{asked:?}");
}

#[test]
fn without_a_daemon_or_with_an_invalid_setting_the_command_fails() {
    let sim = Sim::small();
    let ended = forget(&sim, "X");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("no jbod-monitor at "), "{ended:?}");
    let none = run(command(&sim, NO_REDIS).args(["forget", "X"]));
    assert!(none.code == Some(1) && none.stderr.contains("JBOD_CONTROL_SOCKET: found none"), "{none:?}");
    let long = format!("/{}", "x".repeat(107));
    for wrong in ["control.sock", &long] {
        let ended = run(command(&sim, NO_REDIS).env(SOCKET, wrong).args(["forget", "X"]));
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.stderr.contains("JBOD_CONTROL_SOCKET: found "), "{ended:?}");
    }
    assert_eq!(run(command(&sim, NO_REDIS).arg("forget")).code, Some(2));
}

#[test]
fn a_daemon_that_cannot_create_its_socket_is_degraded() {
    let sim = Sim::small();
    let first = start(&sim, &Redis::absent());
    assert_eq!(degradation(&first, "control"), None);
    let second = start(&sim, &Redis::absent());
    assert!(degradation(&second, "control").is_some());
    second.wait_logged("control socket unavailable");
    drop(second);
    assert_eq!(forget(&sim, "X").code, Some(1), "the socket of the first daemon is still there");
    assert_eq!(first.logged("control socket unavailable"), 0);

    // The socket of a daemon that was killed is replaced.
    first.kill();
    assert!(socket(&sim).exists());
    let third = start(&sim, &Redis::absent());
    assert_eq!(degradation(&third, "control"), None);
    assert!(forget(&sim, "X").stdout.starts_with("no missing drive"), "the socket answers");
    let (status, log) = third.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    assert!(!socket(&sim).exists(), "the socket is removed at a stop");
}

fn answer(mut stream: UnixStream) -> String {
    let mut text = String::new();
    // The daemon may close the connection before it has read everything, which is an error here.
    let _ = stream.read_to_string(&mut text);
    text
}

/// As by a child of a killed daemon, which has a copy of the socket until it executes its program.
#[test]
fn a_socket_that_is_released_while_the_daemon_starts_is_replaced() {
    let sim = Sim::small();
    let held = UnixListener::bind(socket(&sim)).expect("a socket");
    let holder = std::thread::spawn(move || {
        // The first connection shows that the daemon has probed the socket.
        drop(held.accept().expect("a probe"));
    });
    let daemon = start(&sim, &Redis::absent());
    holder.join().expect("it ends");
    assert_eq!(degradation(&daemon, "control"), None, "{}", daemon.log());
    assert!(forget(&sim, "X").stdout.starts_with("no missing drive"), "the socket answers");
}

/// It may belong to another service. connect(2) reports EPROTOTYPE, as it reports EACCES for one of another user.
#[test]
fn a_socket_that_does_not_refuse_connections_is_not_removed() {
    let sim = Sim::small();
    let other = UnixDatagram::bind(socket(&sim)).expect("a socket");
    let daemon = start(&sim, &Redis::absent());
    let problem = degradation(&daemon, "control").expect("the control socket is degraded");
    assert!(problem.contains("Protocol wrong type for socket"), "{problem}");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.send_to(b"still there", socket(&sim)).expect("the socket is still there");
    let mut received = [0; 16];
    assert_eq!(other.recv(&mut received).expect("a datagram"), b"still there".len());
}

#[test]
fn silent_and_invalid_clients_block_neither_others_nor_a_stop() {
    let sim = Sim::small();
    let daemon = start(&sim, &Redis::absent());
    let connect = || UnixStream::connect(socket(&sim)).expect("a connection");
    let mut long = connect();
    let _ = long.write_all(&[b'x'; 4096]);
    assert_eq!(answer(long), "failed found a longer request, wanted at most 512 bytes\n");
    for (line, expected) in [
        (&b"stop\n"[..], "failed found command \"stop\", wanted forget: the daemon may be of another version\n"),
        (b"forget \xff\n", "failed the request is not UTF-8\n"),
        (b"forget\n", "failed found no name, wanted a serial number, a WWN or the id of an enclosure\n"),
        (b"forget X", ""),
    ] {
        let mut stream = connect();
        stream.write_all(line).expect("the line is sent");
        stream.shutdown(std::net::Shutdown::Write).expect("shutdown");
        assert_eq!(answer(stream), expected);
    }
    let (silent, mut incomplete) = (connect(), connect());
    incomplete.write_all(b"forget ").expect("a part is sent");
    assert!(forget(&sim, "X").stdout.starts_with("no missing drive"), "the next client is served");
    drop((silent, incomplete));
    let silent = connect();
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    drop(silent);
}
