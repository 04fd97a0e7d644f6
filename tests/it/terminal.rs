//! Output for people: `scan`, `doctor`, the map and `whereis`, with the messages about what is wrong.

use crate::support;
use crate::support::{wait_for, wait_until};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use support::daemon::{Daemon, Ended, command, run};
use support::eventually;
use support::fake_redis::FakeRedis;
use support::http::Response;
use support::json::{pool_members, text};
use support::redis::Redis;
use support::sim::Sim;

/// Runs a command with its standard output on a terminal of this width, and returns the output.
#[track_caller]
fn on_terminal(command: &mut Command, columns: u16) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("grantpt");
    unlockpt(&ours).expect("unlockpt");
    let name = ptsname(&ours, Vec::new()).expect("its name");
    let theirs = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).expect("its end");
    tcsetwinsize(&ours, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("its size");
    command.stdin(Stdio::null()).stdout(Stdio::from(theirs)).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command starts");
    // `command` holds the other end open, without which the output has no end.
    command.stdout(Stdio::null());
    let reader = std::thread::Builder::new()
        .spawn(move || {
            let mut bytes = Vec::new();
            // EIO: the other end is closed.
            let _ = File::from(ours).read_to_end(&mut bytes);
            String::from_utf8(bytes).expect("text")
        })
        .expect("a thread");
    eventually("the command ends", || child.try_wait().expect("its state"));
    reader.join().expect("what it wrote").replace("\r\n", "\n")
}

/// The text without its colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, text) = part.split_once('m').expect("a colour");
        plain.push_str(text);
    }
    plain
}

/// The first block device name of the drive in a bay.
fn device_in_bay(sim: &Sim, enclosure: u64, bay: u64) -> String {
    let drive = sim.list().into_iter().find(|drive| drive["enclosure"] == enclosure && drive["bay"] == bay);
    drive.expect("a drive in that bay")["devices"][0].as_str().expect("its name").to_owned()
}

/// Two shelves with a failing drive, a sleeping drive and one that does not answer.
fn with_problems() -> Sim {
    let sim = Sim::host(&["--enclosures", "2", "--bays", "12", "--drives", "20", "--paths", "2"]);
    sim.set("bay/0/2", &["failed=true"]);
    sim.set("bay/1/4", &["hang=true"]);
    sim.set("bay/1/6", &["standby=true"]);
    sim
}

fn scan(sim: &Sim, args: &[&str]) -> Command {
    let mut scan = command(sim, 1);
    scan.env("SMART_TIMEOUT", "1").env("TERM", "xterm").arg("scan").args(args);
    scan
}

#[test]
fn lines_of_scan_fit_the_terminal_and_no_reason_is_cut() {
    let sim = with_problems();
    let failing = device_in_bay(&sim, 0, 2);
    for columns in [40, 47, 60, 80, 100, 132, 250] {
        for sort in ["bay", "worst"] {
            let text = plain(&on_terminal(&mut scan(&sim, &["--sort", sort]), columns));
            for line in text.lines() {
                assert!(line.chars().count() <= columns.into(), "{columns}: {line:?}");
            }
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("hardware impending failure general hard drive failure"), "{columns}: {text}");
            let line =
                text.lines().find(|line| line.contains(&format!(" {failing},"))).unwrap_or_else(|| panic!("{text}"));
            assert!(line.contains("crit"), "{columns}: {line}");
            let head = text.lines().find(|line| line.contains("DEVICE")).expect("a head");
            assert!(head.contains("SERIAL") && head.contains("VERDICT"), "{columns}: {head}");
            assert!(columns < 132 || head.contains("HOURS"), "{columns}: {head}");
            assert!(columns > 60 || !head.contains("HOURS"), "{columns}: {head}");
        }
    }
    let wide = on_terminal(&mut scan(&sim, &["--color", "never"]), 250);
    let piped = run(&mut scan(&sim, &[]));
    assert_eq!(piped.stdout, wide, "the output to a pipe is not cut");
    let narrow = on_terminal(scan(&sim, &["--color", "never"]).env("COLUMNS", "44"), 250);
    assert!(narrow.lines().all(|line| line.chars().count() <= 44), "{narrow}");
}

