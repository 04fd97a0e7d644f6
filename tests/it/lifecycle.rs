//! Start, stop, settings, exit codes, and the command `check-config`.

use crate::support;

mod scan;
mod without_smartctl;

use crate::helpers::program;
use crate::support::wait_until;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use support::daemon::{Daemon, Ended, command, run};
use support::eventually;
use support::port::refused_port;
use support::redis::Redis;
use support::sim::Sim;

/// The program on a simulated host, without Redis.
fn on(sim: &Sim) -> Command {
    command(sim, refused_port())
}

/// Runs a command that must end with that code.
#[track_caller]
fn exits(command: &mut Command, code: i32) -> Ended {
    let ended = run(command);
    assert_eq!(ended.code, Some(code), "{command:?}: {ended:?}");
    ended
}

/// Value and source of each setting, as `jbod-monitor check-config` prints them.
#[track_caller]
fn checked(command: &mut Command) -> BTreeMap<String, (String, String)> {
    let ended = exits(command, 0);
    let mut rows = BTreeMap::new();
    // The rules come after the settings and a blank line.
    for line in ended.stdout.lines().take_while(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, value @ .., source] = words.as_slice() else { panic!("not a setting: {line}") };
        rows.insert((*name).to_owned(), (value.join(" "), (*source).to_owned()));
    }
    rows
}

/// Whether the process exists and is not a zombie.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, state)) = stat.rsplit_once(") ") else { return false };
    !state.starts_with(['Z', 'X'])
}

fn pid_of(child: &str) -> &str {
    child.split(' ').next().unwrap_or_default()
}

