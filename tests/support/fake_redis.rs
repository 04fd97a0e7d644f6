//! Peers that misbehave in the place of Redis: they do not accept, do not respond, or send invalid or hostile replies.

use super::{eventually, wait_until};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

fn listener(port: u16, backlog: i32) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("the port is free", || socket.bind(&address.into()).ok());
    socket.listen(backlog).expect("it listens");
    socket
}

/// A listener with a full queue: clients wait for a connection until their timeout.
pub struct BlackHole {
    _listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl BlackHole {
    pub fn at(port: u16) -> Self {
        let listener = listener(port, 0);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut waiting = Vec::new();
        wait_until("the queue is full", || {
            let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) else { return true };
            waiting.push(stream);
            false
        });
        Self { _listener: listener, _waiting: waiting }
    }
}

/// A server that runs `talk` for each connection, on a thread per connection.
pub struct FakeRedis {
    pub port: u16,
    stop: Arc<AtomicBool>,
    pub connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl FakeRedis {
    /// With `port` 0 the kernel chooses one.
    pub fn at(port: u16, talk: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = listener(port, 64);
        let address = listener.local_addr().expect("the address").as_socket().expect("an IP address");
        listener.set_nonblocking(true).expect("a nonblocking listener");
        let (stop, talk) = (Arc::new(AtomicBool::new(false)), Arc::new(talk));
        let connections = Arc::new(AtomicUsize::new(0));
        let (is_stopped, count) = (Arc::clone(&stop), Arc::clone(&connections));
        let run = move || {
            while !is_stopped.load(Ordering::Acquire) {
                let Ok((socket, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                count.fetch_add(1, Ordering::AcqRel);
                socket.set_nonblocking(false).expect("a blocking connection");
                // So that the threads end after the daemon has gone.
                socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a read timeout");
                socket.set_write_timeout(Some(Duration::from_secs(60))).expect("a write timeout");
                let talk = Arc::clone(&talk);
                std::thread::Builder::new().spawn(move || talk(socket.into())).expect("a thread");
            }
        };
        let thread = std::thread::Builder::new().spawn(run).expect("a thread");
        Self { port: address.port(), stop, connections, thread: Some(thread) }
    }

    /// Accepts connections and sends nothing.
    pub fn silent(port: u16) -> Self {
        Self::at(port, |mut stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    /// Replies to each command with `once` and then with `forever` without end. The exception is the trial of a
    /// connection, which reads the lease: the reply is that there is none.
    pub fn garbage(port: u16, once: &'static [u8], forever: &'static [u8]) -> Self {
        Self::at(port, move |mut stream| {
            let mut asked = vec![0; 64 * 1024];
            while let Ok(count) = stream.read(&mut asked)
                && count > 0
            {
                let is_trial = is_trial(&asked[..count]);
                let mut sent = stream.write_all(if is_trial { b"$-1\r\n" } else { once });
                while !is_trial && !forever.is_empty() && sent.is_ok() {
                    sent = stream.write_all(forever);
                }
                if sent.is_err() {
                    return;
                }
            }
        })
    }
}

fn is_trial(asked: &[u8]) -> bool {
    let text = String::from_utf8_lossy(asked);
    text.contains("$3\r\nGET\r\n") && text.contains(":lock:poll")
}

impl FakeRedis {
    /// Replies at once to the trial of a connection, and to other commands one byte every 50 ms, so that each read of
    /// the client returns before its timeout.
    pub fn trickle(port: u16) -> Self {
        Self::at(port, move |mut stream| {
            let mut asked = vec![0; 64 * 1024];
            while let Ok(count) = stream.read(&mut asked)
                && count > 0
            {
                let is_trial = is_trial(&asked[..count]);
                let mut sent = stream.write_all(if is_trial { b"$-1\r\n" } else { b"$10000\r\n" });
                while !is_trial && sent.is_ok() {
                    std::thread::sleep(Duration::from_millis(50));
                    sent = stream.write_all(b"x");
                }
            }
        })
    }
}

/// A part of a hostile reply: the bytes, how often they are sent, and the pause before them.
#[derive(Clone, Copy)]
pub struct Part {
    pub pause: Duration,
    pub bytes: &'static [u8],
    pub count: usize,
}

/// Ends the connection after a pause.
pub const fn hang_up(pause: Duration) -> Part {
    Part { pause, bytes: b"", count: 0 }
}

/// Sent at once.
pub const fn part(bytes: &'static [u8]) -> Part {
    Part { pause: Duration::ZERO, bytes, count: 1 }
}

/// Counts of the commands that a hostile server received, without trials.
#[derive(Default)]
pub struct Asked {
    /// Commands that read a value or a part of one.
    pub reads: AtomicUsize,
    /// Of these, the ones that read a last-known copy.
    pub last: AtomicUsize,
}

impl FakeRedis {
    /// Passes every trial, replies to `GETRANGE` (the version of a list) with a value that has none, and to other
    /// commands with `parts`. It keeps the connection open.
    pub fn hostile(port: u16, parts: Vec<Part>) -> (Self, Arc<Asked>) {
        let asked = Arc::new(Asked::default());
        let counts = Arc::clone(&asked);
        let fake = Self::at(port, move |mut stream| {
            let mut command = vec![0; 64 * 1024];
            while let Ok(count) = stream.read(&mut command)
                && count > 0
            {
                let text = String::from_utf8_lossy(&command[..count]).into_owned();
                let is_trial = is_trial(&command[..count]) || text.contains(":lock:trial");
                if !is_trial && text.contains("GET") {
                    counts.reads.fetch_add(1, Ordering::AcqRel);
                    counts.last.fetch_add(usize::from(text.contains(":last:")), Ordering::AcqRel);
                }
                let sent = if is_trial && text.contains("SET") {
                    stream.write_all(b"+OK\r\n")
                } else if is_trial {
                    stream.write_all(b"$-1\r\n")
                } else if text.contains("GETRANGE") {
                    stream.write_all(b"$2\r\n{}\r\n")
                } else {
                    parts.iter().try_for_each(|part| send(&mut stream, part))
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        (fake, asked)
    }
}

fn send(stream: &mut TcpStream, part: &Part) -> std::io::Result<()> {
    std::thread::sleep(part.pause);
    if part.bytes.is_empty() {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    let at_once = part.bytes.repeat(part.count.min(64 * 1024 / part.bytes.len() + 1));
    let mut left = part.bytes.len() * part.count;
    while left > 0 {
        let piece = left.min(at_once.len());
        stream.write_all(&at_once[..piece])?;
        left -= piece;
    }
    Ok(())
}

impl Drop for FakeRedis {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
