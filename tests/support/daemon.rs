//! The real daemon, as a process, with its log.

use super::eventually;
use super::http::{Client, Response};
use super::port::{ANY_PORT, ReservedPort};
use super::redis::Redis;
use super::sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddrV4;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub struct Daemon {
    /// 0: not known yet, or not on TCP.
    pub port: u16,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Where Redis is, or is not: no other program gets that port while the daemon runs.
    redis_port: Option<Arc<ReservedPort>>,
}

/// The command of the daemon for a simulated host, not yet started; nothing of the test's own
/// environment reaches it.
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
    /// Starts it with further settings, and waits until it listens.
    #[track_caller]
    pub fn start(sim: &Sim, redis: &Redis, settings: &[(&str, &str)]) -> Self {
        let mut command = command(sim, redis.port);
        command.env("JBOD_LISTEN", ANY_PORT).envs(settings.iter().copied());
        let mut daemon = Self::listening(&mut command);
        daemon.redis_port = Some(redis.reserved_port());
        daemon
    }

    /// Starts a command of the daemon that has it listen on TCP, and waits until its log says on which port.
    #[track_caller]
    pub fn listening(command: &mut Command) -> Self {
        let mut daemon = Self::spawn(command);
        let log = Arc::clone(&daemon.log);
        daemon.port = daemon.wait_listening("the daemon says where it listens", || {
            log.lock().expect("the log").iter().find_map(|line| logged_port(line))
        });
        daemon
    }

    /// Starts a command of the daemon that has it listen on that port, and waits until it does. Its log may be elsewhere.
    #[track_caller]
    pub fn listening_on(port: &ReservedPort, command: &mut Command) -> Self {
        let mut daemon = Self::spawn(command);
        daemon.port = port.number;
        daemon.wait_listening("the daemon listens", || Client::connect(port.number));
        daemon
    }

    /// Starts a command of the daemon as it stands, and waits for nothing.
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().expect("its log"));
        std::thread::Builder::new()
            .spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    lines.lock().expect("the log").push(line);
                }
            })
            .expect("a thread for the log");
        Self { port: 0, child, log, redis_port: None }
    }

    /// Waits until `look` gives something, as long as the daemon lives.
    #[track_caller]
    pub fn wait_listening<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        eventually(what, || {
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none(), "the daemon ended with {ended:?}: {}", self.log());
            look()
        })
    }

    /// It has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_some()
    }

    /// Starts it and waits for its first whole sweep.
    #[track_caller]
    pub fn ready(sim: &Sim, redis: &Redis, settings: &[(&str, &str)]) -> Self {
        let daemon = Self::start(sim, redis, settings);
        daemon.wait_ready();
        daemon
    }

    #[track_caller]
    pub fn wait_ready(&self) {
        eventually("the first sweep is whole", || (self.get("/readyz").status == 200).then_some(()));
    }

    /// A request on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut client = Client::connect(self.port).expect("the daemon accepts");
        client.request(method, path, headers).unwrap_or_else(|| panic!("no answer to {method} {path}: {}", self.log()))
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// Waits until a drive's entry satisfies `wanted`, and returns it.
    #[track_caller]
    pub fn drive_when(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let response = self.get(&format!("/api/drives/{id}"));
            (response.status == 200).then(|| response.json()).filter(|drive| wanted(drive))
        })
    }

    /// Waits until the overview satisfies `wanted`, and returns it.
    #[track_caller]
    pub fn overview_when(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let response = self.get("/api/overview");
            (response.status == 200).then(|| response.json()).filter(|overview| wanted(overview))
        })
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("the log").join("\n")
    }

    /// Log lines that hold `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lock().expect("the log").iter().filter(|line| line.contains(text)).count()
    }

    #[track_caller]
    pub fn wait_logged(&self, text: &str) {
        eventually(&format!("the log says {text:?}"), || (self.logged(text) > 0).then_some(()));
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the daemon takes a signal");
    }

    /// `kill -9`, as it stands.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks for a stop and waits for it.
    #[track_caller]
    pub fn stop(mut self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        let status = eventually("the daemon stops", || self.child.try_wait().expect("its state"));
        (status, self.log())
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = eventually("the daemon ends", || self.child.try_wait().expect("its state"));
        (status, self.log())
    }

    /// Processes below it that are still there, zombies among them.
    pub fn children(&self) -> Vec<String> {
        children_of(self.child.id())
    }
}

/// The port of the IPv4 address that the first line of the log names.
fn logged_port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once(" started version=")?;
    let addresses = rest.split(' ').find_map(|word| word.strip_prefix("listen="))?;
    addresses.split(',').find_map(|address| address.parse::<SocketAddrV4>().ok()).map(|address| address.port())
}

/// What a command that ended by itself left.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command that is meant to end by itself; one that does not is killed, and fails the test.
#[track_caller]
pub fn run(command: &mut Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = KilledOnDrop(command.spawn().expect("the command starts"));
    let (stdout, stderr) = (text_of(child.0.stdout.take()), text_of(child.0.stderr.take()));
    let status = eventually(&format!("{command:?} ends"), || child.0.try_wait().expect("its state"));
    let text = |reader: JoinHandle<String>| reader.join().expect("its output");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// A child that does not outlive its test.
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
    let pids = std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(|e| e.file_name().into_string().ok());
    pids.filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (command, rest) = stat.split_once(") ")?;
            let mut fields = rest.split(' ');
            let (state, ppid) = (fields.next()?, fields.next()?);
            (ppid == parent.to_string()).then(|| format!("{pid} {state} {command}"))
        })
        .collect()
}
