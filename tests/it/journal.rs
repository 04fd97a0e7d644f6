//! The journal of systemd: the events of a drive by its serial number, hostile names, and a journal that is absent or
//! stalls.

use crate::support;

mod catalog;

use crate::helpers::{array, in_state, serials, sim_host, string};
use crate::support::wait_until;
use jbod_monitor::events::EventKind;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::PATIENCE;
use support::daemon::{Daemon, run};
use support::journal::{FakeJournald, Journald, Record, ready, unit, values};
use support::redis::Redis;
use support::sim::Sim;

fn serial_in(sim: &Sim, bay: u64) -> String {
    let list = sim.list();
    let drive = list.iter().find(|drive| drive["bay"] == bay).unwrap_or_else(|| panic!("bay {bay}: {list:#?}"));
    string(drive, "serial").to_owned()
}

/// Waits until a sweep has just ended. A drive that is removed while it is read may be reported as unreadable first.
#[track_caller]
fn between_sweeps(daemon: &Daemon) {
    let before = daemon.json("/api/overview")["sweep"]["started_at"].clone();
    daemon.overview_when("another sweep has ended", |overview| overview["sweep"]["started_at"] != before);
}

/// A record of the journal.
struct Entry {
    /// `None` if it is not an event of the daemon.
    kind: Option<EventKind>,
    record: Value,
}

/// The records that `journalctl JBOD_SERIAL=…` has of a drive, in order.
fn history(journald: &Journald, serial: &str) -> Vec<Entry> {
    let mut history = Vec::new();
    for record in journald.records(&[&format!("JBOD_SERIAL={serial}")]) {
        let kind = EventKind::ALL.iter().copied().find(|kind| record["MESSAGE_ID"] == kind.message_id());
        history.push(Entry { kind, record });
    }
    history
}

fn kinds(journald: &Journald, serial: &str) -> Vec<EventKind> {
    history(journald, serial).into_iter().filter_map(|entry| entry.kind).collect()
}

/// Waits until the last record of a drive is of that kind.
#[track_caller]
fn wait_last(journald: &Journald, serial: &str, wanted: EventKind) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(last) = history(journald, serial).pop()
            && last.kind == Some(wanted)
        {
            return last.record;
        }
        let shown = || journald.ctl(&[&format!("JBOD_SERIAL={serial}")]);
        assert!(Instant::now() < until, "the last event of {serial} is not {wanted:?}:\n{}", shown());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs journald, journalctl and mount namespaces"]