#[test]
fn colour_is_used_on_terminals_and_carries_no_information_of_its_own() {
    let sim = with_problems();
    // An empty NO_COLOR counts as unset.
    for (options, name, value, is_coloured) in [
        (&[][..], "TERM", "xterm", true),
        (&[], "NO_COLOR", "1", false),
        (&[], "NO_COLOR", "", true),
        (&[], "TERM", "dumb", false),
        (&["--color", "never"], "TERM", "xterm", false),
        (&["--color", "always"], "NO_COLOR", "1", true),
    ] {
        let output = on_terminal(scan(&sim, options).env(name, value), 120);
        assert_eq!(output.contains('\x1b'), is_coloured, "{options:?} {name}={value}");
    }
    let coloured = run(&mut scan(&sim, &["--color=always"])).stdout;
    assert!(coloured.contains("\x1b[1;31mcrit\x1b[0m") && coloured.contains("\x1b[32mok\x1b[0m"), "{coloured}");
    assert_eq!(plain(&coloured), run(&mut scan(&sim, &[])).stdout, "the text is the same without colours");
    assert_eq!(run(scan(&sim, &["--color", "blue"]).env_remove("COLUMNS")).code, Some(2));
    assert_eq!(run(&mut scan(&sim, &["--sort", "size"])).code, Some(2));
    assert_eq!(run(&mut scan(&sim, &["--json", "--sort", "worst"])).code, Some(2), "--sort does not apply to JSON");
}

#[test]
fn the_worst_drives_come_first_with_their_bays() {
    let sim = with_problems();
    let truth = sim.list();
    let text = run(&mut scan(&sim, &["--sort", "worst"])).stdout;
    let rows: Vec<&str> = text.lines().skip(1).take(truth.len()).collect();
    for (row, enclosure, bay, word) in
        [(rows[0], 0, 2, " crit "), (rows[1], 1, 4, "unresponsive"), (rows[2], 1, 6, "standby")]
    {
        let id = &truth.iter().find(|drive| drive["enclosure"] == enclosure).expect("a drive")["enclosure_id"];
        let place = format!("{}/{bay} ", id.as_str().expect("an id"));
        assert!(row.starts_with(&place) && row.contains(word), "{text}");
    }
    assert!(rows[3..].iter().all(|row| row.trim_end().ends_with(" ok")), "{text}");
    for drive in &truth {
        let serial = drive["serial"].as_str().expect("serial");
        assert_eq!(rows.iter().filter(|row| row.contains(serial)).count(), 1, "{serial}: {text}");
    }
}

