//! `jbod-monitor forget`, and the control socket that it uses.

use crate::support;

use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
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
    run(command(sim, 1).env(SOCKET, socket(sim)).args(["forget", subject]))
}

fn serials(sim: &Sim) -> Vec<String> {
    sim.list().iter().map(|drive| drive["serial"].as_str().expect("a serial").to_owned()).collect()
}

fn has_degraded_socket(daemon: &Daemon) -> bool {
    let health = daemon.json("/api/health");
    health["degraded"].as_array().expect("a list").iter().any(|degraded| degraded["part"] == "control")
}

fn wait_missing(daemon: &Daemon, count: u64) -> Value {
    daemon.overview_when("so many are missing", |overview| overview["totals"]["by_state"]["missing"] == count)
}

#[test]
fn a_forgotten_drive_is_missing_nowhere_and_stays_forgotten() {
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
    eventually("Redis has both", || {
        redis.get("jbod:last:gone").filter(|list| list.contains(&all[0]) && list.contains(&all[1]))
    });
    let lower = all[0].to_lowercase();
    if lower != all[0] {
        assert_eq!(forget(&sim, &lower).code, Some(1), "a serial number is compared exactly");
    }
    let done = forget(&sim, &all[0]);
    assert_eq!((done.code, done.stdout), (Some(0), format!("forgotten: 1 missing drive ({})\n", all[0])));
    let gone = redis.get("jbod:last:gone").expect("the list");
    assert!(!gone.contains(&all[0]) && gone.contains(&all[1]), "stored before the command ends: {gone}");
    let overview = daemon.json("/api/overview");
    assert!(drives(&overview).all(|drive| drive["serial_number"] != all[0].as_str()), "{overview}");
    assert_eq!(daemon.get(&format!("/api/drives/{}", all[0])).status, 404);
    assert_eq!(daemon.logged("drive forgotten "), 1, "{}", daemon.log());
    assert!(daemon.log().contains(&format!(" uid={}", rustix::process::geteuid().as_raw())), "{}", daemon.log());

    daemon.kill();
    let daemon = start(&sim, &redis);
    let overview = wait_missing(&daemon, 1);
    assert!(drives(&overview).any(|drive| drive["serial_number"] == all[1].as_str()), "the other one is still missing");
    // Until the lease of the one that was killed has expired, this one does not poll.
    eventually("one that went before this daemon is forgotten", || {
        (forget(&sim, &all[1]).code == Some(0)).then_some(())
    });
    wait_missing(&daemon, 0);
    sim.insert(&["bay/0/5", "--serial", &all[0]]);
    daemon.wait_logged("drive added ");
    wait_missing(&daemon, 0);
}

#[test]
fn without_redis_a_drive_is_forgotten_in_memory() {
    let sim = Sim::small();
    let all = serials(&sim);
    let wwn = sim.list()[0]["wwn"].as_str().expect("a WWN").to_owned();
    let daemon = start(&sim, &Redis::absent());
    sim.pull(&[&all[0]]);
    wait_missing(&daemon, 1);
    let done = forget(&sim, &format!("0x{}", wwn.trim_start_matches("0x").to_uppercase()));
    assert_eq!(done.code, Some(0), "by its WWN: {done:?}");
    assert_eq!(daemon.after_sweeps(1)["totals"]["by_state"]["missing"], 0);
}

#[test]
fn the_drives_of_an_enclosure_that_is_gone_are_forgotten_together() {
    let sim = Sim::small();
    let all = serials(&sim);
    let daemon = start(&sim, &Redis::absent());
    let id = daemon.json("/api/overview")["enclosures"][0]["id"].as_str().expect("an id").to_owned();
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
    daemon.overview_when("the shelf is gone", |overview| overview["enclosures"][0]["missing_since"].is_string());
    let done = forget(&sim, &id);
    let text = format!("forgotten: missing enclosure {id} and 4 missing drives that were in it\n");
    assert_eq!((done.code, done.stdout), (Some(0), text));
    wait_missing(&daemon, 0);
    assert_eq!(daemon.json("/api/overview")["totals"]["enclosures"], 0);
}