fn events_of_a_drive_are_found_by_its_serial_number() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (moved, silent, failing) = (serial_in(&sim, 1), serial_in(&sim, 3), serial_in(&sim, 4));
    sim.set("bay/0/3", &["hang=true"]);
    let journald = Journald::start();
    let settings = [("SMART_TIMEOUT", "3"), ("SMART_POLL_INTERVAL", "3")];
    let daemon = ready(&sim, &redis, Some(&journald.folder()), &settings);

    between_sweeps(&daemon);
    sim.pull(&["bay/0/1"]);
    let record = wait_last(&journald, &moved, EventKind::DriveMissing);
    assert_eq!((&record["JBOD_BAY"], &record["JBOD_POOL"]), (&"1".into(), &"tank".into()), "{record}");
    assert_eq!((&record["PRIORITY"], &record["SYSLOG_IDENTIFIER"]), (&"4".into(), &"jbod-monitor".into()));
    assert!(string(&record, "CODE_FILE").starts_with("src/") && record["CODE_LINE"].is_string());
    sim.insert(&["bay/0/5", "--serial", &moved]);
    let record = wait_last(&journald, &moved, EventKind::DriveMoved);
    assert_eq!((&record["JBOD_BAY"], &record["JBOD_FROM_BAY"]), (&"5".into(), &"1".into()), "{record}");
    sim.set("bay/0/5", &["failed=true"]);
    let record = wait_last(&journald, &moved, EventKind::DriveWorse);
    assert_eq!((&record["JBOD_VERDICT"], &record["JBOD_WAS"]), (&"crit".into(), &"ok".into()), "{record}");
    assert_eq!((&record["JBOD_RULE"], &record["PRIORITY"]), (&"S1".into(), &"4".into()), "{record}");
    assert!(string(&record, "MESSAGE").starts_with("drive crit enclosure=0x"), "{record}");
    sim.set("bay/0/5", &["failed="]);
    let record = wait_last(&journald, &moved, EventKind::DriveBetter);
    assert_eq!((&record["JBOD_VERDICT"], &record["JBOD_WAS"]), (&"ok".into(), &"crit".into()), "{record}");
    assert_eq!((&record["JBOD_RULE"], &record["PRIORITY"]), (&"S1".into(), &"6".into()), "{record}");
    sim.set("bay/0/5", &["hang=true"]);
    wait_last(&journald, &moved, EventKind::DriveUnread);
    // Removed and inserted again, the usual remedy for a drive that hangs.
    between_sweeps(&daemon);
    sim.pull(&["bay/0/5"]);
    wait_last(&journald, &moved, EventKind::DriveMissing);
    sim.set(&moved, &["hang="]);
    sim.insert(&["bay/0/5"]);
    wait_last(&journald, &moved, EventKind::DriveAnswers);
    let expected = [
        EventKind::DriveMissing,
        EventKind::DriveBack,
        EventKind::DriveMoved,
        EventKind::DriveWorse,
        EventKind::DriveBetter,
        EventKind::DriveUnread,
        EventKind::DriveMissing,
        EventKind::DriveBack,
        EventKind::DriveAnswers,
    ];
    assert_eq!(kinds(&journald, &moved), expected, "{}", journald.ctl(&[&format!("JBOD_SERIAL={moved}")]));

    // A drive that never responded, and one that is replaced by another.
    wait_last(&journald, &silent, EventKind::DriveUnresponsive);
    between_sweeps(&daemon);
    sim.pull(&["bay/0/3"]);
    wait_last(&journald, &silent, EventKind::DriveMissing);
    sim.set(&silent, &["hang="]);
    sim.insert(&["bay/0/3"]);
    let record = wait_last(&journald, &silent, EventKind::DriveAnswers);
    assert_eq!(record["JBOD_WAS"], "unresponsive", "{record}");
    between_sweeps(&daemon);
    sim.pull(&["bay/0/4"]);
    wait_last(&journald, &failing, EventKind::DriveMissing);
    sim.insert(&["bay/0/4", "--serial", "NEWDRIVE1"]);
    let record = wait_last(&journald, &failing, EventKind::DriveReplaced);
    // The event has the serial numbers of both. The journal does not keep the order of the values of a field.
    let named: BTreeSet<&str> =
        array(&record, "JBOD_SERIAL").iter().map(|serial| serial.as_str().expect("a serial number")).collect();
    assert_eq!(named, BTreeSet::from(["NEWDRIVE1", &failing]), "{record}");
    assert_eq!(kinds(&journald, "NEWDRIVE1"), [EventKind::DriveAppeared, EventKind::DriveReplaced]);

    let by_bay = journald.records(&["JBOD_BAY=5", "JBOD_STATE=missing"]);
    assert_eq!(by_bay.len(), 1, "records are found by bay, too: {by_bay:#?}");
    assert_eq!(daemon.log(), "", "all lines go to the journal");
}