#[test]
fn the_map_shows_every_bay() {
    let (sim, redis) = (with_problems(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_TIMEOUT", "1"), ("SMART_CACHE_TTL", "600")]);
    let truth = sim.list();
    let answer = daemon.get("/api/map.txt");
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    let map = signs(&answer.text());
    assert_eq!(map.len(), 24, "{}", answer.text());
    let overview = daemon.json("/api/overview");
    for (shelf, enclosure) in overview["enclosures"].as_array().expect("enclosures").iter().enumerate() {
        let id = enclosure["id"].as_str().expect("id");
        for bay in 0..12u64 {
            let drive = truth.iter().find(|drive| drive["enclosure_id"] == id && drive["bay"] == bay);
            let wanted = match drive.map(|drive| (drive["enclosure"].as_u64(), bay)) {
                None => '.',
                Some((Some(0), 2)) => 'F',
                Some((Some(1), 4)) => '?',
                Some((Some(1), 6)) => 'z',
                Some(_) => 'o',
            };
            assert_eq!(map[shelf * 12 + usize::try_from(bay).expect("small")], wanted, "{id}/{bay}: {}", answer.text());
        }
    }
    assert!(answer.text().contains("not in a bay\n  o  nvme0n1  "), "{}", answer.text());
    for sign in [". empty", "o ok", "w watch", "W warn", "F crit", "z standby", "? no data: missing"] {
        assert!(answer.text().contains(sign), "{sign}: {}", answer.text());
    }
    let head = daemon.request("HEAD", "/api/map.txt", &[]);
    assert_eq!((head.status, head.body.len(), head.header("content-type")), (200, 0, "text/plain; charset=utf-8"));
    let tag = daemon.get("/api/map.txt").header("etag").to_owned();
    let again = daemon.request("GET", "/api/map.txt", &[("If-None-Match", &tag)]);
    assert!(again.status == 304 || again.header("etag") != tag);

    // A missing drive is an F if it was crit, and a ? otherwise.
    sim.pull(&["bay/0/2", "bay/0/3"]);
    daemon.overview_when("both are missing", |overview| overview["totals"]["by_state"]["missing"] == 2);
    let text = wait_for("the map shows both", || daemon.get("/api/map.txt").text(), |text| signs(text).contains(&'?'));
    let first = overview["enclosures"][0]["id"]
        == truth.iter().find(|drive| drive["enclosure"] == 0).expect("one")["enclosure_id"];
    let at = if first { 0 } else { 12 };
    assert_eq!(signs(&text)[at + 2..at + 4], ['F', '?'], "{text}");
}

/// The signs of all bays, in the order of the map.
fn signs(map: &str) -> Vec<char> {
    let mut signs = Vec::new();
    for line in map.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A row begins with the number of its first bay. The heading of the rows consists of numbers.
        let [first, sign, ..] = words[..] else { continue };
        if first.parse::<u32>().is_ok() && sign.parse::<u32>().is_err() {
            signs.extend(words[1..].iter().flat_map(|word| word.chars()));
        }
    }
    signs
}

fn whereis(daemon: &Daemon, name: &str, accept: &[(&str, &str)]) -> Response {
    daemon.request("GET", &format!("/api/whereis/{name}"), accept)
}

#[test]
fn a_drive_is_found_by_each_of_its_names() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let truth = sim.list();
    let drive =
        truth.iter().find(|drive| drive["kind"] == "sata" && drive["pool"] == "tank").expect("a SATA drive in tank");
    let device = drive["devices"][0].as_str().expect("a device");
    let other = drive["devices"][1].as_str().expect("its other path");
    let [serial, wwn, enclosure] =
        ["serial", "wwn", "enclosure_id"].map(|field| drive[field].as_str().expect("text").to_owned());
    let bay = drive["bay"].as_u64().expect("a bay");
    let one = daemon.json(&format!("/api/drives/{serial}"));
    let node = std::fs::read_dir(sim.root().join(format!("sys/block/{other}/device/scsi_generic"))).expect("its node");
    let node = node.flatten().next().expect("a node").file_name().into_string().expect("text");
    let address = std::fs::read_link(sim.root().join(format!("sys/block/{device}/device"))).expect("a link");
    let address = address.file_name().expect("a name").to_str().expect("text").to_owned();
    let shelf = daemon.json(&format!("/api/enclosures/{enclosure}"));
    let zfs = daemon.json("/api/zfs");
    let leaf = text(&pool_members(&zfs).find(|leaf| leaf["device"] == device).expect("its leaf")["name"]);
    let mut names: Vec<String> = vec![
        device.into(),
        other.into(),
        format!("{device}1"),
        format!("%2Fdev%2F{device}"),
        format!("/dev/{other}"),
        format!("dev/{device}1"),
        serial.clone(),
        serial.to_lowercase(),
        serial[..6].to_owned(),
        serial[2..].to_lowercase(),
        format!("0x{wwn}"),
        wwn.to_uppercase(),
        format!("naa.{wwn}"),
        format!("wwn-0x{wwn}-part1"),
        node.clone(),
        format!("dev/{node}"),
        address,
        leaf.rsplit('/').next().expect("a name").to_owned(),
    ];
    names.extend(
        one["by_id"]
            .as_array()
            .expect("by_id")
            .iter()
            .map(|name| format!("dev/disk/by-id/{}", name.as_str().expect("name"))),
    );
    for name in [&shelf["id"], &shelf["sysfs_names"][0], &shelf["sysfs_names"][1]] {
        names.push(format!("{}/{bay}", name.as_str().expect("a name")));
    }
    let place = format!("enclosure {enclosure} bay {bay}");
    for name in &names {
        let answer = whereis(&daemon, name, &[]);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/plain; charset=utf-8"),
            "{name}: {}",
            answer.text()
        );
        let line = answer.text();
        assert_eq!(line.lines().count(), 1, "{line}");
        for part in [device, &place, &serial, "tank", "  ok"] {
            assert!(line.contains(part), "{name}: no {part:?} in {line}");
        }
        assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
        let json = whereis(&daemon, name, &[("Accept", "application/json")]);
        assert_eq!(json.header("content-type"), "application/json", "{name}");
        assert_eq!(json.header("vary"), "Accept, Accept-Encoding", "{name}");
        let json = json.json();
        assert_eq!(
            (&json["serial_number"], &json["slot"], &json["missing_since"]),
            (&serial.as_str().into(), &bay.into(), &Value::Null)
        );
    }
    assert_eq!(
        whereis(&daemon, device, &[("Accept", "text/plain;q=0.5, application/json;q=0.9")]).header("content-type"),
        "application/json"
    );
    let nvme = whereis(&daemon, "nvme0n1p1", &[]).text();
    assert!(nvme.starts_with("nvme0n1  in no bay  "), "{nvme}");
    assert!(daemon.request("HEAD", &format!("/api/whereis/{device}"), &[]).body.is_empty());
}

