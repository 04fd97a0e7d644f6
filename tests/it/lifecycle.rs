//! Starting, stopping, settings, exit codes and the commands beside the daemon, as a person at a
//! shell or a service manager sees them.

use crate::support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use support::daemon::{Daemon, Ended, children_of, command, run};
use support::eventually;
use support::port::{ANY_PORT, refused_port};
use support::redis::Redis;
use support::sim::Sim;

/// The program alone, without a host and without anything of the test's own environment.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
    command.env_clear();
    command
}

/// The program on a simulated host, without Redis.
fn on(sim: &Sim) -> Command {
    command(sim, refused_port())
}

#[track_caller]
fn exits(command: &mut Command, code: i32) -> Ended {
    let ended = run(command);
    assert_eq!(ended.code, Some(code), "{command:?}: {ended:?}");
    ended
}

/// What `jbod-monitor check-config` says: setting to value and source.
#[track_caller]
fn checked(command: &mut Command) -> BTreeMap<String, (String, String)> {
    let ended = exits(command, 0);
    // The rules come after the settings and a blank line.
    let rows = ended.stdout.lines().take_while(|line| !line.is_empty()).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (first, last) = (words.first().expect("a name"), words.last().expect("a source"));
        ((*first).to_owned(), (words[1..words.len() - 1].join(" "), (*last).to_owned()))
    });
    rows.collect()
}

/// Still there and not just waiting to be reaped.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn pid_of(child: &str) -> &str {
    child.split(' ').next().unwrap_or_default()
}