#[test]
#[ignore = "needs mount namespaces"]
fn changes_of_enclosures_pools_and_redis_are_events() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let journal = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(journal.folder()), &[]);
    sim.set("enclosure/0", &["silent=true"]);
    let silent = journal.wait_said("shelf unresponsive");
    assert_eq!(values(&silent, "MESSAGE_ID"), [EventKind::ShelfSilent.message_id()]);
    assert!(values(&silent, "JBOD_ENCLOSURE")[0].starts_with("0x"), "{silent:?}");
    sim.set("enclosure/0", &["silent="]);
    assert_eq!(
        values(&journal.wait_said("shelf responds again"), "MESSAGE_ID"),
        [EventKind::ShelfAnswers.message_id()]
    );
    sim.set("pool/tank", &["state=DEGRADED"]);
    let degraded = journal.wait_said("pool state changed pool=\"tank\" state=DEGRADED was=ONLINE");
    assert_eq!(values(&degraded, "MESSAGE_ID"), [EventKind::PoolState.message_id()]);
    assert_eq!((values(&degraded, "JBOD_POOL"), values(&degraded, "PRIORITY")), (vec!["tank"], vec!["4"]));
    sim.set("pool/tank", &["state="]);
    let online = journal.wait_said("pool state changed pool=\"tank\" state=ONLINE was=DEGRADED");
    assert_eq!((values(&online, "JBOD_STATE"), values(&online, "JBOD_WAS")), (vec!["ONLINE"], vec!["DEGRADED"]));
    let mut redis = redis;
    redis.kill();
    assert_eq!(values(&journal.wait_said("redis unavailable"), "MESSAGE_ID"), [EventKind::RedisAway.message_id()]);
    redis.up();
    assert_eq!(values(&journal.wait_said("redis available again"), "MESSAGE_ID"), [EventKind::RedisBack.message_id()]);
    assert!(daemon.stop(Signal::TERM).0.success());
    assert_eq!(values(&journal.wait_said("stopping"), "MESSAGE_ID"), [EventKind::Stopping.message_id()]);
    for (text, count) in [
        ("shelf unresponsive", 1),
        ("shelf responds", 1),
        ("pool state", 2),
        ("redis unavailable", 1),
        ("redis available again", 1),
        ("started", 1),
    ] {
        assert_eq!(journal.said(text).len(), count, "{text}: only changes are events: {:#?}", journal.records());
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn standby_of_drives_is_not_logged() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let journal = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(journal.folder()), &[]);
    for _ in 0..2 {
        sim.set("all", &["standby=true"]);
        daemon.overview_when("all drives are in standby", |overview| in_state(overview, "standby") == 4);
        sim.set("all", &["standby="]);
        daemon.overview_when("all drives are active", |overview| in_state(overview, "active") == 4);
    }
    let messages: Vec<String> = journal.records().iter().map(|record| values(record, "MESSAGE").concat()).collect();
    assert_eq!(messages.len(), 2, "the start and the first sweep: {messages:#?}");
}

#[test]
#[ignore = "needs journald, journalctl and mount namespaces"]
fn a_drive_or_shelf_with_a_hostile_name_forges_no_field() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let hostile = "EVIL\u{202e}1\nPRIORITY=0\nJBOD_SERIAL=OTHER";
    sim.set("bay/0/1", &[&format!("serial={hostile}"), "failed=true"]);
    let shelf = std::fs::read_dir(sim.root().join("sys/class/enclosure")).expect("shelves").flatten().next();
    let id = shelf.expect("a shelf").path().join("id");
    std::fs::write(&id, "0x1\nMESSAGE=forged\n\u{2066}x\n").expect("the id");
    let journal = FakeJournald::listening();
    let _daemon = ready(&sim, &redis, Some(journal.folder()), &[]);
    let record = journal.wait_said("drive crit");
    for name in ["MESSAGE", "PRIORITY", "JBOD_SERIAL", "MESSAGE_ID"] {
        assert_eq!(values(&record, name).len(), 1, "{name}: {record:?}");
    }
    assert!(values(&record, "JBOD_SERIAL")[0].starts_with("EVIL\\u{202e}1"), "{record:?}");
    for (name, value) in journal.records().into_iter().flatten() {
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{name}");
        assert!(
            !value.contains(|letter: char| letter.is_control() || "\u{202e}\u{2066}".contains(letter)),
            "{name}={value:?}"
        );
    }

    let journald = Journald::start();
    let other = Redis::start();
    let _daemon = ready(&sim, &other, Some(&journald.folder()), &[]);
    wait_until("the event is in the journal", || journald.ctl(&["PRIORITY=4"]).contains("drive crit"));
    for forged in ["JBOD_SERIAL=OTHER", "PRIORITY=0", "MESSAGE=forged"] {
        assert_eq!(journald.ctl(&[forged, "SYSLOG_IDENTIFIER=jbod-monitor"]), "", "{forged}");
    }
}

