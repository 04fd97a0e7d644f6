//! systemd's journal: the life of a drive by its serial number, and a journal that is away, stands
//! still, or is lied to.

use crate::support;

use jbod_monitor::events::EventKind;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, run};
use support::journal::{FakeJournald, Journald, Record, ready, unit, values};
use support::redis::{Redis, Reply};
use support::sim::Sim;
use support::{PATIENCE, eventually};

fn serial_in(sim: &Sim, bay: u64) -> String {
    let list = sim.list();
    let drive = list.iter().find(|drive| drive["bay"] == bay).unwrap_or_else(|| panic!("bay {bay}: {list:#?}"));
    drive["serial"].as_str().expect("a serial number").to_owned()
}

/// Waits until a sweep has just ended: a drive that is pulled while it is read may be seen to fail first.
#[track_caller]
fn between_sweeps(daemon: &Daemon) {
    let sweep = |overview: &Value| overview["sweep"]["started_at"].clone();
    let before = sweep(&daemon.json("/api/overview"));
    daemon.overview_when("another sweep is whole", |overview| sweep(overview) != before);
}

/// What `journalctl JBOD_SERIAL=…` tells, as kinds and messages.
fn life(journald: &Journald, serial: &str) -> Vec<(Option<EventKind>, Value)> {
    let records = journald.records(&[&format!("JBOD_SERIAL={serial}")]);
    let kind = |record: &Value| EventKind::ALL.iter().copied().find(|kind| record["MESSAGE_ID"] == kind.message_id());
    records.into_iter().map(|record| (kind(&record), record)).collect()
}

/// Waits until the last thing told of a drive is of that kind.
#[track_caller]
fn wait_told(journald: &Journald, serial: &str, wanted: EventKind) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let life = life(journald, serial);
        match life.last() {
            Some((kind, record)) if *kind == Some(wanted) => return record.clone(),
            _ if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            _ => panic!(
                "{wanted:?} is not told last of {serial}:\n{}",
                journald.ctl(&[&format!("JBOD_SERIAL={serial}")])
            ),
        }
    }
}

#[test]
#[ignore = "needs journald, journalctl and mount namespaces"]
fn a_drives_life_is_read_by_its_serial_number() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (moved, silent, failing) = (serial_in(&sim, 1), serial_in(&sim, 3), serial_in(&sim, 4));
    sim.set("bay/0/3", &["hang=true"]);
    let journald = Journald::start();
    let settings = [("SMART_TIMEOUT", "3"), ("SMART_POLL_INTERVAL", "3")];
    let daemon = ready(&sim, &redis, Some(&journald.folder()), &settings);

    between_sweeps(&daemon);
    sim.pull(&["bay/0/1"]);
    let record = wait_told(&journald, &moved, EventKind::DriveMissing);
    assert_eq!((&record["JBOD_BAY"], &record["JBOD_POOL"]), (&"1".into(), &"tank".into()), "{record}");
    assert_eq!((&record["PRIORITY"], &record["SYSLOG_IDENTIFIER"]), (&"4".into(), &"jbod-monitor".into()));
    assert!(
        record["CODE_FILE"].as_str().is_some_and(|file| file.starts_with("src/")) && record["CODE_LINE"].is_string()
    );
    sim.insert(&["bay/0/5", "--serial", &moved]);
    let record = wait_told(&journald, &moved, EventKind::DriveMoved);
    assert_eq!((&record["JBOD_BAY"], &record["JBOD_FROM_BAY"]), (&"5".into(), &"1".into()), "{record}");
    sim.set("bay/0/5", &["failed=true"]);
    let record = wait_told(&journald, &moved, EventKind::DriveWorse);
    assert_eq!((&record["JBOD_VERDICT"], &record["JBOD_WAS"]), (&"crit".into(), &"ok".into()), "{record}");
    assert_eq!((&record["JBOD_RULE"], &record["PRIORITY"]), (&"S1".into(), &"4".into()), "{record}");
    assert!(
        record["MESSAGE"].as_str().is_some_and(|message| message.starts_with("drive crit enclosure=0x")),
        "{record}"
    );
    sim.set("bay/0/5", &["failed="]);
    let record = wait_told(&journald, &moved, EventKind::DriveBetter);
    assert_eq!((&record["JBOD_VERDICT"], &record["JBOD_WAS"]), (&"ok".into(), &"crit".into()), "{record}");
    assert_eq!((&record["JBOD_RULE"], &record["PRIORITY"]), (&"S1".into(), &"6".into()), "{record}");
    sim.set("bay/0/5", &["hang=true"]);
    wait_told(&journald, &moved, EventKind::DriveUnread);
    // Taken out and put in again, as one does with a drive that hangs.
    between_sweeps(&daemon);
    sim.pull(&["bay/0/5"]);
    wait_told(&journald, &moved, EventKind::DriveMissing);
    sim.set(&moved, &["hang="]);
    sim.insert(&["bay/0/5"]);
    wait_told(&journald, &moved, EventKind::DriveAnswers);
    let kinds: Vec<EventKind> = life(&journald, &moved).into_iter().filter_map(|(kind, _)| kind).collect();
    let story = [
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
    assert_eq!(kinds, story, "{}", journald.ctl(&[&format!("JBOD_SERIAL={moved}")]));

    // One that never answered at all, and one that gives way to another.
    wait_told(&journald, &silent, EventKind::DriveUnresponsive);
    between_sweeps(&daemon);
    sim.pull(&["bay/0/3"]);
    wait_told(&journald, &silent, EventKind::DriveMissing);
    sim.set(&silent, &["hang="]);
    sim.insert(&["bay/0/3"]);
    let record = wait_told(&journald, &silent, EventKind::DriveAnswers);
    assert_eq!(record["JBOD_WAS"], "unresponsive", "{record}");
    between_sweeps(&daemon);
    sim.pull(&["bay/0/4"]);
    wait_told(&journald, &failing, EventKind::DriveMissing);
    sim.insert(&["bay/0/4", "--serial", "NEWDRIVE1"]);
    let record = wait_told(&journald, &failing, EventKind::DriveReplaced);
    // In the life of both; the journal keeps no order among the values of a field.
    let named = record["JBOD_SERIAL"].as_array().expect("two");
    assert!(
        named.len() == 2 && named.contains(&"NEWDRIVE1".into()) && named.contains(&failing.as_str().into()),
        "{record}"
    );
    let kinds: Vec<_> = life(&journald, "NEWDRIVE1").into_iter().filter_map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [EventKind::DriveAppeared, EventKind::DriveReplaced]);

    let by_bay = journald.records(&["JBOD_BAY=5", "JBOD_STATE=missing"]);
    assert_eq!(by_bay.len(), 1, "one may ask by bay, too: {by_bay:#?}");
    // The fake tools' host is no secret, but no line of the log went past the journal.
    assert_eq!(daemon.log(), "");
}

