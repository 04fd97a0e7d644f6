//! One connection of a client, as a machine that never waits: it reads heads, passes on one request at a time together
//! with the right to write its response, sends what is left of responses, and says by when it wants to be looked at.

use super::completion::{After, RequestNumber, Slot};
use super::door::Door;
use super::exchange::Passed;
use super::head::{Claims, HEAD_BYTES, Head, Method, method, parse};
use super::seats::Seat;
use super::writer::{Received, RequestReader, ResponseWriter, Unsent, split};
use crate::http::letterhead::{Framing, Letterhead};
use crate::http::reply::{Problem, Reply};
use socket2::Socket;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From its first byte (or the connection's begin), a head is whole within this.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection over the limit is read from, so that it is refused in the form that its request wants.
const REFUSED_DEADLINE: Duration = Duration::from_secs(1);
/// How long a connection may be kept without a request. Also longer than any worker takes: should
/// an answer be lost, its connection is not.
const IDLE: Duration = Duration::from_secs(60);
/// A client takes something of its answer within this, and …
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// … all of it within this.
const SEND_DEADLINE: Duration = Duration::from_secs(120);
/// What is read at once.
const READ_BYTES: usize = 4096;
/// What is read of a body that nobody wants, so that the refusal reaches its sender.
const DRAINED_BYTES: usize = 64 * 1024;
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);
/// So many requests of one connection may be refused.
const REFUSALS: u32 = 32;

pub(super) struct Connection {
    pub(super) reader: RequestReader,
    pub(super) address: Option<IpAddr>,
    /// `None`: it is over the limit, and refused.
    pub(super) seat: Option<Seat>,
    /// When to look at it though nothing has happened.
    pub(super) deadline: Instant,
    phase: Phase,
    /// The request that was passed on last.
    request: RequestNumber,
    /// Where its worker returns the writer.
    slot: Arc<Slot>,
    buffer: Vec<u8>,
    /// It has had a request answered.
    is_known: bool,
    /// There may be more to read, and no event will come for it.
    has_more: bool,
    /// The client will send no more.
    is_ending: bool,
    refusals: u32,
}

enum Phase {
    Reading(ResponseWriter),
    /// A worker has the writer.
    Answering,
    Sending(Sending),
    /// The response is sent; what the client still sends is thrown away, up to so many bytes.
    Draining(usize),
    Closed,
}

struct Sending {
    writer: ResponseWriter,
    unsent: Unsent,
    until: Instant,
    then: Then,
}

/// What follows on a response.
#[derive(Clone, Copy, Debug)]
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
    Pass(Passed),
}

/// What a phase led to.
enum Next {
    /// On with this phase.
    Phase(Phase),
    /// Nothing more to do now.
    Step(Phase, Step),
}

impl Next {
    fn wait(phase: Phase) -> Self {
        Self::Step(phase, Step::Wait)
    }

    fn close() -> Self {
        Self::Step(Phase::Closed, Step::Close)
    }
}

/// A request that goes no further than here.
struct Refusal {
    problem: Problem,
    /// It is certain where the next request begins.
    keep: bool,
}

impl Refusal {
    fn last(problem: Problem) -> Self {
        Self { problem, keep: false }
    }
}

impl Connection {
    pub(super) fn new(socket: Socket, address: Option<IpAddr>, seat: Option<Seat>) -> Self {
        let (reader, writer) = split(socket);
        let patience = if seat.is_some() { HEAD_DEADLINE } else { REFUSED_DEADLINE };
        Self {
            reader,
            address,
            seat,
            deadline: Instant::now() + patience,
            phase: Phase::Reading(writer),
            request: RequestNumber::default(),
            slot: Arc::default(),
            buffer: Vec::new(),
            is_known: false,
            has_more: false,
            is_ending: false,
            refusals: 0,
        }
    }

    /// Something happened. `is_ending`: the client will send no more.
    pub(super) fn look(&mut self, door: &Door, is_ending: bool) -> Step {
        self.is_ending |= is_ending;
        // An event comes once. One that comes while a worker has the request is remembered until all has been read.
        self.has_more = true;
        self.go_on(door)
    }

    /// A worker says that it has returned the writer of that request. `None`: that has been seen already.
    pub(super) fn woken(&mut self, door: &Door, request: RequestNumber) -> Option<Step> {
        let is_current = matches!(self.phase, Phase::Answering) && self.request == request;
        is_current.then(|| self.go_on(door))
    }

