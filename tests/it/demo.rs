//! The demo of the package: it responds, other users cannot access its Redis, and it removes its files.

use crate::support;

use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::daemon::{children_of, run};
use support::eventually;
use support::http::Client;
use support::installed;
use support::port::ReservedPort;

/// The demo with the programs of this build and its folder in `tmp`.
fn demo(tmp: &Path, port: &ReservedPort) -> Command {
    assert!(installed("curl").is_some(), "curl is not installed");
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/demo/jbod-monitor-demo"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("JBOD_DEMO_DAEMON", env!("CARGO_BIN_EXE_jbod-monitor"))
        .env("JBOD_DEMO_SIM", env!("CARGO_BIN_EXE_jbod-sim"))
        .env("JBOD_LISTEN", port.address())
        .env("TMPDIR", tmp);
    command
}

/// A running demo, which is stopped at the end of its test.
struct Running(Child);

impl Running {
    fn end(&mut self) -> Option<i32> {
        if self.0.try_wait().expect("the state of the demo").is_none() {
            let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        }
        eventually("the demo ends", || self.0.try_wait().expect("the state of the demo")).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Inodes of the sockets of a process, from the links `/proc/PID/fd/N` to `socket:[INODE]`.
fn sockets_of(pid: &str) -> Vec<String> {
    let mut inodes = Vec::new();
    for descriptor in std::fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors").flatten() {
        let Ok(target) = std::fs::read_link(descriptor.path()) else { continue };
        let target = target.to_string_lossy();
        if let Some(inode) = target.strip_prefix("socket:[") {
            inodes.push(inode.trim_end_matches(']').to_owned());
        }
    }
    inodes
}

/// The lines of a table of the kernel that have one of these inodes in the given column.
fn lines(table: &str, column: usize, inodes: &[String]) -> Vec<String> {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let mut found = Vec::new();
    for line in text.lines() {
        let Some(inode) = line.split_whitespace().nth(column) else { continue };
        if inodes.iter().any(|wanted| wanted == inode) {
            found.push(line.to_owned());
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
}

#[test]
#[ignore = "needs curl"]
fn redis_of_the_demo_has_a_private_socket_and_no_port() {
    let (tmp, port) = (tempfile::tempdir().expect("a folder"), ReservedPort::new());
    let mut command = demo(tmp.path(), &port);
    let mut running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the demo starts"));
    let overview = eventually("the overview comes from Redis", || {
        let answer = Client::connect(port.number)?.request("GET", "/api/overview", &[])?;
        (answer.status == 200 && answer.source() == "redis").then(|| answer.json())
    });
    assert_eq!(overview["totals"]["drives"], 79);

    let children = children_of(running.0.id());
    let redis = children.iter().find(|child| child.contains("redis"));
    let redis = redis.unwrap_or_else(|| panic!("no Redis among {children:?}"));
    let sockets = sockets_of(redis.split(' ').next().expect("a process id"));
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let ports = lines(table, 9, &sockets);
        assert!(ports.is_empty(), "Redis of the demo has ports: {ports:#?}");
    }
    let paths = lines("/proc/net/unix", 6, &sockets);
    let socket = paths.iter().find_map(|line| line.split_whitespace().nth(7)).expect("the socket of Redis");
    let socket = PathBuf::from(socket);
    let folder = socket.parent().expect("a folder").to_owned();
    assert!(folder.starts_with(tmp.path()), "{}", folder.display());
    assert_eq!((mode(&folder), mode(&socket)), (0o700, 0o700));

    assert_eq!(running.end(), Some(0));
    let left: Vec<_> = std::fs::read_dir(tmp.path()).expect("a folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
#[ignore = "needs curl"]
fn the_demo_starts_with_any_name_of_its_folder() {
    let top = tempfile::tempdir().expect("a folder");
    // The path of a socket has at most 107 bytes (unix(7)).
    let long = "long/".repeat(30);
    for (name, is_too_long) in [("two words", false), ("100%?#1", false), (long.as_str(), true)] {
        let tmp = top.path().join(name);
        std::fs::create_dir_all(&tmp).expect("a folder");
        let port = ReservedPort::new();
        let mut command = demo(&tmp, &port);
        let ended = run(command.arg("--once"));
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        assert!(ended.stdout.contains("all responses are as expected"), "{name}: {ended:?}");
        assert_eq!(ended.stderr.contains("TMPDIR is too long"), is_too_long, "{name}: {ended:?}");
        assert!(!ended.stderr.contains("redis unavailable"), "{name}: {}", ended.stderr);
        assert_eq!(std::fs::read_dir(&tmp).expect("a folder").count(), 0, "{name}");
    }
}