#[test]
#[ignore = "needs mount namespaces"]
fn what_stands_around_the_drives_is_told_when_it_changes() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let stand = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(stand.folder()), &[]);
    let id = |kind: EventKind| kind.message_id().to_owned();
    sim.set("enclosure/0", &["silent=true"]);
    let silent = stand.wait_said("shelf unresponsive");
    assert_eq!(values(&silent, "MESSAGE_ID"), [id(EventKind::ShelfSilent)]);
    assert!(values(&silent, "JBOD_ENCLOSURE")[0].starts_with("0x"), "{silent:?}");
    sim.set("enclosure/0", &["silent="]);
    assert_eq!(values(&stand.wait_said("shelf responds again"), "MESSAGE_ID"), [id(EventKind::ShelfAnswers)]);
    sim.set("pool/tank", &["state=DEGRADED"]);
    let degraded = stand.wait_said("pool state changed pool=\"tank\" state=DEGRADED was=ONLINE");
    assert_eq!(values(&degraded, "MESSAGE_ID"), [id(EventKind::PoolState)]);
    assert_eq!((values(&degraded, "JBOD_POOL"), values(&degraded, "PRIORITY")), (vec!["tank"], vec!["4"]));
    sim.set("pool/tank", &["state="]);
    let online = stand.wait_said("pool state changed pool=\"tank\" state=ONLINE was=DEGRADED");
    assert_eq!((values(&online, "JBOD_STATE"), values(&online, "JBOD_WAS")), (vec!["ONLINE"], vec!["DEGRADED"]));
    let mut redis = redis;
    redis.kill();
    assert_eq!(values(&stand.wait_said("redis unavailable"), "MESSAGE_ID"), [id(EventKind::RedisAway)]);
    redis.up();
    assert_eq!(values(&stand.wait_said("redis available again"), "MESSAGE_ID"), [id(EventKind::RedisBack)]);
    assert!(daemon.stop(Signal::TERM).0.success());
    assert_eq!(values(&stand.wait_said("stopping"), "MESSAGE_ID"), [id(EventKind::Stopping)]);
    let kinds =
        ["shelf unresponsive", "shelf responds", "pool state", "redis unavailable", "redis available again", "started"];
    for (text, count) in kinds.into_iter().zip([1, 1, 2, 1, 1, 1]) {
        assert_eq!(stand.said(text).len(), count, "{text}: edges, not levels: {:#?}", stand.records());
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn drives_that_sleep_and_wake_are_no_news() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let stand = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(stand.folder()), &[]);
    for _ in 0..2 {
        sim.set("all", &["standby=true"]);
        daemon.overview_when("all sleep", |overview| overview["totals"]["by_state"]["standby"] == 4);
        sim.set("all", &["standby="]);
        daemon.overview_when("all are awake", |overview| overview["totals"]["by_state"]["active"] == 4);
    }
    let messages: Vec<String> = stand.records().iter().map(|record| values(record, "MESSAGE").concat()).collect();
    assert_eq!(messages.len(), 2, "its start and its first sweep: {messages:#?}");
}

