//! One connection of a client: reads heads within their deadline, has each answered in turn, and
//! waits for the next.

use super::door::Door;
use super::head::{Claims, HEAD_BYTES, Head, parse};
use super::inner::Inner;
use crate::http::reply::{Framing, Problem, Reply};
use crossbeam_channel::Sender;
use rustix::net::SendFlags;
use socket2::Socket;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From its first byte (or the connection's begin), a head is whole within this.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection may be kept without a request.
const IDLE: Duration = Duration::from_secs(60);
/// Longer than any worker takes: should an answer be lost, its connection is not.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// What is read of a body that nobody wants, so that the refusal reaches its sender.
const DRAINED_BYTES: usize = 64 * 1024;

/// A request on its way to a worker, and the way back.
pub(in crate::http) struct Exchange {
    pub(in crate::http) head: Head,
    socket: Arc<Socket>,
    done: Sender<Done>,
}

/// What is left for the connection's thread: bytes that the client did not take at once.
struct Done {
    rest: Vec<u8>,
    keep: bool,
}

impl Exchange {
    /// Sends the answer from the worker's thread, which saves a wake-up, as far as the client takes
    /// it without waiting. A client that is slow is its own thread's business, not the worker's.
    pub(in crate::http) fn answer(self, reply: &Reply, buffer: &mut Vec<u8>) {
        let Head { without_body, is_old, keep, .. } = self.head;
        reply.write(Framing { without_body, is_old, keep }, buffer);
        let mut sent = 0;
        while let Some(part) = buffer.get(sent..).filter(|part| !part.is_empty()) {
            match rustix::net::send(&*self.socket, part, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let rest = buffer.get(sent..).unwrap_or_default().to_vec();
        // The connection's thread is gone only with its client.
        let _ = self.done.send(Done { rest, keep });
    }
}

pub(super) struct Connection {
    socket: Arc<Socket>,
    buffer: Vec<u8>,
}

/// Why no further request is read.
enum End {
    /// The client has gone, or stays idle.
    Closed,
    Refused(Refusal),
}

/// A request that goes no further than here.
struct Refusal {
    problem: Problem,
    /// It is certain where the next request begins.
    keep: bool,
    without_body: bool,
}

impl Refusal {
    fn last(problem: Problem) -> Self {
        Self { problem, keep: false, without_body: false }
    }
}

impl Connection {
    pub(super) fn new(socket: Arc<Socket>) -> Self {
        Self { socket, buffer: Vec::new() }
    }

    /// Too many connections: said, and closed, without waiting for anything.
    pub(super) fn turn_away(socket: &Arc<Socket>) {
        let mut buffer = Vec::new();
        Reply::problem(&Problem::Busy).write(Framing { without_body: false, is_old: false, keep: false }, &mut buffer);
        let _ = rustix::net::send(&**socket, &buffer, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }

    pub(super) fn serve(mut self, door: &Door, inner: &Inner) {
        let mut deadline = HEAD_DEADLINE;
        loop {
            match self.next_head(door, deadline) {
                Ok(Ok(head)) => {
                    if !self.have_answered(head, inner) {
                        return;
                    }
                }
                Ok(Err(refusal)) => {
                    if !self.refuse(&refusal) {
                        return;
                    }
                }
                Err(End::Closed) => return,
                Err(End::Refused(refusal)) => {
                    self.refuse(&refusal);
                    return self.drain();
                }
            }
            deadline = IDLE;
        }
    }

    /// The next request, or the refusal of one after which the connection may go on.
    fn next_head(&mut self, door: &Door, first_byte_within: Duration) -> Result<Result<Head, Refusal>, End> {
        let mut deadline = if self.buffer.is_empty() { first_byte_within } else { HEAD_DEADLINE };
        let mut since = Instant::now();
        loop {
            if !self.buffer.is_empty() {
                let parsed = parse(&self.buffer).map_err(|problem| End::Refused(Refusal::last(problem)))?;
                if let Some(parsed) = parsed {
                    let (length, head) = (parsed.length, admitted(door, &parsed.claims, parsed.head));
                    self.buffer.drain(..length);
                    return match head {
                        Err(refusal) if !refusal.keep => Err(End::Refused(refusal)),
                        other => Ok(other),
                    };
                }
            }
            let left = deadline.saturating_sub(since.elapsed());
            let had = self.buffer.len();
            match self.read(left) {
                Ok(0) => return Err(End::Closed),
                Ok(_) if had == 0 && deadline != HEAD_DEADLINE => (deadline, since) = (HEAD_DEADLINE, Instant::now()),
                Ok(_) => {}
                Err(error) if is_timeout(&error) && (had > 0 || first_byte_within == HEAD_DEADLINE) => {
                    return Err(End::Refused(Refusal::last(Problem::TooSlow)));
                }
                Err(_) => return Err(End::Closed),
            }
        }
    }

    /// At least one byte, within `left`.
    fn read(&mut self, left: Duration) -> io::Result<usize> {
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        let mut chunk = [0u8; 4096];
        let room = HEAD_BYTES.saturating_sub(self.buffer.len()).clamp(1, chunk.len());
        let n = (&*self.socket).read(chunk.get_mut(..room).unwrap_or_default())?;
        self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default());
        Ok(n)
    }

    /// False: the connection has ended.
    fn have_answered(&mut self, head: Head, inner: &Inner) -> bool {
        let (done, answered) = crossbeam_channel::bounded(1);
        if !inner.pass(Exchange { head, socket: Arc::clone(&self.socket), done }) {
            return self.refuse(&Refusal::last(Problem::Busy));
        }
        // A worker that fails drops its end.
        let Ok(Done { rest, keep }) = answered.recv_timeout(ANSWER_PATIENCE) else { return false };
        let is_sent = rest.is_empty() || (&*self.socket).write_all(&rest).is_ok();
        is_sent && keep
    }

    fn refuse(&self, refusal: &Refusal) -> bool {
        let mut buffer = Vec::new();
        let framing = Framing { without_body: refusal.without_body, is_old: false, keep: refusal.keep };
        Reply::problem(&refusal.problem).write(framing, &mut buffer);
        (&*self.socket).write_all(&buffer).is_ok() && refusal.keep
    }

    /// Closing on a client that still sends would take the refusal from under its eyes.
    fn drain(mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        let until = Instant::now() + Duration::from_secs(1);
        let mut drained = 0;
        while drained < DRAINED_BYTES {
            self.buffer.clear();
            match self.read(until.saturating_duration_since(Instant::now())) {
                Ok(n) if n > 0 => drained += n,
                _ => return,
            }
        }
    }
}

fn admitted(door: &Door, claims: &Claims, head: Result<Head, Problem>) -> Result<Head, Refusal> {
    let without_body = head.as_ref().is_ok_and(|h| h.without_body);
    let wants_keep = head.as_ref().map_or(!claims.is_old, |h| h.keep);
    let refusal = |problem, is_certain| Refusal { problem, keep: wants_keep && is_certain, without_body };
    door.check(claims).map_err(|problem| refusal(problem, head.is_ok()))?;
    head.map_err(|problem| {
        let is_certain = matches!(problem, Problem::Method { has_body: false });
        Refusal { problem, keep: wants_keep && is_certain, without_body: false }
    })
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