    /// Its deadline has passed.
    pub(super) fn expire(&mut self, door: &Door) -> Step {
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        let Phase::Reading(writer) = phase else { return Step::Close };
        if self.is_known && self.buffer.is_empty() {
            return Step::Close;
        }
        let problem = if self.seat.is_some() { Problem::TooSlow } else { Problem::Busy };
        self.phase = self.refuse(door, writer, &Refusal::last(problem));
        self.go_on(door)
    }

    /// As far as it goes without waiting.
    fn go_on(&mut self, door: &Door) -> Step {
        loop {
            let next = match std::mem::replace(&mut self.phase, Phase::Closed) {
                Phase::Reading(writer) => self.read(door, writer),
                Phase::Answering => self.completed(),
                Phase::Sending(sending) => self.send_rest(sending),
                Phase::Draining(left) => self.drain(left),
                Phase::Closed => Next::close(),
            };
            match next {
                Next::Phase(phase) => self.phase = phase,
                Next::Step(phase, step) => {
                    self.phase = phase;
                    return step;
                }
            }
        }
    }

    /// Looks whether the worker is done.
    fn completed(&mut self) -> Next {
        let Some(completion) = self.slot.take(self.request) else { return Next::wait(Phase::Answering) };
        let then = match completion.after {
            After::NextRequest => Then::Read,
            After::Close => Then::Close,
        };
        Next::Phase(self.send(completion.writer, completion.unsent, then))
    }

    fn next_request(&mut self, writer: ResponseWriter) -> Phase {
        self.is_known = true;
        self.deadline = Instant::now() + if self.buffer.is_empty() { IDLE } else { HEAD_DEADLINE };
        Phase::Reading(writer)
    }

    fn read(&mut self, door: &Door, mut writer: ResponseWriter) -> Next {
        // What came with the last request is looked at before more is read.
        let mut is_worth_parsing = !self.buffer.is_empty();
        loop {
            if is_worth_parsing {
                match self.parse(door, writer) {
                    Ok(next) => return next,
                    Err(unused) => writer = unused,
                }
            }
            let had = self.buffer.len();
            let room = HEAD_BYTES.saturating_sub(had).clamp(1, READ_BYTES);
            match self.reader.receive(&mut self.buffer, room) {
                Received::Bytes { is_all } => self.has_more = !is_all,
                Received::WouldBlock => {
                    self.has_more = false;
                    if self.buffer.is_empty() {
                        // A connection that waits costs no buffer.
                        self.buffer = Vec::new();
                    }
                    return Next::wait(Phase::Reading(writer));
                }
                Received::End => return Next::close(),
            }
            if had == 0 && self.seat.is_some() {
                self.deadline = Instant::now() + HEAD_DEADLINE;
            }
            // A head that comes byte by byte is not parsed byte by byte.
            let has_line_end = self.buffer.get(had..).is_some_and(|new| new.contains(&b'\n'));
            is_worth_parsing = had == 0 || has_line_end || self.buffer.len() >= HEAD_BYTES;
        }
    }

    /// A request to pass on, or the refusal of one. An error gives the writer back: the head is not whole yet.
    fn parse(&mut self, door: &Door, writer: ResponseWriter) -> Result<Next, ResponseWriter> {
        if self.seat.is_none() {
            if method(&self.buffer) == Method::Incomplete {
                return Err(writer);
            }
            return Ok(Next::Phase(self.refuse(door, writer, &Refusal::last(Problem::Busy))));
        }
        let parsed = match parse(&self.buffer) {
            Ok(None) => return Err(writer),
            Ok(Some(parsed)) => parsed,
            Err(problem) => return Ok(Next::Phase(self.refuse(door, writer, &Refusal::last(problem)))),
        };
        let length = parsed.length;
        match admitted(door, &parsed.claims, parsed.head) {
            Ok(head) => {
                self.buffer.drain(..length);
                Ok(self.pass(head, writer))
            }
            Err(refusal) => {
                let phase = self.refuse(door, writer, &refusal);
                self.buffer.drain(..length);
                Ok(Next::Phase(phase))
            }
        }
    }

