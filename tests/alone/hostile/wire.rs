//! Connections of clients that do not behave, and of those that do beside them.

use crate::support::daemon::Daemon;
use crate::support::eventually;
use crate::support::http::Client;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any answer takes: it tells one that hangs from one that is slow.
pub const HANGS: Duration = Duration::from_secs(30);
/// What a client that behaves waits for at most, whoever else is there.
pub const BOUND: Duration = Duration::from_secs(5);

/// One attack at a time: what is measured beside one is not the cost of another.
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

/// Everything that comes back for bytes after which nothing more is sent. The daemon may have
/// heard enough before their end.
#[track_caller]
pub fn sent(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    rest(&mut stream)
}

#[track_caller]
pub fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).map_err(|e| e.kind());
    assert_ne!(end, Err(io::ErrorKind::WouldBlock), "neither an answer nor the end");
    answer
}

/// Waits until an answer to each of these clients, which read nothing, has begun to arrive, or the client is refused.
#[track_caller]
pub fn wait_begun(clients: &[TcpStream]) {
    for client in clients {
        client.set_read_timeout(Some(HANGS)).expect("a limit");
        let begun = client.peek(&mut [0]).map_err(|e| e.kind());
        assert_ne!(begun, Err(io::ErrorKind::WouldBlock), "neither an answer nor the end");
    }
}

/// Waits until the kernel takes no more of the daemon's answers to these clients, which read nothing. One that the daemon
/// has ended by then, because it has taken nothing for long, is blocked no more.
#[track_caller]
pub fn wait_blocked(daemon: u16, clients: &[TcpStream]) {
    let ports: Vec<u16> = clients.iter().map(|client| client.local_addr().expect("its address").port()).collect();
    let mut last = Vec::new();
    eventually("no more is taken for any client", || {
        std::thread::sleep(Duration::from_millis(200));
        let now: Vec<Option<u64>> = ports.iter().map(|port| unsent(daemon, *port)).collect();
        let is_blocked = now.iter().all(|bytes| *bytes != Some(0)) && now == last;
        last = now;
        is_blocked.then_some(())
    });
}

/// Bytes in the send queue of the daemon's connection to that client (`tx_queue` in proc(5), `/proc/net/tcp`); `None`: it
/// has ended.
fn unsent(daemon: u16, client: u16) -> Option<u64> {
    // ESTABLISHED, and CLOSE_WAIT: the client sends no more, and still reads.
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

/// An answer of which only this much is looked at.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// One answer after the other, whole in their framing. The last one may be to HEAD. None of them
/// lacks what every answer has.
#[track_caller]
pub fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("half a head: {}", shown()));
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
        bytes = &bytes[end + 4..];
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|h| h[..3].parse().ok()).expect("a status line");
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        assert_eq!(field("X-Content-Type-Options: "), Some("nosniff"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("access-control-"), "{head}");
        let length: usize = field("Content-Length: ").and_then(|n| n.parse().ok()).expect("a length");
        let length = if status == 304 || bytes.is_empty() { 0 } else { length };
        assert!(bytes.len() >= length, "cut off: {} of {length} bytes: {head}", bytes.len());
        found.push(Answer { status, head, body: bytes[..length].to_vec() });
        bytes = &bytes[length..];
    }
    found
}

/// Runs `attack` while clients that behave ask all the time, on connections that they keep and on
/// new ones. Each must be answered 200 within `BOUND`. Returns how long they waited, sorted.
#[track_caller]
pub fn beside(daemon: &Daemon, what: &str, attack: impl FnOnce()) -> Vec<Duration> {
    let (over, port) = (AtomicBool::new(false), daemon.port);
    let ask = |client: &mut Client, path: &str| {
        let since = Instant::now();
        let answer = client.request("GET", path, &[]).map(|r| r.status);
        let took = since.elapsed();
        assert_eq!(answer, Some(200), "{what}: {path} for a client that behaves");
        assert!(took < BOUND, "{what}: {path} took {took:?}");
        took
    };
    let good = || {
        let (mut times, mut kept) = (Vec::new(), Client::connect(port).expect("a connection"));
        while times.is_empty() || !over.load(Ordering::Acquire) {
            times.push(ask(&mut kept, "/api/overview"));
            times.push(ask(&mut Client::connect(port).expect("a connection"), "/healthz"));
            std::thread::sleep(Duration::from_millis(5));
        }
        times
    };
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let clients = [scope.spawn(good), scope.spawn(good)];
        // They are told of the end also when the attack fails.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
        over.store(true, Ordering::Release);
        let times = clients.into_iter().flat_map(|client| client.join().expect("a client that behaves")).collect();
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
        times
    });
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    eprintln!(
        "{what}: {} good requests beside it, p50 {p50:?}, p99 {p99:?}, longest {:?}",
        times.len(),
        times[times.len() - 1]
    );
    times
}