#[track_caller]
fn assert_stops_during_a_sweep(signal: Signal) {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=60000"]);
    sim.set("bay/0/1", &["hang_ignore_term=true"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    let children = eventually("every drive is being read", || {
        let children = daemon.children();
        (children.len() >= 4).then_some(children)
    });
    let (status, log) = daemon.stop(signal);
    assert_eq!(status.code(), Some(0), "{log}");
    let left: Vec<_> = children.iter().filter(|child| runs(pid_of(child))).collect();
    assert!(left.is_empty(), "{left:?} are left running");
    let stopping = log.lines().position(|line| line.ends_with(" stopping")).expect("a line when the stop begins");
    let stopped = log.lines().position(|line| line.ends_with(" stopped")).expect("a line when the stop ends");
    assert!(stopping < stopped, "{log}");
    assert_eq!(stopped, log.lines().count() - 1, "a line after the stop: {log}");
}

#[test]
fn sigterm_ends_a_sweep_in_flight_and_every_child() {
    assert_stops_during_a_sweep(Signal::TERM);
}

#[test]
fn sigint_ends_a_sweep_in_flight_and_every_child() {
    assert_stops_during_a_sweep(Signal::INT);
}

#[test]
fn children_that_were_killed_are_reaped_while_the_daemon_runs() {
    let (sim, redis) = (Sim::small(), Redis::start());
    for bay in ["bay/0/0", "bay/0/1"] {
        sim.set(bay, &["hang_ignore_term=true"]);
    }
    let daemon = Daemon::start(&sim, &redis, &[("SMART_TIMEOUT", "1")]);
    wait_until("all drives are being read", || sim.starts().len() >= 4);
    daemon.wait_ready();
    wait_until("no child is left, and no zombie", || daemon.children().is_empty());
    assert_eq!(daemon.json("/api/overview")["sweep"]["timed_out"], 2);
    assert_eq!(daemon.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_second_signal_does_not_interrupt_an_orderly_stop() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=60000"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    wait_until("every drive is being read", || daemon.children().len() >= 4);
    daemon.signal(Signal::TERM);
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn help_and_version_exit_with_0() {
    for flag in ["--help", "-h", "--version", "-V", "help"] {
        let ended = exits(program().arg(flag), 0);
        assert!(!ended.stdout.is_empty() && ended.stderr.is_empty(), "{flag}: {ended:?}");
    }
    let version = exits(program().arg("--version"), 0).stdout;
    assert_eq!(version.trim(), format!("jbod-monitor {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_invalid_command_line_is_a_usage_error() {
    for args in [&["--no-such-flag"][..], &["polish"], &["scan", "--yaml"], &["--redis-port"], &["scan", "sda"]] {
        let ended = exits(program().args(args), 2);
        assert!(ended.stdout.is_empty(), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains("Usage:") || ended.stderr.contains("--help"), "{args:?}: {ended:?}");
    }
}

/// Invalid values: setting, value, and a part of the message about what is expected.
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
fn an_invalid_setting_is_an_error_with_the_value_found_and_the_one_expected() {
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
fn an_error_about_a_url_does_not_contain_its_password() {
    for url in ["redis://me:s3cr3t@nas1/main", "rediss://:s3cr3t@nas1/x", "redis+unix:///run/r.sock?pass=s3cr3t&x=1"] {
        for args in [&["check-config"][..], &["check-config", "--redis-url", url]] {
            let mut command = program();
            let ended = exits(command.env("REDIS_URL", url).args(args), 78);
            assert!(ended.stderr.contains("REDIS_URL") && !ended.stderr.contains("s3cr3t"), "{ended:?}");
        }
    }
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_address() {
    let sim = Sim::small();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let ended = exits(on(&sim).args(["--listen", &address]), 1);
    assert!(ended.stderr.contains(&address), "{ended:?}");
    assert!(sim.starts().is_empty(), "no drive was read");
}

/// Starts a daemon that listens on every address.
#[track_caller]
fn start_beyond_loopback(sim: &Sim, args: &[&str]) -> Daemon {
    Daemon::listening(on(sim).env("JBOD_LISTEN", "0.0.0.0:0").args(args))
}

#[test]
fn beyond_loopback_a_token_or_anonymous_access_is_required() {
    let sim = Sim::small();
    let refused = exits(on(&sim).args(["--listen", "0.0.0.0:0"]), 78);
    for hint in ["JBOD_LISTEN", "JBOD_TOKEN_FILE", "--allow-anonymous"] {
        assert!(refused.stderr.contains(hint), "{hint}: {refused:?}");
    }

    let anonymous = start_beyond_loopback(&sim, &["--allow-anonymous"]);
    assert_eq!(anonymous.get("/api/overview").status, 200);

    let file = sim.root().join("token");
    fs::write(&file, "t0ken-of-the-rack\n").expect("a file");
    let guarded = start_beyond_loopback(&sim, &["--token-file", file.to_str().expect("a path")]);
    let status_with =
        |authorization: &str| guarded.request("GET", "/api/overview", &[("Authorization", authorization)]).status;
    for path in ["/api/overview", "/api/drives/sda", "/healthz", "/nothing"] {
        let response = guarded.get(path);
        assert_eq!((response.status, response.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert_eq!(response.header("content-type"), "application/problem+json", "{path}");
    }
    for wrong in ["Bearer wrong", "Bearer t0ken-of-the-rac", "Bearer", "Basic t0ken-of-the-rack", "t0ken-of-the-rack"] {
        assert_eq!(status_with(wrong), 401, "{wrong}");
    }
    assert_eq!(status_with("Bearer t0ken-of-the-rack"), 200);
    assert_eq!(status_with("bearer t0ken-of-the-rack"), 200, "schemes are case-insensitive (RFC 9110)");
    assert_eq!(guarded.logged("t0ken-of-the-rack"), 0, "{}", guarded.log());
}

/// Settings with an option: variable, option, default, two other values.
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

/// Settings that are not in the table above.
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
        // zpool may be installed on this machine.
        assert!(value == default || name == "ZPOOL_PATH" && value.starts_with('/'), "{name}: {value}");
    }
    for name in MORE_SETTINGS {
        assert_eq!(rows.get(name).unwrap_or_else(|| panic!("{name} is not printed")).1, "default", "{name}");
    }
    assert_eq!(rows["JBOD_ALLOW_ANONYMOUS"].0, "false");
    assert_eq!(rows["RUST_LOG"].0, "info");
}

#[test]
fn an_option_takes_precedence_over_the_environment() {
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
fn a_tool_is_found_relative_to_the_working_directory() {
    let rows = checked(program().current_dir("/usr").args(["check-config", "--smartctl", "bin/env"]));
    assert_eq!(rows["SMARTCTL_PATH"], row("/usr/bin/env", "flag"));
}

#[test]
fn an_empty_variable_is_not_set() {
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
fn secrets_are_masked_from_every_source() {
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
        assert!(ended.stdout.contains("****"), "a secret is shown as asterisks: {settings:?}: {ended:?}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn sweeps_of_a_healthy_host_log_nothing() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "2"), ("REDIS_TIMEOUT_MS", "2000")]);
    daemon.after_sweeps(1);
    let at_first = daemon.log().lines().count();
    daemon.after_sweeps(3);
    let log = daemon.log();
    assert_eq!(log.lines().count(), at_first, "nothing is logged without an event: {log}");
    assert!(at_first <= 5, "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

/// The response to a GET over a Unix socket, up to the end of the connection.
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
    let answer = daemon.wait_while_running("the socket answers", || get_unix(socket, "/api/overview"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"enclosures\":["), "{answer}");
    daemon
}

#[test]
fn a_unix_socket_is_replaced_after_a_crash_and_removed_at_a_stop() {
    let sim = Sim::small();
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("jbod.sock");
    start_on_unix(&sim, &socket).kill();
    assert!(socket.exists(), "a killed daemon does not remove its socket");
    let daemon = start_on_unix(&sim, &socket);

    // A second daemon does not replace the socket of one that runs.
    let refused = exits(on(&sim).env("JBOD_LISTEN", format!("unix:{}", path(&socket))), 1);
    assert!(refused.stderr.contains(path(&socket)), "{refused:?}");
    let response = get_unix(&socket, "/healthz").expect("a response");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");

    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!socket.exists(), "an orderly stop removes it");
}

#[test]
fn a_file_that_is_not_a_socket_is_not_replaced() {
    let sim = Sim::small();
    let file = sim.root().join("precious");
    fs::write(&file, "data").expect("a file");
    let refused = exits(on(&sim).env("JBOD_LISTEN", format!("unix:{}", path(&file))), 1);
    assert!(refused.stderr.contains(path(&file)), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).expect("the file still exists"), "data");
}
