//! A real redis-server for one test.

use super::port::ReservedPort;
use super::wait_until;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

pub struct Redis {
    pub port: u16,
    reserved_port: Arc<ReservedPort>,
    child: Option<Child>,
    dir: tempfile::TempDir,
    password: Option<String>,
    /// Additional arguments of redis-server.
    pub args: Vec<String>,
}

impl Redis {
    pub fn start() -> Self {
        let mut redis = Self::absent();
        redis.up();
        redis
    }

    /// A port on which no Redis listens yet.
    pub fn absent() -> Self {
        let dir = tempfile::tempdir().expect("a folder for redis");
        let reserved_port = Arc::new(ReservedPort::new());
        Self { port: reserved_port.number, reserved_port, child: None, dir, password: None, args: Vec::new() }
    }

    /// The reservation of its port: while it is held, no other program gets the port.
    pub fn reserved_port(&self) -> Arc<ReservedPort> {
        Arc::clone(&self.reserved_port)
    }

    /// Starts one with additional arguments.
    pub fn with(args: &[&str]) -> Self {
        let mut redis = Self::absent();
        redis.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        redis.up();
        redis
    }

    /// The folder to which `SAVE` writes.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it, or starts it again on the same port. It has no keys unless they were saved.
    pub fn up(&mut self) {
        self.begin();
        wait_until("redis responds", || self.try_ask(&["PING"]) == Some(Reply::Text("PONG".to_owned())));
    }

    /// Starts it and does not wait.
    pub fn begin(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.dir.path())
            .args(&self.args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts (Debian: apt install redis-server)");
        self.child = Some(child);
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("redis runs");
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, signal).expect("redis can be sent a signal");
    }

    #[track_caller]
    pub fn ask(&self, args: &[&str]) -> Reply {
        self.try_ask(args).expect("redis responds")
    }

    /// Opens a connection.
    #[track_caller]
    pub fn link(&self) -> Link {
        let mut link = Link::to(self.port).expect("redis accepts");
        assert_eq!(link.ask(&["PING"]), Reply::Text("PONG".to_owned()));
        link
    }

    /// A field of `INFO`; empty if there is none.
    #[track_caller]
    pub fn info(&self, section: &str, field: &str) -> String {
        self.try_info(section, field).expect("redis responds")
    }

    /// `None`: no response. A Sentinel that makes a node a replica closes its connections.
    pub fn try_info(&self, section: &str, field: &str) -> Option<String> {
        let Reply::Text(info) = self.try_ask(&["INFO", section])? else { panic!("INFO gives a text") };
        let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Some(line.unwrap_or_default().to_owned())
    }

    pub fn get(&self, key: &str) -> Option<String> {
        match self.ask(&["GET", key]) {
            Reply::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Waits until the value of a key contains `text`.
    #[track_caller]
    pub fn wait_stored(&self, key: &str, text: &str) {
        wait_until(&format!("{key} contains {text}"), || self.get(key).is_some_and(|value| value.contains(text)));
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        let Reply::List(list) = self.ask(&["KEYS", "*"]) else { panic!("KEYS gives a list") };
        let mut keys = Vec::new();
        for reply in list {
            let Reply::Text(key) = reply else { panic!("KEYS gives texts") };
            keys.push(key);
        }
        keys.sort();
        keys
    }

    /// Milliseconds until a key expires. Negative: it does not expire, or does not exist (`PTTL`).
    pub fn pttl(&self, key: &str) -> i64 {
        let Reply::Number(ms) = self.ask(&["PTTL", key]) else { panic!("PTTL gives a number") };
        ms
    }

    /// Waits until the poll lease has been renewed this often. It shows that the poller runs, also while the daemon
    /// accepts no requests.
    #[track_caller]
    pub fn wait_renewed(&self, count: usize) {
        let (mut last, mut renewed) = (self.pttl("jbod:lock:poll"), 0);
        wait_until("the poll lease is renewed", || {
            let now = self.pttl("jbod:lock:poll");
            renewed += usize::from(now > last);
            last = now;
            renewed >= count
        });
    }

    /// `SET` of bytes, which need not be text.
    #[track_caller]
    pub fn set(&self, key: &str, value: &[u8]) {
        let reply = self.try_ask_bytes(&[b"SET", key.as_bytes(), value]).expect("redis responds");
        assert_eq!(reply, Reply::Text("OK".to_owned()), "SET {key}");
    }

    /// Makes Redis require a password on new connections.
    #[track_caller]
    pub fn require_password(&mut self, password: &str) {
        self.ask(&["CONFIG", "SET", "requirepass", password]);
        self.password = Some(password.to_owned());
    }

    pub fn try_ask(&self, args: &[&str]) -> Option<Reply> {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        self.try_ask_bytes(&args)
    }

    fn try_ask_bytes(&self, args: &[&[u8]]) -> Option<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        if let Some(password) = &self.password {
            stream.write_all(&command(&[b"AUTH", password.as_bytes()])).ok()?;
            Reply::read(&mut stream)?;
        }
        stream.write_all(&command(args)).ok()?;
        Reply::read(&mut stream)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One open connection.
pub struct Link(TcpStream);

impl Link {
    pub fn to(port: u16) -> Option<Self> {
        TcpStream::connect(("127.0.0.1", port)).ok().map(Self)
    }

    #[track_caller]
    pub fn ask(&mut self, args: &[&str]) -> Reply {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        self.0.write_all(&command(&args)).expect("redis receives");
        Reply::read(&mut self.0).expect("redis responds")
    }
}

/// A command in the form of the protocol.
fn command(args: &[&[u8]]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        command.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        command.extend_from_slice(arg);
        command.extend_from_slice(b"\r\n");
    }
    command
}

/// A reply of Redis (RESP2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Text(String),
    Number(i64),
    Nil,
    List(Vec<Self>),
    Error(String),
}

impl Reply {
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let line = Self::line(stream)?;
        let (kind, rest) = line.split_at(1);
        Some(match kind {
            "+" => Self::Text(rest.to_owned()),
            "-" => Self::Error(rest.to_owned()),
            ":" => Self::Number(rest.parse().ok()?),
            "$" => match rest.parse::<i64>().ok()? {
                -1 => Self::Nil,
                length => {
                    let mut bytes = vec![0; usize::try_from(length).ok()? + 2];
                    stream.read_exact(&mut bytes).ok()?;
                    bytes.truncate(bytes.len() - 2);
                    Self::Text(String::from_utf8_lossy(&bytes).into_owned())
                }
            },
            "*" => {
                let count = rest.parse::<i64>().ok()?.max(0);
                Self::List((0..count).map(|_| Self::read(stream)).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn line(stream: &mut TcpStream) -> Option<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            stream.read_exact(&mut byte).ok()?;
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).ok()
    }
}
