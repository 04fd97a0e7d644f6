//! One connection of a client, as a machine that never waits: it reads heads, gives away one
//! request at a time, sends what is left of answers, and says by when it wants to be looked at.

use super::door::Door;
use super::exchange::{Rest, Turn};
use super::head::{Claims, HEAD_BYTES, Head, parse};
use super::seats::Seat;
use crate::http::letterhead::{Framing, Letterhead};
use crate::http::reply::{Problem, Reply};
use rustix::net::RecvFlags;
use socket2::Socket;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From its first byte (or the connection's begin), a head is whole within this.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection may be kept without a request. Also longer than any worker takes: should
/// an answer be lost, its connection is not.
const IDLE: Duration = Duration::from_secs(60);
/// A client takes something of its answer within this, and …
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// … all of it within this.
const SEND_DEADLINE: Duration = Duration::from_secs(120);
/// What is read of a body that nobody wants, so that the refusal reaches its sender.
const DRAINED_BYTES: usize = 64 * 1024;
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);
/// So many requests of one connection may be refused.
const REFUSALS: u32 = 32;

pub(super) struct Connection {
    pub(super) socket: Arc<Socket>,
    pub(super) address: Option<IpAddr>,
    /// `None`: it is being turned away.
    pub(super) seat: Option<Seat>,
    /// When to look at it though nothing has happened.
    pub(super) deadline: Instant,
    phase: Phase,
    buffer: Vec<u8>,
    /// It has had a request answered.
    is_known: bool,
    /// There may be more to read, of which nobody will tell.
    has_more: bool,
    /// The client will say no more.
    is_ending: bool,
    refusals: u32,
}

enum Phase {
    Reading,
    Answering(Arc<Turn>),
    Sending { rest: Rest, until: Instant, then: Then },
    Draining { left: usize },
}

/// What follows on an answer.
#[derive(Clone, Copy)]
enum Then {
    Read,
    Drain,
    Close,
}

/// What a connection wants of the gate.
pub(super) enum Step {
    /// To be left alone until something happens.
    Wait,
    /// To be closed.
    Close,
    /// A worker for this request.
    Pass(Head, Arc<Turn>),
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
    pub(super) fn new(socket: Socket, address: Option<IpAddr>, seat: Option<Seat>) -> Self {
        Self {
            socket: Arc::new(socket),
            address,
            seat,
            deadline: Instant::now() + HEAD_DEADLINE,
            phase: Phase::Reading,
            buffer: Vec::new(),
            is_known: false,
            has_more: false,
            is_ending: false,
            refusals: 0,
        }
    }

    /// Something happened. `is_ending`: the client will say no more.
    pub(super) fn look(&mut self, door: &Door, is_ending: bool) -> Step {
        self.is_ending |= is_ending;
        self.go_on(door)
    }

    /// The worker has done its part.
    pub(super) fn answered(&mut self, door: &Door, rest: Rest, keep: bool) -> Step {
        if !matches!(self.phase, Phase::Answering(_)) {
            return Step::Wait;
        }
        self.send(rest, if keep { Then::Read } else { Then::Close });
        self.go_on(door)
    }

    /// Its deadline has passed.
    pub(super) fn expire(&mut self, door: &Door) -> Step {
        if !matches!(self.phase, Phase::Reading) || self.is_known && self.buffer.is_empty() {
            return Step::Close;
        }
        self.refuse(door, &Refusal::last(Problem::TooSlow));
        self.go_on(door)
    }

    /// Too many connections, or nobody to answer: said, and closed.
    pub(super) fn turn_away(&mut self, door: &Door) -> Step {
        self.refuse(door, &Refusal::last(Problem::Busy));
        self.go_on(door)
    }