/// What a drive or a shelf that is present has lost, and a shelf without its drives.
#[test]
fn lost_paths_io_modules_and_shelves_are_forgotten() {
    let options = "--enclosures 2 --bays 4 --drives 4 --paths 2 --sata 0 --nvme 0 --pools 0";
    let (sim, redis) = (Sim::host(&options.split(' ').collect::<Vec<_>>()), Redis::start());
    let daemon = start(&sim, &redis);
    let serial = serials(&sim)[0].clone();
    let expected = |drive: &Value| drive["expected_paths"].as_u64();
    let has_lost = |drive: &Value| drive["findings"].to_string().contains("\"P1\"");

    sim.pull(&[&serial, "--path", "1"]);
    let drive = daemon.drive_when(&serial, "the path is lost", has_lost);
    let device = drive["device"].as_str().expect("a name").to_owned();
    let id = drive["enclosure"].as_str().expect("an enclosure").to_owned();
    let done = forget(&sim, &serial);
    assert_eq!((done.code, done.stdout), (Some(0), format!("forgotten: 1 missing path of {device}\n")));
    daemon.drive_when(&serial, "one path is expected", |drive| expected(drive) == Some(1) && !has_lost(drive));
    daemon.wait_logged("paths forgotten ");
    assert_eq!(forget(&sim, &serial).code, Some(1), "there is nothing left to forget");

    sim.module(&["enclosure/0", "1", "gone"]);
    let has_module_finding = |overview: &Value| overview["enclosures"].to_string().contains("\"E12\"");
    daemon.overview_when("a module is missing", has_module_finding);
    let done = forget(&sim, &id);
    assert_eq!((done.code, done.stdout), (Some(0), format!("forgotten: 1 missing IO module of enclosure {id}\n")));
    daemon.overview_when("no module is missing", |overview| !has_module_finding(overview));

    sim.module(&["enclosure/0", "1", "back"]);
    // For the daemon it is a new one.
    let modules = |overview: &Value| {
        let mine = overview["enclosures"]
            .as_array()
            .and_then(|all| all.iter().find(|enclosure| enclosure["id"] == id.as_str()));
        mine.and_then(|enclosure| enclosure["modules"].as_array().map(Vec::len))
    };
    daemon.overview_when("the module is here", |overview| modules(overview) == Some(2));
    sim.shelf(&["enclosure/0", "gone", "--drives"]);
    daemon.overview_when("the shelf is missing", |overview| overview["enclosures"].to_string().contains("\"E13\""));
    let done = forget(&sim, &id);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.starts_with(&format!("forgotten: missing enclosure {id} and ")), "{done:?}");
    let overview = daemon.after_sweeps(1);
    assert_eq!(overview["enclosures"].as_array().map(Vec::len), Some(1), "{overview}");
    assert_eq!(overview["totals"]["by_state"]["missing"], 0, "{overview}");
    assert_eq!(daemon.get(&format!("/api/enclosures/{id}")).status, 404);
    for line in ["shelf forgotten ", "io modules forgotten "] {
        assert_eq!(daemon.logged(line), 1, "{}", daemon.log());
    }
}

#[test]
fn a_follower_names_the_daemon_that_polls() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let leader = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let follower = start(&sim, &redis);
    follower.wait_logged("became follower");
    let asked = forget(&sim, "ANY");
    assert_eq!(asked.code, Some(1));
    let words = format!(":{}:", leader.pid().as_raw_nonzero());
    assert!(
        asked
            .stdout
            .starts_with("this daemon is not the leader; send the request to the daemon that holds the poll lease, "),
        "{asked:?}"
    );
    assert!(asked.stdout.contains(&words), "{asked:?}");
}

#[test]
fn without_a_daemon_or_with_a_bad_setting_the_command_says_so() {
    let sim = Sim::small();
    let ended = forget(&sim, "X");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("no jbod-monitor at "), "{ended:?}");
    let none = run(command(&sim, 1).args(["forget", "X"]));
    assert!(none.code == Some(1) && none.stderr.contains("JBOD_CONTROL_SOCKET: found none"), "{none:?}");
    let long = format!("/{}", "x".repeat(107));
    for wrong in ["control.sock", &long] {
        let ended = run(command(&sim, 1).env(SOCKET, wrong).args(["forget", "X"]));
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.stderr.contains("JBOD_CONTROL_SOCKET: found "), "{ended:?}");
    }
    assert_eq!(run(command(&sim, 1).arg("forget")).code, Some(2));
}

#[test]
fn a_socket_that_cannot_be_made_degrades_the_daemon_and_ends_nothing() {
    let sim = Sim::small();
    let first = start(&sim, &Redis::absent());
    assert!(!has_degraded_socket(&first));
    let second = start(&sim, &Redis::absent());
    assert!(has_degraded_socket(&second));
    second.wait_logged("control socket unavailable");
    drop(second);
    assert_eq!(forget(&sim, "X").code, Some(1), "the socket of the first one is left alone");
    assert_eq!(first.logged("control socket unavailable"), 0);

    // What a daemon that was killed has left is replaced.
    first.kill();
    assert!(socket(&sim).exists());
    let third = start(&sim, &Redis::absent());
    assert!(!has_degraded_socket(&third));
    assert!(forget(&sim, "X").stdout.starts_with("no missing drive"), "it answers");
    let (status, log) = third.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    assert!(!socket(&sim).exists(), "it is removed at a stop");
}

#[test]
fn clients_that_say_nothing_or_too_much_hold_up_neither_the_next_nor_a_stop() {
    let sim = Sim::small();
    let daemon = start(&sim, &Redis::absent());
    let connect = || UnixStream::connect(socket(&sim)).expect("it accepts");
    let answer = |mut stream: UnixStream| {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    };
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
        stream.write_all(line).expect("it takes a line");
        stream.shutdown(std::net::Shutdown::Write).expect("no more follows");
        assert_eq!(answer(stream), expected);
    }
    let (silent, mut half) = (connect(), connect());
    half.write_all(b"forget ").expect("it takes a part");
    assert!(forget(&sim, "X").stdout.starts_with("no missing drive"), "the next one is served");
    drop((silent, half));
    let silent = connect();
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    drop(silent);
}