/// The reason why `whereis` finds nothing.
#[track_caller]
fn problem(daemon: &Daemon, name: &str) -> String {
    let answer = whereis(daemon, name, &[]);
    assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{name}");
    answer.json()["detail"].as_str().expect("a detail").to_owned()
}

#[test]
fn a_name_that_matches_nothing_is_404_with_the_reason() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let truth = sim.list();
    let shelf = truth[0]["enclosure_id"].as_str().expect("an id").to_owned();
    assert!(problem(&daemon, "sdzz").contains("sdzz"));
    assert!(problem(&daemon, &format!("{shelf}/5")).contains("is empty"));
    assert!(problem(&daemon, &format!("{shelf}/600")).contains("no bay 600"));
    assert!(problem(&daemon, "0x1/1").contains("no enclosure matches 0x1"));
    let serial = truth[0]["serial"].as_str().expect("serial");
    assert!(problem(&daemon, &serial[..3]).contains("no drive matches"), "three characters are too few");
    // Two drives whose serial numbers have a common beginning.
    sim.insert(&["bay/0/2", "--serial", "TWIN0001", "--kind", "sas"]);
    sim.insert(&["bay/0/5", "--serial", "TWIN0002", "--kind", "sas"]);
    daemon.overview_when("both are read", |overview| overview["totals"]["by_state"]["active"] == 6);
    let twins = wait_for("both are candidates", || problem(&daemon, "twin"), |text| text.contains("TWIN0002"));
    assert!(twins.contains("2 drives") && twins.contains("TWIN0001") && twins.contains("bay 2"), "{twins}");
    assert!(whereis(&daemon, "win0002", &[]).text().contains("bay 5"));
    assert_eq!(daemon.get("/api/whereis/").status, 404);

    // A missing drive is found, with its last bay and the time.
    sim.pull(&["bay/0/2"]);
    daemon.drive_when("TWIN0001", "it is missing", |drive| drive["state"] == "missing");
    let line = wait_for(
        "the drive is shown as missing",
        || whereis(&daemon, "TWIN0001", &[]).text(),
        |text| text.contains("missing"),
    );
    assert!(line.contains(&format!("was in enclosure {shelf} bay 2")) && line.contains("missing since 20"), "{line}");
    let json = whereis(&daemon, "TWIN0001", &[("Accept", "application/json")]).json();
    assert!(text(&json["missing_since"]).ends_with('Z') && json["state"] == "missing", "{json}");
}

fn doctor(sim: &Sim, redis: u16, settings: &[(&str, &str)]) -> Ended {
    let mut doctor = command(sim, redis);
    doctor.env("JBOD_LISTEN", "127.0.0.1:0").env("SMART_TIMEOUT", "1").envs(settings.iter().copied()).arg("doctor");
    run(&mut doctor)
}

/// The line of a finding. Every finding that is not ok has a remedy.
#[track_caller]
fn finding(ended: &Ended, level: &str, text: &str) -> String {
    for line in ended.stdout.lines() {
        if line.starts_with("warn  ") || line.starts_with("FAIL  ") {
            assert!(line.contains("  -- fix: "), "{line}");
        }
    }
    let found = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(level) && line.contains(text));
    found.unwrap_or_else(|| panic!("no {level} with {text:?}: {ended:?}")).to_owned()
}