    /// As far as it goes without waiting.
    fn go_on(&mut self, door: &Door) -> Step {
        loop {
            let step = match &self.phase {
                Phase::Reading => self.read(door),
                Phase::Answering(turn) if !turn.is_done() => Some(Step::Wait),
                Phase::Answering(_) => self.next_request(),
                Phase::Sending { .. } => self.send_rest(),
                Phase::Draining { .. } => self.drain(),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn next_request(&mut self) -> Option<Step> {
        self.phase = Phase::Reading;
        self.is_known = true;
        self.deadline = Instant::now() + if self.buffer.is_empty() { IDLE } else { HEAD_DEADLINE };
        None
    }

    fn read(&mut self, door: &Door) -> Option<Step> {
        // What came with the last request is looked at before more is read.
        let mut is_worth_parsing = !self.buffer.is_empty();
        loop {
            if is_worth_parsing && let ControlFlow::Break(step) = self.parse(door) {
                return step;
            }
            let had = self.buffer.len();
            let mut chunk = [0u8; 4096];
            let room = HEAD_BYTES.saturating_sub(had).clamp(1, chunk.len());
            let room = chunk.get_mut(..room).unwrap_or_default();
            let n = match rustix::net::recv(&*self.socket, &mut *room, RecvFlags::DONTWAIT) {
                Ok((_, n)) if n > 0 => n,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return Some(Step::Wait),
                Ok(_) | Err(_) => return Some(Step::Close),
            };
            let new = room.get(..n).unwrap_or_default();
            self.buffer.extend_from_slice(new);
            self.has_more = n == room.len();
            if had == 0 {
                self.deadline = Instant::now() + HEAD_DEADLINE;
            }
            // A head that comes byte by byte is not parsed byte by byte.
            is_worth_parsing = had == 0 || new.contains(&b'\n') || self.buffer.len() >= HEAD_BYTES;
        }
    }

    /// `Continue`: the head is not whole yet. Otherwise a request to pass on, or nothing of one that
    /// was refused.
    fn parse(&mut self, door: &Door) -> ControlFlow<Option<Step>> {
        let refusal = match parse(&self.buffer) {
            Ok(None) => return ControlFlow::Continue(()),
            Err(problem) => Refusal::last(problem),
            Ok(Some(parsed)) => {
                let (length, head) = (parsed.length, admitted(door, &parsed.claims, parsed.head));
                self.buffer.drain(..length);
                match head {
                    Ok(head) => return ControlFlow::Break(Some(self.pass(head))),
                    Err(refusal) => refusal,
                }
            }
        };
        self.refuse(door, &refusal);
        ControlFlow::Break(None)
    }

    fn pass(&mut self, head: Head) -> Step {
        let is_awaited = self.has_more || self.is_ending || !self.buffer.is_empty();
        let turn = Arc::new(Turn::new(is_awaited));
        self.phase = Phase::Answering(Arc::clone(&turn));
        self.deadline = Instant::now() + IDLE;
        Step::Pass(head, turn)
    }

    fn refuse(&mut self, door: &Door, refusal: &Refusal) {
        self.refusals += 1;
        let keep = refusal.keep && self.refusals < REFUSALS;
        let framing = Framing { without_body: refusal.without_body, is_old: false, keep };
        let reply = Reply::problem(&refusal.problem);
        door.refused(reply.status);
        let answer = reply.pieces(framing, &mut Letterhead::default()).concat();
        self.send(Rest::own(answer), if keep { Then::Read } else { Then::Drain });
    }

    fn send(&mut self, rest: Rest, then: Then) {
        let now = Instant::now();
        self.phase = Phase::Sending { rest, until: now + SEND_DEADLINE, then };
        self.deadline = now + SEND_PATIENCE;
    }

    fn send_rest(&mut self) -> Option<Step> {
        let Phase::Sending { rest, until, then } = &mut self.phase else { return None };
        let Some(has_taken) = rest.send(&self.socket) else { return Some(Step::Close) };
        if !rest.is_empty() {
            if has_taken {
                self.deadline = (Instant::now() + SEND_PATIENCE).min(*until);
            }
            return Some(Step::Wait);
        }
        match *then {
            Then::Close => Some(Step::Close),
            Then::Read => self.next_request(),
            Then::Drain => {
                // Closing on a client that still sends would take the refusal from under its eyes.
                let _ = self.socket.shutdown(std::net::Shutdown::Write);
                self.phase = Phase::Draining { left: DRAINED_BYTES };
                self.deadline = Instant::now() + DRAIN_DEADLINE;
                None
            }
        }
    }

    fn drain(&mut self) -> Option<Step> {
        let Phase::Draining { left } = &mut self.phase else { return None };
        let mut chunk = [0u8; 4096];
        loop {
            match rustix::net::recv(&*self.socket, &mut chunk[..], RecvFlags::DONTWAIT) {
                Ok((_, n)) if n > 0 && n < *left => *left -= n,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Some(Step::Wait),
                Ok(_) | Err(_) => return Some(Step::Close),
            }
        }
    }
}

fn admitted(door: &Door, claims: &Claims, head: Result<Head, Problem>) -> Result<Head, Refusal> {
    let without_body = head.as_ref().is_ok_and(|h| h.without_body);
    let wants_keep = head.as_ref().map_or(!claims.is_old, |h| h.keep);
    let refusal = |problem, is_certain| Refusal { problem, keep: wants_keep && is_certain, without_body };
    let is_open = head.as_ref().is_ok_and(|h| h.target.is_open());
    door.check(claims, is_open).map_err(|problem| refusal(problem, head.is_ok()))?;
    head.map_err(|problem| {
        let is_certain = matches!(problem, Problem::Method { has_body: false });
        Refusal { problem, keep: wants_keep && is_certain, without_body: false }
    })
}