#[test]
#[ignore = "needs journald, journalctl and mount namespaces"]
fn a_drive_or_shelf_with_an_evil_name_forges_nothing() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let evil = "EVIL\u{202e}1\nPRIORITY=0\nJBOD_SERIAL=OTHER";
    sim.set("bay/0/1", &[&format!("serial={evil}"), "failed=true"]);
    let shelf = std::fs::read_dir(sim.root().join("sys/class/enclosure")).expect("shelves").flatten().next();
    let id = shelf.expect("a shelf").path().join("id");
    std::fs::write(&id, "0x1\nMESSAGE=forged\n\u{2066}x\n").expect("its id");
    let stand = FakeJournald::listening();
    let _daemon = ready(&sim, &redis, Some(stand.folder()), &[]);
    let record = stand.wait_said("drive crit");
    let count = |name: &str| values(&record, name).len();
    assert_eq!((count("MESSAGE"), count("PRIORITY"), count("JBOD_SERIAL"), count("MESSAGE_ID")), (1, 1, 1, 1));
    assert!(values(&record, "JBOD_SERIAL")[0].starts_with("EVIL\\u{202e}1"), "{record:?}");
    for (name, value) in stand.records().into_iter().flatten() {
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{name}");
        assert!(
            !value.contains(|letter: char| letter.is_control() || "\u{202e}\u{2066}".contains(letter)),
            "{name}={value:?}"
        );
    }

    let journald = Journald::start();
    let other = Redis::start();
    let _daemon = ready(&sim, &other, Some(&journald.folder()), &[]);
    eventually("it is in the journal", || journald.ctl(&["PRIORITY=4"]).contains("drive crit").then_some(()));
    for forged in ["JBOD_SERIAL=OTHER", "PRIORITY=0", "MESSAGE=forged"] {
        assert_eq!(journald.ctl(&[forged, "SYSLOG_IDENTIFIER=jbod-monitor"]), "", "{forged}");
    }
}

/// sd-daemon(3): `<N>` before the text is the line's priority.
#[track_caller]
fn assert_prefixed(log: &str) {
    for line in log.lines() {
        let number = line
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .and_then(|(number, _)| number.parse::<u8>().ok());
        assert!(number.is_some_and(|number| number <= 7), "{line:?}");
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
    let (mut bad, _) = unit(&sim, &redis, None, &[("REDIS_PORT", "x")]);
    let bad = run(&mut bad);
    assert_eq!(bad.code, Some(78), "{bad:?}");
    assert!(bad.stderr.starts_with("<3>") && bad.stderr.lines().count() == 1, "{bad:?}");
}

/// `systemctl` starts it, and somebody has sent its standard error elsewhere: to see it there.
#[test]
fn a_stream_that_is_not_standard_error_is_no_journal() {
    let (sim, redis) = (Sim::small(), Redis::start());
    for stream in ["8:12345", "nonsense", "1:"] {
        let daemon = Daemon::ready(&sim, &redis, &[("JOURNAL_STREAM", stream)]);
        daemon.wait_logged("INFO  sweep");
        assert!(daemon.log().starts_with("20"), "lines with time: {}", daemon.log());
    }
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_journal_that_goes_and_comes_back_costs_no_line() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let stand = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(stand.folder()), &[]);
    sim.pull(&["bay/0/1"]);
    stand.wait_said("drive missing");
    assert_eq!(daemon.log(), "");
    stand.gone();
    sim.pull(&["bay/0/3"]);
    daemon.wait_logged("<4>drive missing");
    assert_prefixed(&daemon.log());
    assert_eq!(daemon.get("/healthz").status, 200);
    stand.read(stand.bind());
    let before = daemon.log();
    sim.insert(&["bay/0/3"]);
    stand.wait_said("drive returned");
    assert!(!daemon.log().contains("drive returned") && daemon.log().starts_with(&before), "{}", daemon.log());
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_journal_that_stands_still_holds_nobody_up() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let stand = FakeJournald::new();
    let socket = stand.bind();
    let daemon = ready(&sim, &redis, Some(stand.folder()), &[("RUST_LOG", "debug")]);
    let queue = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap_or_default();
    let queue: usize = queue.trim().parse().unwrap_or(512);
    let since = Instant::now();
    for _ in 0..queue + 50 {
        assert_eq!(daemon.get("/healthz").status, 200);
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(30), "one wait of a second, not one for each line: {took:?}");
    assert_eq!(daemon.log(), "", "standard error leads to the same journal");
    stand.read(socket);
    let told = stand.wait_said("log lines lost, the journal did not accept them count=");
    assert_eq!(values(&told, "MESSAGE_ID"), [EventKind::LinesLeftOut.message_id()]);
    sim.pull(&["bay/0/1"]);
    stand.wait_said("drive missing");
}