#[track_caller]
fn assert_stops_in_a_sweep(signal: Signal) {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=60000"]);
    sim.set("bay/0/1", &["hang_ignore_term=true"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    let children =
        eventually("every drive is being read", || Some(daemon.children()).filter(|children| children.len() >= 4));
    let (status, log) = daemon.stop(signal);
    assert_eq!(status.code(), Some(0), "{log}");
    let left: Vec<_> = children.iter().filter(|child| runs(pid_of(child))).collect();
    assert!(left.is_empty(), "{left:?} are left running");
    let lines: Vec<&str> = log.lines().collect();
    let line =
        |end: &str| lines.iter().position(|line| line.ends_with(end)).unwrap_or_else(|| panic!("no {end:?}: {log}"));
    assert!(line(" stopping") < line(" stopped"), "{log}");
    assert_eq!(line(" stopped"), lines.len() - 1, "nothing comes after it: {log}");
}

#[test]
fn sigterm_ends_a_sweep_in_flight_and_every_child() {
    assert_stops_in_a_sweep(Signal::TERM);
}

#[test]
fn sigint_ends_a_sweep_in_flight_and_every_child() {
    assert_stops_in_a_sweep(Signal::INT);
}

#[test]
fn children_that_had_to_be_killed_are_reaped_while_the_daemon_lives() {
    let (sim, redis) = (Sim::small(), Redis::start());
    for bay in ["bay/0/0", "bay/0/1"] {
        sim.set(bay, &["hang_ignore_term=true"]);
    }
    let daemon = Daemon::start(&sim, &redis, &[("SMART_TIMEOUT", "1")]);
    eventually("the silent drives are being read", || (sim.starts().len() >= 4).then_some(()));
    daemon.wait_ready();
    eventually("no child is left, not even as a zombie", || daemon.children().is_empty().then_some(()));
    assert_eq!(daemon.json("/api/overview")["sweep"]["timed_out"], 2);
    assert_eq!(daemon.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_second_signal_does_not_spoil_a_clean_stop() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=60000"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    eventually("every drive is being read", || (daemon.children().len() >= 4).then_some(()));
    daemon.signal(Signal::TERM);
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn help_and_version_are_no_failures() {
    for flag in ["--help", "-h", "--version", "-V", "help"] {
        let ended = exits(program().arg(flag), 0);
        assert!(!ended.stdout.is_empty() && ended.stderr.is_empty(), "{flag}: {ended:?}");
    }
    let version = exits(program().arg("--version"), 0).stdout;
    assert_eq!(version.trim(), format!("jbod-monitor {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for args in [&["--no-such-flag"][..], &["polish"], &["scan", "--yaml"], &["--redis-port"], &["scan", "sda"]] {
        let ended = exits(program().args(args), 2);
        assert!(ended.stdout.is_empty(), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains("Usage:") || ended.stderr.contains("--help"), "{args:?}: {ended:?}");
    }
}

/// Values that cannot be used: setting, value, what the message must say of what was wanted.
const BAD_SETTINGS: [(&str, &str, &str); 40] = [
    ("REDIS_URL", "http://nas1", "redis://"),
    ("REDIS_URL", "nas1", "redis://"),
    ("REDIS_URL", "redis://nas1/main", "database number"),
    ("REDIS_PORT", "0", "1 to 65535"),
    ("RUST_LOG", "trcae", "jbod_monitor=LEVEL"),
    ("REDIS_PORT", "65536", "1 to 65535"),
    ("REDIS_PORT", "redis", "1 to 65535"),
    ("REDIS_DB", "-1", "database number"),
    ("REDIS_PASSWORD_FILE", "/nonexistent/secret", "a readable regular file"),
    ("REDIS_TIMEOUT_MS", "0", "milliseconds"),
    ("REDIS_TIMEOUT_MS", "1.5", "milliseconds"),
    ("JBOD_KEY_PREFIX", "two words", "without spaces"),
    ("SMART_CACHE_TTL", "0", "seconds"),
    ("SMART_CACHE_TTL", "2m", "seconds"),
    ("SMART_CACHE_TTL", "-120", "seconds"),
    ("SMART_CACHE_TTL", "99999999999999999999", "seconds"),
    ("SMART_POLL_INTERVAL", "0", "seconds"),
    ("SMART_POLL_INTERVAL", "90s", "seconds"),
    ("SMART_TIMEOUT", "0", "seconds"),
    ("SMART_CONCURRENCY", "0", "1 to 256"),
    ("SMART_CONCURRENCY", "257", "1 to 256"),
    ("SMART_CONCURRENCY_PER_HOST", "0", "1 to 256"),
    ("SMART_NOCHECK", "always", "never, sleep, standby, idle"),
    ("SMART_NOCHECK", "STANDBY", "never, sleep, standby, idle"),
    ("OVERVIEW_TTL", "0", "seconds"),
    ("ENCLOSURES_TTL", "x", "seconds"),
    ("ZFS_TTL", " 5", "seconds"),
    ("STALE_TTL", "0", "seconds"),
    ("JBOD_LISTEN", "9780", "ADDR:PORT"),
    ("JBOD_LISTEN", "127.0.0.1", "ADDR:PORT"),
    ("JBOD_LISTEN", "127.0.0.1:99999", "ADDR:PORT"),
    ("JBOD_LISTEN", "unix:relative.sock", "unix:/"),
    ("JBOD_LISTEN", "0.0.0.0:9780", "JBOD_TOKEN_FILE"),
    ("JBOD_LISTEN", "[::]:9780", "--allow-anonymous"),
    ("JBOD_TOKEN_FILE", "/nonexistent/token", "a readable regular file"),
    ("JBOD_TOKEN_FILE", "/dev/null", "a readable regular file"),
    ("JBOD_ALLOW_ANONYMOUS", "maybe", "true"),
    ("JBOD_WORKERS", "0", "1 to 64"),
    ("JBOD_WORKERS", "four", "1 to 64"),
    ("JBOD_ROOT", "/nonexistent", "a directory"),
];

#[test]
fn every_bad_setting_is_named_with_what_was_found_and_wanted() {
    for (setting, value, wanted) in BAD_SETTINGS {
        for command in ["check-config", "serve", "scan"] {
            let ended = exits(program().env(setting, value).arg(command), 78);
            assert!(ended.stdout.is_empty(), "{setting}={value} {command}: {ended:?}");
            let lines: Vec<&str> = ended.stderr.lines().collect();
            assert_eq!(lines.len(), 1, "{setting}={value} {command}: {ended:?}");
            for part in [setting, value, wanted] {
                assert!(lines[0].contains(part), "{setting}={value}: no {part:?} in {lines:?}");
            }
        }
    }
}

#[test]
fn a_bad_url_is_told_without_its_password() {
    for url in ["redis://me:s3cr3t@nas1/main", "rediss://:s3cr3t@nas1/x", "redis+unix:///run/r.sock?pass=s3cr3t&x=1"] {
        for args in [&["check-config"][..], &["check-config", "--redis-url", url]] {
            let mut command = program();
            let ended = exits(command.env("REDIS_URL", url).args(args), 78);
            assert!(ended.stderr.contains("REDIS_URL") && !ended.stderr.contains("s3cr3t"), "{ended:?}");
        }
    }
}

#[test]
fn a_taken_port_is_a_runtime_failure_that_names_the_address() {
    let sim = Sim::small();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let ended = exits(on(&sim).args(["--listen", &address]), 1);
    assert!(ended.stderr.contains(&address), "{ended:?}");
    assert!(sim.starts().is_empty(), "no drive was disturbed for it");
}

/// Starts a daemon that listens on every address.
#[track_caller]
fn start_beyond_loopback(sim: &Sim, args: &[&str]) -> Daemon {
    Daemon::listening(on(sim).env("JBOD_LISTEN", "0.0.0.0:0").args(args))
}

#[test]
fn beyond_loopback_the_daemon_serves_only_with_a_token_or_when_told_to() {
    let sim = Sim::small();
    let refused = exits(on(&sim).args(["--listen", "0.0.0.0:0"]), 78);
    for hint in ["JBOD_LISTEN", "JBOD_TOKEN_FILE", "--allow-anonymous"] {
        assert!(refused.stderr.contains(hint), "{hint}: {refused:?}");
    }

    let open = start_beyond_loopback(&sim, &["--allow-anonymous"]);
    assert_eq!(open.get("/api/overview").status, 200);

    let file = sim.root().join("token");
    fs::write(&file, "t0ken-of-the-rack\n").expect("a file");
    let guarded = start_beyond_loopback(&sim, &["--token-file", file.to_str().expect("a path")]);
    let with = |authorization: &str| guarded.request("GET", "/api/overview", &[("Authorization", authorization)]);
    for path in ["/api/overview", "/api/drives/sda", "/healthz", "/nothing"] {
        let answer = guarded.get(path);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    for wrong in ["Bearer wrong", "Bearer t0ken-of-the-rac", "Bearer", "Basic t0ken-of-the-rack", "t0ken-of-the-rack"] {
        assert_eq!(with(wrong).status, 401, "{wrong}");
    }
    assert_eq!(with("Bearer t0ken-of-the-rack").status, 200);
    assert_eq!(with("bearer t0ken-of-the-rack").status, 200, "the scheme's case does not count");
    assert_eq!(guarded.logged("t0ken-of-the-rack"), 0, "{}", guarded.log());
}

/// Settings with a flag: variable, flag, default, two further values.
const SETTINGS: [(&str, &str, &str, &str, &str); 22] = [
    ("REDIS_HOST", "--redis-host", "localhost", "nas1", "nas2"),
    ("REDIS_PORT", "--redis-port", "6379", "7001", "7002"),
    ("REDIS_DB", "--redis-db", "0", "1", "2"),
    ("REDIS_USERNAME", "--redis-username", "(none)", "anna", "otto"),
    ("REDIS_TIMEOUT_MS", "--redis-timeout-ms", "250", "251", "252"),
    ("REDIS_URL", "--redis-url", "(none)", "redis://nas1:7001/1", "redis+unix:///run/redis.sock"),
    ("JBOD_KEY_PREFIX", "--key-prefix", "jbod", "one", "two"),
    ("SMART_CACHE_TTL", "--smart-cache-ttl", "120", "121", "122"),
    ("SMART_POLL_INTERVAL", "--smart-poll-interval", "90", "91", "92"),
    ("SMART_TIMEOUT", "--smart-timeout", "30", "31", "32"),
    ("SMART_CONCURRENCY", "--smart-concurrency", "16", "17", "18"),
    ("SMART_CONCURRENCY_PER_HOST", "--smart-concurrency-per-host", "8", "9", "10"),
    ("SMART_NOCHECK", "--smart-nocheck", "standby", "never", "idle"),
    ("OVERVIEW_TTL", "--overview-ttl", "60", "61", "62"),
    ("ENCLOSURES_TTL", "--enclosures-ttl", "300", "301", "302"),
    ("ZFS_TTL", "--zfs-ttl", "300", "301", "302"),
    ("STALE_TTL", "--stale-ttl", "86400", "86401", "86402"),
    ("JBOD_LISTEN", "--listen", "127.0.0.1:9780", "127.0.0.1:9781", "unix:/run/jbod.sock"),
    ("JBOD_ALLOWED_HOSTS", "--allowed-host", "(none)", "nas1", "nas2"),
    ("JBOD_WORKERS", "--workers", "4", "5", "6"),
    ("JBOD_ROOT", "--root", "/", "/usr", "/etc"),
    ("ZPOOL_PATH", "--zpool", "(not found)", "/opt/one/zpool", "/opt/two/zpool"),
];

/// Settings that have no further values in the table above.
const MORE_SETTINGS: [&str; 10] = [
    "REDIS_PASSWORD",
    "REDIS_PASSWORD_FILE",
    "REDIS_SENTINELS",
    "REDIS_SENTINEL_MASTER",
    "REDIS_SENTINEL_PASSWORD_FILE",
    "REDIS_CA_FILE",
    "JBOD_TOKEN_FILE",
    "JBOD_ALLOW_ANONYMOUS",
    "SMARTCTL_PATH",
    "RUST_LOG",
];

fn row(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn check_config_prints_every_setting_with_its_default() {
    let rows = checked(program().arg("check-config"));
    for (name, _, default, ..) in SETTINGS {
        let (value, source) = rows.get(name).unwrap_or_else(|| panic!("{name} is not printed: {rows:?}"));
        assert_eq!(source, "default", "{name}");
        // A program may be found on this machine.
        assert!(value == default || name == "ZPOOL_PATH" && value.starts_with('/'), "{name}: {value}");
    }
    for name in MORE_SETTINGS {
        assert_eq!(rows.get(name).unwrap_or_else(|| panic!("{name} is not printed")).1, "default", "{name}");
    }
    assert_eq!(rows["JBOD_ALLOW_ANONYMOUS"].0, "false");
    assert_eq!(rows["RUST_LOG"].0, "info");
}

#[test]
fn a_flag_wins_over_the_environment_wherever_it_stands() {
    // Lines of the help are wrapped to the terminal.
    let help = exits(program().arg("--help"), 0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, flag, _, one, two) in SETTINGS {
        assert!(help.contains(flag) && help.contains(&format!("[env: {name}")), "{flag} in --help");
        let by_env = checked(program().env(name, one).arg("check-config"));
        assert_eq!(by_env[name], row(one, "env"), "{name}");
        let joined = format!("{flag}={two}");
        for args in [
            &[flag, two, "check-config"][..],
            &["check-config", flag, two],
            &[&joined, "check-config"],
            &["check-config", &joined],
        ] {
            let by_flag = checked(program().env(name, one).args(args));
            assert_eq!(by_flag[name], row(two, "flag"), "{args:?}");
        }
    }
    for args in [["--allow-anonymous", "check-config"], ["check-config", "--allow-anonymous"]] {
        let rows = checked(program().env("JBOD_ALLOW_ANONYMOUS", "false").args(args));
        assert_eq!(rows["JBOD_ALLOW_ANONYMOUS"], row("true", "flag"), "{args:?}");
    }
}

#[test]
fn a_tool_may_be_named_from_the_working_directory() {
    let rows = checked(program().current_dir("/usr").args(["check-config", "--smartctl", "bin/env"]));
    assert_eq!(rows["SMARTCTL_PATH"], row("/usr/bin/env", "flag"));
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let unset = checked(program().arg("check-config"));
    let mut command = program();
    for name in SETTINGS.map(|(name, ..)| name).into_iter().chain(MORE_SETTINGS) {
        let rows = checked(program().env(name, "").arg("check-config"));
        assert_eq!(rows, unset, "{name}");
        command.env(name, "");
    }
    assert_eq!(checked(command.arg("check-config")), unset);
}

#[test]
fn secrets_are_masked_wherever_they_come_from() {
    let dir = tempfile::tempdir().expect("a folder");
    let (password, token) = (dir.path().join("redis-password"), dir.path().join("token"));
    fs::write(&password, "s3cr3t-one\n").expect("a file");
    fs::write(&token, "s3cr3t-two\n").expect("a file");
    let (folder, password, token) = (path(dir.path()), path(&password), path(&token));
    for settings in [
        &[("REDIS_PASSWORD", "s3cr3t")][..],
        &[("REDIS_PASSWORD_FILE", password), ("JBOD_TOKEN_FILE", token)],
        &[("CREDENTIALS_DIRECTORY", folder)],
        &[("REDIS_URL", "redis://anna:s3cr3t@nas1/1")],
        &[("REDIS_URL", "redis+unix:///run/redis.sock?db=1&pass=s3cr3t")],
    ] {
        let ended = exits(program().envs(settings.iter().copied()).arg("check-config"), 0);
        assert!(!ended.stdout.contains("s3cr3t") && !ended.stderr.contains("s3cr3t"), "{settings:?}: {ended:?}");
        assert!(ended.stdout.contains("****"), "that there is one is told: {settings:?}: {ended:?}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Output that is cut short by its reader, as `| head -1` does.
#[track_caller]
fn assert_quiet_without_a_reader(command: &mut Command) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().expect("it starts");
    let status = eventually("it ends", || child.try_wait().expect("its state"));
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("what it said");
    assert_eq!((status.code(), said.as_str()), (Some(0), ""), "{command:?}");
}

#[test]
fn output_that_nobody_reads_to_the_end_is_no_failure() {
    let sim = Sim::rack();
    assert_quiet_without_a_reader(on(&sim).arg("scan"));
    assert_quiet_without_a_reader(on(&sim).args(["scan", "--json"]));
    assert_quiet_without_a_reader(on(&sim).arg("check-config"));
}

#[test]
fn scan_prints_a_line_for_each_bay_and_says_what_is_wrong() {
    let sim = Sim::host(&["--enclosures", "2", "--bays", "12", "--drives", "20", "--paths", "2"]);
    sim.set("bay/0/2", &["failed=true"]);
    sim.set("bay/1/4", &["hang=true"]);
    let ended = exits(on(&sim).args(["scan", "--smart-timeout", "1"]), 0);
    assert!(!ended.stdout.contains(['\x1b', '\r']) && !ended.stderr.contains(['\x1b', '\r']), "{ended:?}");
    let truth = sim.list();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let is_bay = |line: &&&str| {
        line.split_whitespace().next().is_some_and(|word| word.parse::<u32>().is_ok()) && !line.contains("drives on")
    };
    assert_eq!(lines.iter().filter(is_bay).count(), 24, "{}", ended.stdout);
    let in_bays = truth.iter().filter(|drive| !drive["bay"].is_null()).count();
    assert_eq!(
        lines.iter().filter(is_bay).filter(|line| line.contains("(empty)")).count(),
        24 - in_bays,
        "{}",
        ended.stdout
    );
    for drive in &truth {
        let text = |name: &str| drive[name].as_str().unwrap_or_default().to_owned();
        let line = lines
            .iter()
            .find(|line| line.contains(&text("serial")))
            .unwrap_or_else(|| panic!("no {drive}: {}", ended.stdout));
        let words: Vec<&str> = line.split_whitespace().collect();
        let bay = drive["bay"].as_u64().map_or("-".to_owned(), |bay| bay.to_string());
        assert_eq!(words[0], bay, "{line}");
        let devices: Vec<&str> =
            drive["devices"].as_array().expect("devices").iter().filter_map(Value::as_str).collect();
        assert_eq!(words[1], devices.join(","), "{line}");
        let place = (drive["enclosure"].as_u64(), drive["bay"].as_u64());
        match place {
            (Some(0), Some(2)) => {
                assert!(line.contains("crit") && line.contains("reports that it is failing"), "{line}");
            }
            (Some(1), Some(4)) => assert!(line.contains("no answer within 1 s"), "{line}"),
            _ => assert!(line.contains(" ok"), "{line}"),
        }
    }
}

#[test]
fn scan_of_a_healthy_host_prints_nothing_but_the_table() {
    let sim = Sim::small();
    let ended = exits(on(&sim).arg("scan"), 0);
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.contains("4 of 6 bays occupied"), "{}", ended.stdout);
}

/// What is the same in every sweep over the same host.
fn steady(value: &Value) -> Value {
    // The version is of these, too.
    const VARYING: [&str; 9] =
        ["generated_at", "collected_at", "checked_at", "started_at", "ended_at", "took_ms", "stale", "text", "version"];
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().map(|(name, value)| {
                let value = if VARYING.contains(&name.as_str()) { Value::Null } else { steady(value) };
                (name.clone(), value)
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(steady).collect()),
        other => other.clone(),
    }
}

/// Where two values differ.
fn compare(place: &str, one: &Value, two: &Value, differences: &mut Vec<String>) {
    let nothing = Value::String("nothing".to_owned());
    match (one, two) {
        (Value::Object(a), Value::Object(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                let (a, b) = (a.get(name).unwrap_or(&nothing), b.get(name).unwrap_or(&nothing));
                compare(&format!("{place}.{name}"), a, b, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for n in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(n).unwrap_or(&nothing), b.get(n).unwrap_or(&nothing));
                compare(&format!("{place}[{n}]"), a, b, differences);
            }
        }
        _ if one != two => differences.push(format!("{place}: {one}, {two}")),
        _ => {}
    }
}

#[test]
fn scan_in_json_is_the_overview() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let scanned = exits(on(&sim).args(["scan", "--json"]), 0);
    assert_eq!(scanned.stderr, "");
    let scanned: Value = serde_json::from_str(&scanned.stdout).expect("JSON and nothing else");
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview =
        daemon.overview_when("the sweep is in the overview", |overview| !overview["sweep"]["started_at"].is_null());
    let mut differences = Vec::new();
    compare("", &steady(&scanned), &steady(&overview), &mut differences);
    assert_eq!(differences, [""; 0]);
}

#[test]
fn sigint_ends_a_scan_and_its_children() {
    let sim = Sim::small();
    sim.set("all", &["latency_ms=60000"]);
    sim.set("bay/0/1", &["hang_ignore_term=true"]);
    let mut child = on(&sim)
        .arg("scan")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let children = eventually("every drive is being read", || {
        Some(children_of(child.id())).filter(|children| children.len() >= 4)
    });
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    let status = eventually("the scan ends", || child.try_wait().expect("its state"));
    assert!(!status.success(), "{status:?}: a scan that was broken off is no scan");
    let mut table = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut table).expect("its output");
    assert_eq!(table, "", "half a table looks like a whole one");
    eventually("no child runs", || children.iter().all(|child| !runs(pid_of(child))).then_some(()));
}

/// Hides what is installed as smartctl from the program that it starts, in a mount namespace.
const HIDE: &str = r#"
    for file in /usr/sbin/smartctl /usr/local/sbin/smartctl; do
        [ ! -e $file ] || /usr/bin/mount --bind /dev/null $file || exit 99
    done
    exec "$0" "$@"
"#;

/// The command where no smartctl is installed.
fn without_smartctl(plain: &Command) -> Command {
    let hidden = |program: &OsStr| {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--map-root-user", "--mount", "/bin/sh", "-c", HIDE]).arg(program).env_clear();
        command
    };
    let tried = hidden(OsStr::new("/bin/true")).output().expect("unshare starts");
    assert!(tried.status.success(), "smartctl cannot be hidden: {}", String::from_utf8_lossy(&tried.stderr));
    let mut command = hidden(plain.get_program());
    command.args(plain.get_args()).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
#[ignore = "needs mount namespaces"]
fn without_smartctl_bays_are_served_and_drives_say_why() {
    let sim = Sim::small();
    let mut plain = on(&sim);
    plain.env_remove("SMARTCTL_PATH").env("PATH", "").env("JBOD_LISTEN", ANY_PORT);
    plain.env("SMART_POLL_INTERVAL", "1");
    let mut hidden = without_smartctl(&plain);
    let daemon = Daemon::listening(&mut hidden);
    daemon.wait_ready();
    assert_bays_without_health(&daemon, "smartctl");
    let errors: Vec<String> = daemon.log().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect();
    assert_eq!(errors.len(), 1, "{}", daemon.log());
    assert!(errors[0].contains("smartctl") && errors[0].contains("SMARTCTL_PATH"), "{errors:?}");
}

/// Bays and drives with names and pools, but no reading.
#[track_caller]
fn assert_bays_without_health(daemon: &Daemon, why: &str) {
    let overview = daemon.json("/api/overview");
    assert_eq!((&overview["totals"]["slots"], &overview["totals"]["drives"]), (&6.into(), &4.into()));
    assert_eq!(overview["totals"]["by_verdict"]["unknown"], 4, "{}", overview["totals"]);
    let slots = overview["enclosures"][0]["slots"].as_array().expect("slots");
    for drive in slots.iter().map(|slot| &slot["drive"]).filter(|drive| !drive.is_null()) {
        assert!(drive["error"].as_str().is_some_and(|error| error.contains(why)), "{drive}");
        assert!(drive["temperature_celsius"].is_null() && drive["verdict"] == "unknown", "{drive}");
        let one = daemon.json(&format!("/api/drives/{}", drive["device"].as_str().expect("a name")));
        assert!(one["error"].as_str().is_some_and(|error| error.contains(why)), "{one}");
    }
}

#[test]
fn a_smartctl_that_has_gone_is_named_and_does_not_flood_the_log() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("smartctl", &["gone=true"]);
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    assert_bays_without_health(&daemon, "smartctl");
    wait_sweeps(&daemon, 3);
    let lines = daemon.log().lines().count();
    assert!(lines <= 10, "{}", daemon.log());
    sim.set("smartctl", &["gone="]);
    daemon.overview_when("it is used again", |overview| overview["totals"]["by_verdict"]["ok"] == 4);
}

/// Waits until so many further sweeps have been seen.
#[track_caller]
fn wait_sweeps(daemon: &Daemon, count: usize) {
    let mut seen = daemon.json("/api/overview")["sweep"]["started_at"].clone();
    for _ in 0..count {
        let overview =
            daemon.overview_when("another sweep is whole", |overview| overview["sweep"]["started_at"] != seen);
        seen = overview["sweep"]["started_at"].clone();
    }
}

#[test]
fn a_healthy_host_is_a_quiet_one() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "2"), ("REDIS_TIMEOUT_MS", "2000")]);
    wait_sweeps(&daemon, 1);
    let at_first = daemon.log().lines().count();
    wait_sweeps(&daemon, 3);
    let log = daemon.log();
    assert_eq!(log.lines().count(), at_first, "nothing happened, nothing is said: {log}");
    assert!(at_first <= 5, "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

/// `GET` over a Unix socket, to the end of the connection.
fn get_unix(socket: &Path, target: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[track_caller]
fn start_on_unix(sim: &Sim, socket: &Path) -> Daemon {
    let mut daemon = Daemon::spawn(on(sim).env("JBOD_LISTEN", format!("unix:{}", path(socket))));
    let answer = daemon.wait_listening("the socket answers", || get_unix(socket, "/api/overview"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"enclosures\":["), "{answer}");
    daemon
}

#[test]
fn a_unix_socket_is_served_replaced_after_a_crash_and_removed_at_the_end() {
    let sim = Sim::small();
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("jbod.sock");
    start_on_unix(&sim, &socket).kill();
    assert!(socket.exists(), "a killed daemon leaves its socket");
    let daemon = start_on_unix(&sim, &socket);

    // Another daemon does not take the socket of one that lives.
    let refused = exits(on(&sim).env("JBOD_LISTEN", format!("unix:{}", path(&socket))), 1);
    assert!(refused.stderr.contains(path(&socket)), "{refused:?}");
    assert!(get_unix(&socket, "/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 ")));

    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!socket.exists(), "a clean stop removes it");
}

#[test]
fn a_file_that_is_no_socket_is_not_replaced_by_one() {
    let sim = Sim::small();
    let file = sim.root().join("precious");
    fs::write(&file, "data").expect("a file");
    let refused = exits(on(&sim).env("JBOD_LISTEN", format!("unix:{}", path(&file))), 1);
    assert!(refused.stderr.contains(path(&file)), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).expect("it is still there"), "data");
}
