//! The real daemon as a process, with its log.

use super::http::{Client, Response};
use super::port::{ANY_PORT, ReservedPort};
use super::proc_stats::process_ids;
use super::redis::Redis;
use super::sim::Sim;
use super::{eventually, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddrV4;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub struct Daemon {
    /// 0: not known yet, or not listening on TCP.
    pub port: u16,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Reserves the port of Redis, so that no other program gets it while the daemon runs.
    redis_port: Option<Arc<ReservedPort>>,
}

/// The command of the daemon for a simulated host, not yet started. It inherits nothing from the environment of the
/// test.
pub fn command(sim: &Sim, redis_port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
    command
        .env_clear()
        .env("JBOD_ROOT", sim.root())
        .env("SMARTCTL_PATH", sim.tool("smartctl"))
        .env("ZPOOL_PATH", sim.tool("zpool"))
        .env("JBOD_CONTROL_SOCKET", "none")
        .env("REDIS_HOST", "127.0.0.1")
        .env("REDIS_PORT", redis_port.to_string());
    command
}

impl Daemon {
    /// Starts the daemon with additional settings, and waits until it listens.
    #[track_caller]
    pub fn start(sim: &Sim, redis: &Redis, settings: &[(&str, &str)]) -> Self {
        let mut command = command(sim, redis.port);
        command.env("JBOD_LISTEN", ANY_PORT).envs(settings.iter().copied());
        let mut daemon = Self::listening(&mut command);
        daemon.redis_port = Some(redis.reserved_port());
        daemon
    }

    /// Starts a command that makes the daemon listen on TCP, and waits until its log reports the port.
    #[track_caller]
    pub fn listening(command: &mut Command) -> Self {
        let mut daemon = Self::spawn(command);
        let log = Arc::clone(&daemon.log);
        daemon.port = daemon.wait_while_running("the log reports the listen address", || {
            log.lock().expect("the log").iter().find_map(|line| logged_port(line))
        });
        daemon
    }

    /// Starts a command that makes the daemon listen on this port, and waits until it does. The log may go elsewhere.
    #[track_caller]
    pub fn listening_on(port: &ReservedPort, command: &mut Command) -> Self {
        let mut daemon = Self::spawn(command);
        daemon.port = port.number;
        daemon.wait_while_running("the daemon listens", || Client::connect(port.number));
        daemon
    }

    /// Starts a command of the daemon and does not wait.
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().expect("a pipe for the log"));
        std::thread::Builder::new()
            .spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    lines.lock().expect("the log").push(line);
                }
            })
            .expect("a thread for the log");
        Self { port: 0, child, log, redis_port: None }
    }

    /// Waits until `look` returns a value. Fails if the daemon ends.
    #[track_caller]
    pub fn wait_while_running<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        eventually(what, || {
            let ended = self.child.try_wait().expect("the state of the daemon");
            assert!(ended.is_none(), "the daemon ended with {ended:?}: {}", self.log());
            look()
        })
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the state of the daemon").is_some()
    }

    /// Starts the daemon and waits until its first sweep is complete.
    #[track_caller]
    pub fn ready(sim: &Sim, redis: &Redis, settings: &[(&str, &str)]) -> Self {
        let daemon = Self::start(sim, redis, settings);
        daemon.wait_ready();
        daemon
    }

    #[track_caller]
    pub fn wait_ready(&self) {
        wait_until("the first sweep is complete", || self.get("/readyz").status == 200);
    }

    /// Sends a request on a new connection.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut client = Client::connect(self.port).expect("the daemon accepts");
        client
            .request(method, path, headers)
            .unwrap_or_else(|| panic!("no response to {method} {path}: {}", self.log()))
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// Waits until the document of a drive satisfies `wanted`, and returns it.
    #[track_caller]
    pub fn drive_when(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.json_when(&format!("/api/drives/{id}"), what, wanted)
    }

    /// Waits until the overview satisfies `wanted`, and returns it.
    #[track_caller]
    pub fn overview_when(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.json_when("/api/overview", what, wanted)
    }

    /// Waits until the response is 200 and its JSON satisfies `wanted`, and returns the JSON.
    #[track_caller]
    fn json_when(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let response = self.get(path);
            if response.status != 200 {
                return None;
            }
            Some(response.json()).filter(|json| wanted(json))
        })
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("the log").join("\n")
    }

    /// Number of log lines that contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lock().expect("the log").iter().filter(|line| line.contains(text)).count()
    }

    #[track_caller]
    pub fn wait_logged(&self, text: &str) {
        wait_until(&format!("the log contains {text:?}"), || self.logged(text) > 0);
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the daemon can be sent a signal");
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal, waits for the end, and returns the exit status and the log.
    #[track_caller]
    pub fn stop(self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        self.ended()
    }

    /// Waits until the daemon ends, and returns its exit status and its log.
    #[track_caller]
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = eventually("the daemon ends", || self.child.try_wait().expect("the state of the daemon"));
        (status, self.log())
    }

    /// Its child processes, including zombies.
    pub fn children(&self) -> Vec<String> {
        children_of(self.child.id())
    }
}

/// The port of the IPv4 address in the log line of the start.
fn logged_port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once(" started version=")?;
    let addresses = rest.split(' ').find_map(|word| word.strip_prefix("listen="))?;
    let address: SocketAddrV4 = addresses.split(',').find_map(|address| address.parse().ok())?;
    Some(address.port())
}

/// The result of a command.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command until it ends. One that does not end in time is killed and fails the test.
#[track_caller]
pub fn run(command: &mut Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = KilledOnDrop(command.spawn().expect("the command starts"));
    let (stdout, stderr) = (text_of(child.0.stdout.take()), text_of(child.0.stderr.take()));
    let status = eventually(&format!("{command:?} ends"), || child.0.try_wait().expect("the state of the command"));
    let (stdout, stderr) = (stdout.join().expect("its output"), stderr.join().expect("its errors"));
    Ended { code: status.code(), stdout, stderr }
}

/// A child that is killed at the latest when the test ends.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text_of(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut pipe = pipe.expect("a pipe");
    let read = move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    std::thread::Builder::new().spawn(read).expect("a thread for the output")
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `pid state command` of every child of a process.
pub fn children_of(parent: u32) -> Vec<String> {
    let mut children = Vec::new();
    for pid in process_ids() {
        // A process may have ended since the list was made.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((command, rest)) = stat.split_once(") ") else { continue };
        let mut fields = rest.split(' ');
        let (Some(state), Some(parent_id)) = (fields.next(), fields.next()) else { continue };
        if parent_id == parent.to_string() {
            children.push(format!("{pid} {state} {command}"));
        }
    }
    children
}