#[test]
#[ignore = "needs mount namespaces"]
fn a_flood_of_events_is_cut_off_in_the_journal_too() {
    let options = "--enclosures 10 --bays 78 --drives 700 --paths 1 --nvme 0 --pools 0";
    let (sim, redis) = (Sim::host(&options.split(' ').collect::<Vec<_>>()), Redis::start());
    let stand = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(stand.folder()), &[("SMART_POLL_INTERVAL", "600")]);
    // A foreign value is a line, once for each key.
    let Reply::List(keys) = redis.ask(&["KEYS", "jbod:smart:*"]) else { panic!("the keys of all drives") };
    let keys: Vec<String> =
        keys.into_iter().filter_map(|k| if let Reply::Text(k) = k { Some(k) } else { None }).collect();
    assert!(keys.len() >= 700, "{}", keys.len());
    for key in &keys {
        redis.ask(&["SET", key, "junk"]);
        let name = key.trim_start_matches("jbod:smart:");
        assert_eq!(daemon.get(&format!("/api/drives/{name}")).status, 200);
    }
    let told = stand.wait_said("log rate limit reached");
    assert_eq!(values(&told, "MESSAGE_ID"), [EventKind::LinesLeftOut.message_id()]);
    let (lines, sent) = (stand.said("unrecognized value in redis").len(), keys.len());
    assert!(lines < sent, "{lines} of {sent} are told");
}

/// Lines about more drives than are told one by one: each is still found by its serial number.
#[test]
#[ignore = "needs mount namespaces"]
fn of_many_drives_that_go_at_once_each_is_found() {
    let options = "--enclosures 1 --bays 24 --drives 20 --paths 1 --nvme 0 --pools 0 --sata 0 --ssd 0";
    let (sim, redis) = (Sim::host(&options.split(' ').collect::<Vec<_>>()), Redis::start());
    sim.set("all", &["failed=true"]);
    let stand = FakeJournald::listening();
    let daemon = ready(&sim, &redis, Some(stand.folder()), &[]);
    let serials: Vec<String> =
        sim.list().iter().map(|drive| drive["serial"].as_str().expect("one").to_owned()).collect();
    let all: Vec<&str> = serials.iter().map(String::as_str).collect();
    let told = stand.wait_said("drives crit count=20");
    assert_eq!((values(&told, "JBOD_VERDICT"), values(&told, "JBOD_SERIAL").len()), (vec!["crit"], 20));
    sim.pull(&all);
    daemon.overview_when("all are gone", |overview| overview["totals"]["by_state"]["missing"] == 20);
    let told_of = |serial: &str, kinds: &[EventKind]| {
        let is_one = |record: &Record| kinds.iter().any(|kind| values(record, "MESSAGE_ID") == [kind.message_id()]);
        stand
            .records()
            .iter()
            .filter(|record| is_one(record) && values(record, "JBOD_SERIAL").contains(&serial))
            .count()
    };
    eventually("each is told to be bad, and to be gone", || {
        let bad = |serial: &String| told_of(serial, &[EventKind::DriveWorse, EventKind::ManyDrives]) >= 1;
        let gone = |serial: &String| told_of(serial, &[EventKind::DriveMissing, EventKind::ManyDrives]) >= 1;
        serials.iter().all(|serial| bad(serial) && gone(serial)).then_some(())
    });
}

