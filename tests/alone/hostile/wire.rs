//! Connections of hostile clients, and of well-behaved clients at the same time.

use crate::support::daemon::Daemon;
use crate::support::http::Client;
use crate::support::wait_until;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A read or write that takes as long hangs.
pub const HANGS: Duration = Duration::from_secs(30);
/// The limit of a response to a well-behaved client during an attack.
pub const BOUND: Duration = Duration::from_secs(5);

/// Runs one attack at a time, so that measurements during one are not affected by another.
pub fn alone() -> MutexGuard<'static, ()> {
    static ATTACK: Mutex<()> = Mutex::new(());
    ATTACK.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the daemon accepts");
    stream.set_read_timeout(Some(HANGS)).expect("a limit");
    stream.set_write_timeout(Some(HANGS)).expect("a limit");
    stream
}

/// Sends bytes and the end of the stream, and returns everything that is received. The daemon may close the connection
/// before it has read all bytes.
#[track_caller]
pub fn sent(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    rest(&mut stream)
}

/// Reads until the end of the connection.
#[track_caller]
pub fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).map_err(|error| error.kind());
    assert_ne!(end, Err(io::ErrorKind::WouldBlock), "neither a response nor the end");
    answer
}

/// Waits until each of these clients, which read nothing, has received the first byte of a response or the end.
#[track_caller]
pub fn wait_begun(clients: &[TcpStream]) {
    for client in clients {
        client.set_read_timeout(Some(HANGS)).expect("a limit");
        let begun = client.peek(&mut [0]).map_err(|error| error.kind());
        assert_ne!(begun, Err(io::ErrorKind::WouldBlock), "neither a response nor the end");
    }
}

/// Waits until the daemon can send nothing more to these clients, which read nothing. Also counts clients that it has
/// disconnected because they read nothing.
#[track_caller]
pub fn wait_blocked(daemon: u16, clients: &[TcpStream]) {
    let ports: Vec<u16> = clients.iter().map(|client| client.local_addr().expect("the address").port()).collect();
    let mut last = Vec::new();
    wait_until("the send queue of every client is full", || {
        std::thread::sleep(Duration::from_millis(200));
        let now: Vec<Option<u64>> = ports.iter().map(|port| unsent(daemon, *port)).collect();
        let is_blocked = now.iter().all(|bytes| *bytes != Some(0)) && now == last;
        last = now;
        is_blocked
    });
}

/// Bytes in the send queue of the daemon for this client (`tx_queue` in `/proc/net/tcp`, proc(5)). `None`: the
/// connection has ended.
fn unsent(daemon: u16, client: u16) -> Option<u64> {
    // ESTABLISHED, and CLOSE_WAIT, where the client has sent the end.
    const OPEN: [&str; 2] = ["01", "08"];
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the connections of this host");
    let (daemon, client) = (format!(":{daemon:04X}"), format!(":{client:04X}"));
    for line in table.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, queues, ..] = fields[..] else { continue };
        if local.ends_with(&daemon) && remote.ends_with(&client) && OPEN.contains(&state) {
            return u64::from_str_radix(queues.split(':').next()?, 16).ok();
        }
    }
    None
}

/// The parts of a response that these tests check.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// Parses complete responses, the last of which may be to HEAD. Fails if a response lacks a header that all have.
#[track_caller]
pub fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            panic!("incomplete head: {}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]));
        };
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
        bytes = &bytes[end + 4..];
        let status_line = head.strip_prefix("HTTP/1.1 ").expect("a status line");
        let status = status_line[..3].parse().expect("a status");
        assert_eq!(field(&head, "X-Content-Type-Options: "), Some("nosniff"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("access-control-"), "{head}");
        let length: usize = field(&head, "Content-Length: ").expect("a length").parse().expect("a length");
        let length = if status == 304 || bytes.is_empty() { 0 } else { length };
        assert!(bytes.len() >= length, "{} of {length} bytes: {head}", bytes.len());
        found.push(Answer { status, head, body: bytes[..length].to_vec() });
        bytes = &bytes[length..];
    }
    found
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name))
}

/// The status codes of the responses.
#[track_caller]
pub fn statuses(bytes: &[u8]) -> Vec<u16> {
    answers(bytes).iter().map(|answer| answer.status).collect()
}

/// Sends GET requests on a kept connection and on new ones until `over`, at least twice, and returns their times. Fails
/// if a response is not 200 or takes as long as `BOUND`.
#[track_caller]
fn behave(port: u16, what: &str, over: &AtomicBool) -> Vec<Duration> {
    let (mut times, mut kept) = (Vec::new(), Client::connect(port).expect("a connection"));
    while times.is_empty() || !over.load(Ordering::Acquire) {
        times.push(timed_get(&mut kept, "/api/overview", what));
        times.push(timed_get(&mut Client::connect(port).expect("a connection"), "/healthz", what));
        std::thread::sleep(Duration::from_millis(5));
    }
    times
}

#[track_caller]
fn timed_get(client: &mut Client, path: &str, what: &str) -> Duration {
    let since = Instant::now();
    let status = client.request("GET", path, &[]).map(|response| response.status);
    let took = since.elapsed();
    assert_eq!(status, Some(200), "{what}: {path} for a well-behaved client");
    assert!(took < BOUND, "{what}: {path} took {took:?}");
    took
}

/// Runs `attack` while two well-behaved clients send requests (`behave`), and prints their times.
#[track_caller]
pub fn beside(daemon: &Daemon, what: &str, attack: impl FnOnce()) {
    let (over, port) = (AtomicBool::new(false), daemon.port);
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let clients = [scope.spawn(|| behave(port, what, &over)), scope.spawn(|| behave(port, what, &over))];
        // The clients must end also when the attack fails.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
        over.store(true, Ordering::Release);
        let times = clients.into_iter().flat_map(|client| client.join().expect("a well-behaved client")).collect();
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
        times
    });
    times.sort();
    let (count, p50, p99) = (times.len(), times[times.len() / 2], times[times.len() * 99 / 100]);
    eprintln!("{what}: {count} good requests, p50 {p50:?}, p99 {p99:?}, longest {:?}", times[count - 1]);
}