#[test]
fn on_a_healthy_host_doctor_passes_all_checks() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let ended = doctor(&sim, redis.port, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for text in [
        "smartctl 7.4",
        "zpool 2.2",
        "2 enclosures with 84 bays, 78 occupied",
        "Redis at",
        "is free",
        "79 drives: 79 read",
    ] {
        finding(&ended, "ok", text);
    }
    assert!(ended.stdout.ends_with("all checks passed\n") && ended.stderr.is_empty(), "{ended:?}");
    let json = run(command(&sim, redis.port).env("JBOD_LISTEN", "127.0.0.1:0").args(["doctor", "--json"]));
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert!(
        json["findings"]
            .as_array()
            .is_some_and(|finding| finding.len() > 6 && finding.iter().all(|finding| finding["level"] == "ok")),
        "{json}"
    );
}

#[test]
fn doctor_reports_faults_with_their_remedies() {
    let (sim, mut redis) = (with_problems(), Redis::start());
    let ended = doctor(&sim, redis.port, &[]);
    let silent = finding(&ended, "warn", "no answer within 1 s");
    assert!(silent.contains("(bay 4 of ") && ended.code == Some(0), "{ended:?}");

    redis.require_password("s3cret");
    let ended = doctor(&sim, redis.port, &[("REDIS_PASSWORD", "wr0ng")]);
    assert!(finding(&ended, "FAIL", "rejected the configured password").contains("REDIS_PASSWORD"));
    assert!(!ended.stdout.contains("wr0ng") && ended.code == Some(1), "{ended:?}");
    finding(&doctor(&sim, redis.port, &[]), "FAIL", "rejected a login without a password");
    finding(&doctor(&sim, redis.port, &[("REDIS_PASSWORD", "s3cret")]), "ok", "Redis at");
    let away = doctor(&sim, Redis::absent().port, &[]);
    assert!(finding(&away, "warn", "is unavailable").contains("redis-server"));
    assert_eq!(away.code, Some(0), "the daemon works without Redis");
}

/// Responds to `/healthz` as version 0.1.0 does, with this content security policy.
fn answer_healthz(mut stream: TcpStream, policy: &str) {
    let _ = stream.read(&mut [0; 4096]);
    let head = format!("Connection: close\r\nCache-Control: no-cache\r\nContent-Security-Policy: {policy}\r\n");
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n{head}\r\nok\n");
}

fn doctor_at(sim: &Sim, redis: &Redis, address: &str) -> Ended {
    doctor(sim, redis.port, &[("JBOD_LISTEN", address)])
}

#[test]
fn doctor_recognizes_a_running_daemon_at_the_address() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    finding(&doctor_at(&sim, &redis, &format!("127.0.0.1:{}", daemon.port)), "ok", "a jbod-monitor already serves on");
    let first_release = FakeRedis::at(0, |stream| answer_healthz(stream, "default-src 'self'"));
    finding(
        &doctor_at(&sim, &redis, &format!("127.0.0.1:{}", first_release.port)),
        "ok",
        "a jbod-monitor already serves on",
    );
    let other = FakeRedis::at(0, |stream| answer_healthz(stream, "default-src 'self' https:"));
    finding(&doctor_at(&sim, &redis, &format!("127.0.0.1:{}", other.port)), "FAIL", "cannot serve on");
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let ended = doctor_at(&sim, &redis, &held.local_addr().expect("its address").to_string());
    assert!(finding(&ended, "FAIL", "cannot serve on").contains("JBOD_LISTEN"));
    assert_eq!(ended.code, Some(1));
    finding(&doctor_at(&sim, &redis, "unix:/nonexistent/folder/x.sock"), "FAIL", "unix:/nonexistent/folder/x.sock");
    let file = sim.root().join("file");
    std::fs::write(&file, "").expect("a file");
    finding(&doctor_at(&sim, &redis, &format!("unix:{}", file.display())), "FAIL", "the path is in use");
    finding(&doctor_at(&sim, &redis, &format!("unix:{}", sim.root().join("free").display())), "ok", "is free");
}