    fn pass(&mut self, head: Head, writer: ResponseWriter) -> Next {
        let is_awaited = self.has_more || self.is_ending || !self.buffer.is_empty();
        self.request = self.request.next();
        self.slot.lend(self.request, is_awaited);
        self.deadline = Instant::now() + IDLE;
        let (slot, seat) = (Arc::clone(&self.slot), self.seat.clone());
        Next::Step(Phase::Answering, Step::Pass(Passed { head, request: self.request, writer, slot, seat }))
    }

    /// Answers the request at the beginning of the buffer, as far as it has come.
    fn refuse(&mut self, door: &Door, writer: ResponseWriter, refusal: &Refusal) -> Phase {
        self.refusals += 1;
        let keep = refusal.keep && self.refusals < REFUSALS;
        // A response to HEAD has no body (RFC 9110, 9.3.2), whatever is wrong with the rest of the request. A request whose
        // method has not come may be one.
        let method = method(&self.buffer);
        let framing = Framing { without_body: method == Method::Head, is_old: false, keep };
        let reply = Reply::problem(&refusal.problem);
        let reply = if method == Method::Incomplete { reply.without_text() } else { reply };
        door.refused(reply.status);
        let answer = reply.pieces(framing, &mut Letterhead::default()).concat();
        self.send(writer, Unsent::own(answer), if keep { Then::Read } else { Then::Drain })
    }

    fn send(&mut self, writer: ResponseWriter, unsent: Unsent, then: Then) -> Phase {
        let now = Instant::now();
        self.deadline = now + SEND_PATIENCE;
        Phase::Sending(Sending { writer, unsent, until: now + SEND_DEADLINE, then })
    }

    fn send_rest(&mut self, mut sending: Sending) -> Next {
        let Ok(has_taken) = sending.unsent.send(&mut sending.writer) else { return Next::close() };
        if !sending.unsent.is_empty() {
            if has_taken {
                self.deadline = (Instant::now() + SEND_PATIENCE).min(sending.until);
            }
            return Next::wait(Phase::Sending(sending));
        }
        match sending.then {
            Then::Close => Next::close(),
            Then::Read => Next::Phase(self.next_request(sending.writer)),
            Then::Drain => {
                // Closing while the client still sends would reset the connection before it has read the refusal.
                sending.writer.finish();
                self.deadline = Instant::now() + DRAIN_DEADLINE;
                Next::Phase(Phase::Draining(DRAINED_BYTES))
            }
        }
    }

    fn drain(&mut self, mut left: usize) -> Next {
        loop {
            self.buffer.clear();
            match self.reader.receive(&mut self.buffer, READ_BYTES) {
                Received::Bytes { .. } if self.buffer.len() < left => left -= self.buffer.len(),
                Received::WouldBlock => return Next::wait(Phase::Draining(left)),
                Received::Bytes { .. } | Received::End => return Next::close(),
            }
        }
    }
}

#[cfg(test)]
impl Connection {
    /// All that decides what it does next, apart from time.
    pub(super) fn state(&self) -> String {
        let phase = match &self.phase {
            Phase::Reading(_) => "reading".to_owned(),
            Phase::Answering => "answering".to_owned(),
            Phase::Sending(sending) => format!("sending {:?}, then {:?}", sending.unsent, sending.then),
            Phase::Draining(left) => format!("draining {left}"),
            Phase::Closed => "closed".to_owned(),
        };
        let flags = (self.is_known, self.has_more, self.is_ending, self.refusals);
        let unread = rustix::io::ioctl_fionread(&self.reader).unwrap_or(0);
        format!("{phase} {:?} {:?} {flags:?} {unread} {:?}", self.request, self.slot, self.buffer)
    }
}

fn admitted(door: &Door, claims: &Claims, head: Result<Head, Problem>) -> Result<Head, Refusal> {
    let wants_keep = head.as_ref().map_or(!claims.is_old, |h| h.keep);
    let refusal = |problem, is_certain| Refusal { problem, keep: wants_keep && is_certain };
    let is_open = head.as_ref().is_ok_and(|h| h.target.is_open());
    door.check(claims, is_open).map_err(|problem| refusal(problem, head.is_ok()))?;
    head.map_err(|problem| {
        let is_certain = matches!(problem, Problem::Method { has_body: false });
        Refusal { problem, keep: wants_keep && is_certain }
    })
}