/// Each line begins with its priority as `<N>` (sd-daemon(3)).
#[track_caller]
fn assert_prefixed(log: &str) {
    for line in log.lines() {
        let is_prefixed = (0..=7).any(|priority| line.starts_with(&format!("<{priority}>")));
        assert!(is_prefixed, "{line:?}");
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn without_a_journal_every_line_begins_with_its_priority() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    sim.set("sda", &["failed=true", "model=AB\\nCD"]);
    let daemon = ready(&sim, &redis, None, &[("RUST_LOG", "debug")]);
    daemon.wait_logged("redis unavailable");
    daemon.wait_logged("drive crit");
    let (_, log) = daemon.stop(Signal::TERM);
    assert_prefixed(&log);
    for (start, event) in [("<6>", "started"), ("<4>", "redis unavailable"), ("<4>", "drive crit"), ("<6>", "stopped")]
    {
        assert!(log.lines().any(|line| line.starts_with(&format!("{start}{event}"))), "{start}{event}: {log}");
    }
    let (mut command, _) = unit(&sim, &redis, None, &[("REDIS_PORT", "x")]);
    let ended = run(&mut command);
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.starts_with("<3>") && ended.stderr.lines().count() == 1, "{ended:?}");
}

/// Standard error of a unit may be redirected, although `JOURNAL_STREAM` is set (systemd.exec(5)).
#[test]
fn the_journal_is_not_used_if_standard_error_is_redirected() {
    let (sim, redis) = (Sim::small(), Redis::start());
    for stream in ["8:12345", "nonsense", "1:"] {
        let daemon = Daemon::ready(&sim, &redis, &[("JOURNAL_STREAM", stream)]);
        daemon.wait_logged("INFO  sweep");
        assert!(daemon.log().starts_with("20"), "lines begin with a time: {}", daemon.log());
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn no_line_is_lost_while_the_journal_is_absent() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let journal = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(journal.folder()), &[]);
    sim.pull(&["bay/0/1"]);
    journal.wait_said("drive missing");
    assert_eq!(daemon.log(), "");
    journal.remove_socket();
    sim.pull(&["bay/0/3"]);
    daemon.wait_logged("<4>drive missing");
    assert_prefixed(&daemon.log());
    assert_eq!(daemon.get("/healthz").status, 200);
    journal.read(journal.bind());
    let before = daemon.log();
    sim.insert(&["bay/0/3"]);
    journal.wait_said("drive returned");
    assert!(!daemon.log().contains("drive returned") && daemon.log().starts_with(&before), "{}", daemon.log());
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_stalled_journal_does_not_block_requests() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let journal = FakeJournald::new();
    let socket = journal.bind();
    let daemon = ready(&sim, &redis, Some(journal.folder()), &[("RUST_LOG", "debug")]);
    let queue = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap_or_default();
    let queue: usize = queue.trim().parse().unwrap_or(512);
    let since = Instant::now();
    for _ in 0..queue + 50 {
        assert_eq!(daemon.get("/healthz").status, 200);
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(30), "more than one wait of a second: {took:?}");
    assert_eq!(daemon.log(), "", "standard error leads to the same journal, so nothing is written there");
    journal.read(socket);
    let lost = journal.wait_said("log lines lost, the journal did not accept them count=");
    assert_eq!(values(&lost, "MESSAGE_ID"), [EventKind::LinesLeftOut.message_id()]);
    sim.pull(&["bay/0/1"]);
    journal.wait_said("drive missing");
}