/// Of many drives behind it only some were silent: that has an end, too, and is in the life of each.
#[test]
#[ignore = "needs mount namespaces"]
fn a_host_that_was_told_to_be_silent_is_told_to_answer_again() {
    let options = "--enclosures 2 --bays 8 --drives 12 --paths 1 --nvme 0 --pools 0 --ssd 0";
    let (sim, redis) = (Sim::host(&options.split(' ').collect::<Vec<_>>()), Redis::start());
    let list = sim.list();
    let bays: Vec<String> = list
        .iter()
        .filter(|drive| drive["enclosure"] == 0)
        .map(|drive| format!("bay/0/{}", drive["bay"]))
        .take(4)
        .collect();
    let bays: Vec<&str> = bays.iter().map(String::as_str).collect();
    let in_bay = |drive: &&Value| drive["enclosure"] == 0;
    let serials: Vec<&str> = list.iter().filter(in_bay).filter_map(|drive| drive["serial"].as_str()).take(4).collect();
    for serial in &serials {
        sim.set(serial, &["hang=true"]);
    }
    let stand = FakeJournald::listening();
    let settings = [("SMART_TIMEOUT", "3")];
    let daemon = ready(&sim, &redis, Some(stand.folder()), &settings);
    let silent = stand.wait_said("scsi host unresponsive host=0");
    let mut told = values(&silent, "JBOD_SERIAL");
    told.sort_unstable();
    assert!(told.len() >= 3 && told.iter().all(|serial| serials.contains(serial)), "{silent:?}");
    assert_eq!(values(&silent, "JBOD_SCSI_HOST"), ["0"]);
    sim.pull(&bays);
    daemon.overview_when("all are gone", |overview| overview["totals"]["by_state"]["missing"] == 4);
    for serial in &serials {
        sim.set(serial, &["hang="]);
    }
    for bay in &bays {
        sim.insert(&[bay]);
    }
    let again = stand.wait_said("scsi host responds again host=0");
    assert!(told.iter().all(|serial| values(&again, "JBOD_SERIAL").contains(serial)), "{again:?}");
}

/// The catalog, by message id: each entry's text.
fn catalog() -> (std::path::PathBuf, BTreeMap<String, String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/journal/jbod-monitor.catalog");
    let text = std::fs::read_to_string(&path).expect("the catalog");
    let entries = text.split("\n-- ").skip(1).map(|entry| {
        let (id, rest) = entry.split_once('\n').expect("an id, then its text");
        (id.to_owned(), rest.to_owned())
    });
    (path, entries.collect())
}

#[test]
fn the_catalog_explains_every_event_and_no_other() {
    let (_, entries) = catalog();
    let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.message_id()).collect();
    for kind in EventKind::ALL {
        let entry = entries.get(kind.message_id()).unwrap_or_else(|| panic!("the catalog lacks {kind:?}"));
        let (head, text) = entry.split_once("\n\n").expect("a head, then the text");
        assert!(head.starts_with("Subject: ") && head.contains("Defined-By: jbod-monitor"), "{kind:?}: {head}");
        assert!(text.trim().len() > 10, "{kind:?}: {text}");
        // What stands between two @ and is no field would be shown as it stands.
        for field in entry.split('@').skip(1).step_by(2) {
            assert!(field.strip_prefix("JBOD_").is_some_and(|field| !field.is_empty()), "{kind:?}: @{field}@");
        }
    }
    assert!(entries.keys().all(|id| kinds.contains(&id.as_str())), "{:#?}", entries.keys());
    assert_eq!(entries.len(), kinds.len());
}

#[test]
#[ignore = "needs journalctl"]
fn systemd_takes_the_catalog() {
    let (path, entries) = catalog();
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("usr/lib/systemd/catalog");
    std::fs::create_dir_all(&folder).expect("its folder");
    std::fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).expect("the database's folder");
    std::fs::copy(path, folder.join("jbod-monitor.catalog")).expect("the catalog is copied");
    let ctl = |argument: &str| {
        let mut command = Command::new("journalctl");
        command.arg("--root").arg(root.path()).arg(argument).output().expect("journalctl is installed")
    };
    let made = ctl("--update-catalog");
    assert!(made.status.success() && made.stderr.is_empty(), "{made:?}");
    let list = ctl("--list-catalog");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for id in entries.keys() {
        assert!(list.contains(&format!("{id} jbod-monitor:")), "{id}: {list}");
    }
}