#[test]
fn an_address_that_cannot_be_used_is_reported_with_a_remedy() {
    let sim = Sim::small();
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    for (address, advice) in [
        (held.local_addr().expect("its address").to_string(), "JBOD_LISTEN to another port"),
        ("192.0.2.1:9780".to_owned(), "does not have the address"),
        ("unix:/nonexistent/x.sock".to_owned(), "its directory does not exist"),
        ("unix:/etc/passwd".to_owned(), "the path is in use"),
    ] {
        let ended = run(command(&sim, 1).args(["--listen", &address, "--allow-anonymous"]));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(&address) && ended.stderr.contains(advice), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn a_host_without_drives_and_shelves_is_reported() {
    let sim = Sim::empty();
    let none = run(command(&sim, 1).env("SMARTCTL_PATH", "/nonexistent/smartctl").arg("scan"));
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), "no drives found\n"), "{none:?}");
    assert!(none.stderr.contains("smartctl is not at /nonexistent/smartctl"), "{none:?}");
    let mut doctor = command(&sim, 1);
    doctor.env("SMARTCTL_PATH", "/nonexistent/smartctl").env("JBOD_LISTEN", "127.0.0.1:0").arg("doctor");
    let ended = run(&mut doctor);
    assert!(finding(&ended, "FAIL", "smartctl is not at /nonexistent/smartctl").contains("smartmontools"));
    assert!(finding(&ended, "warn", "module ses is not loaded").contains("modprobe ses"));
    finding(&ended, "warn", "no drives");
    assert_eq!(ended.code, Some(1));
}

/// A smartctl that prints this line and nothing else.
fn version_only(sim: &Sim, name: &str, line: &str) -> String {
    sim.script(name, &format!("#!/bin/sh\necho '{line}'\n")).display().to_string()
}

#[test]
fn an_outdated_smartctl_is_reported_in_one_line() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let old = version_only(&sim, "smartctl-old", "smartctl 6.6 2016-05-31 r4324 [x86_64-linux-4.9.0] (local build)");
    let message = format!("smartctl 6.6 ({old}) is older than 7.0");
    let scanned = run(command(&sim, 1).env("SMARTCTL_PATH", &old).arg("scan"));
    assert!(scanned.stderr.contains(&message) && scanned.stderr.lines().count() == 1, "{scanned:?}");
    let ended = doctor(&sim, redis.port, &[("SMARTCTL_PATH", &old)]);
    assert!(finding(&ended, "FAIL", &message).contains("7.0 or later"));
    assert!(!ended.stdout.contains("no reading of"), "the drives have no separate findings: {}", ended.stdout);

    let daemon = Daemon::ready(&sim, &redis, &[("SMARTCTL_PATH", &old), ("SMART_POLL_INTERVAL", "1")]);
    daemon.wait_logged(&message);
    let ready = wait_for(
        "readyz reports it",
        || daemon.get("/readyz"),
        |response| response.text().contains("degraded: smartctl"),
    );
    assert_eq!(ready.status, 200);
    assert!(
        ready.text().starts_with("ready\ndegraded: smartctl since ") && ready.text().contains(&message),
        "{}",
        ready.text()
    );
    daemon.after_sweeps(2);
    assert_eq!(daemon.logged("ERROR"), 1, "{}", daemon.log());

    // A newer one is installed in its place, and used without a restart.
    std::fs::remove_file(&old).expect("the old one is removed");
    sim.script("smartctl-old", &format!("#!/bin/sh\nexec {} \"$@\"\n", sim.tool("smartctl").display()));
    daemon.wait_logged("smartctl usable again");
    wait_until("readyz reports nothing", || daemon.get("/readyz").text() == "ready\n");
    daemon.overview_when("drives are read", |overview| overview["totals"]["by_verdict"]["ok"] == 4);
}

#[test]
fn the_output_of_a_smartctl_without_a_version_is_reported() {
    let sim = Sim::small();
    for (line, expected) in [("bash: nonsense", "no version, but: bash: nonsense"), ("", "no version, but: nothing")] {
        let program = version_only(&sim, "odd", line);
        let scanned = run(command(&sim, 1).env("SMARTCTL_PATH", &program).arg("scan"));
        assert!(scanned.stderr.contains(expected) && scanned.stderr.contains(&program), "{scanned:?}");
    }
    let text = sim.root().join("no-program");
    std::fs::write(&text, "x").expect("a file");
    let scanned = run(command(&sim, 1).env("SMARTCTL_PATH", &text).arg("scan"));
    assert!(scanned.stderr.contains("cannot be started: Permission denied"), "{scanned:?}");
}