#[test]
#[ignore = "needs mount namespaces"]
fn the_rate_of_events_is_limited_in_the_journal_too() {
    let (sim, redis) =
        (sim_host("--enclosures 10 --bays 78 --drives 700 --paths 1 --nvme 0 --pools 0"), Redis::start());
    let journal = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(journal.folder()), &[("SMART_POLL_INTERVAL", "600")]);
    // An unrecognized value is logged once for each key.
    let mut keys = redis.keys();
    keys.retain(|key| key.starts_with("jbod:smart:"));
    assert!(keys.len() >= 700, "{}", keys.len());
    for key in &keys {
        redis.ask(&["SET", key, "junk"]);
        let name = key.trim_start_matches("jbod:smart:");
        assert_eq!(daemon.get(&format!("/api/drives/{name}")).status, 200);
    }
    let limited = journal.wait_said("log rate limit reached");
    assert_eq!(values(&limited, "MESSAGE_ID"), [EventKind::LinesLeftOut.message_id()]);
    let logged = journal.said("unrecognized value in redis").len();
    assert!(logged < keys.len(), "{logged} of {} lines", keys.len());
}

/// One event about many drives has the serial number of each.
#[test]
#[ignore = "needs mount namespaces"]
fn an_event_about_many_drives_is_found_by_each_serial_number() {
    let (sim, redis) = (
        sim_host("--enclosures 1 --bays 24 --drives 20 --paths 1 --nvme 0 --pools 0 --sata 0 --ssd 0"),
        Redis::start(),
    );
    sim.set("all", &["failed=true"]);
    let journal = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(journal.folder()), &[]);
    let serials = serials(&sim);
    let all: Vec<&str> = serials.iter().map(String::as_str).collect();
    let worse = journal.wait_said("drives crit count=20");
    assert_eq!((values(&worse, "JBOD_VERDICT"), values(&worse, "JBOD_SERIAL").len()), (vec!["crit"], 20));
    sim.pull(&all);
    daemon.overview_when("all drives are missing", |overview| in_state(overview, "missing") == 20);
    wait_until("each drive has both events", || {
        let records = journal.records();
        all.iter().all(|serial| {
            has_event(&records, serial, EventKind::DriveWorse) && has_event(&records, serial, EventKind::DriveMissing)
        })
    });
}

/// Whether the drive has an event of that kind, or one about many drives.
fn has_event(records: &[Record], serial: &str, kind: EventKind) -> bool {
    let ids = [kind.message_id(), EventKind::ManyDrives.message_id()];
    records.iter().any(|record| {
        values(record, "MESSAGE_ID").iter().any(|id| ids.contains(id))
            && values(record, "JBOD_SERIAL").contains(&serial)
    })
}

/// Both events have the serial numbers of the drives that did not respond.
#[test]
#[ignore = "needs mount namespaces"]
fn an_unresponsive_scsi_host_is_reported_and_so_is_its_recovery() {
    let (sim, redis) =
        (sim_host("--enclosures 2 --bays 8 --drives 12 --paths 1 --nvme 0 --pools 0 --ssd 0"), Redis::start());
    let mut list = sim.list();
    list.retain(|drive| drive["enclosure"] == 0);
    list.truncate(4);
    let bays: Vec<String> = list.iter().map(|drive| format!("bay/0/{}", drive["bay"])).collect();
    let bays: Vec<&str> = bays.iter().map(String::as_str).collect();
    let serials: Vec<&str> = list.iter().map(|drive| string(drive, "serial")).collect();
    for serial in &serials {
        sim.set(serial, &["hang=true"]);
    }
    let journal = FakeJournald::listening();
    let settings = [("SMART_TIMEOUT", "3")];
    let daemon = ready(&sim, &redis, Some(journal.folder()), &settings);
    let silent = journal.wait_said("scsi host unresponsive host=0");
    let named = values(&silent, "JBOD_SERIAL");
    assert!(named.len() >= 3 && named.iter().all(|serial| serials.contains(serial)), "{silent:?}");
    assert_eq!(values(&silent, "JBOD_SCSI_HOST"), ["0"]);
    sim.pull(&bays);
    daemon.overview_when("all four are missing", |overview| in_state(overview, "missing") == 4);
    for serial in &serials {
        sim.set(serial, &["hang="]);
    }
    for bay in &bays {
        sim.insert(&[bay]);
    }
    let again = journal.wait_said("scsi host responds again host=0");
    assert!(named.iter().all(|serial| values(&again, "JBOD_SERIAL").contains(serial)), "{again:?}");
}
