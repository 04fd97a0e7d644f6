//! One connection of a client, as a state machine that never blocks. It reads request heads, dispatches one request at
//! a time together with the response writer, sends the unsent bytes of responses, and sets its deadline.

use super::access::AccessPolicy;
use super::completion::{AfterResponse, CompletionSlot, RequestNumber};
use super::connection_limit::ConnectionPermit;
use super::pending_request::AdmittedRequest;
use super::request_head::{Credentials, MAX_HEAD_BYTES, Method, RequestHead, method, parse};
use super::socket_halves::{ReadOutcome, RequestReader, ResponseWriter, UnsentBytes, split};
use crate::http::problem::Problem;
use crate::http::request_metrics::RequestMetrics;
use crate::http::response::Response;
use crate::http::response_head::{Framing, ResponseHeadCache};
use socket2::Socket;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A head must be complete within this time from its first byte, or from the start of the connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a connection over the limit to send its method, on which the form of the rejection depends.
const OVER_LIMIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum idle time of a connection. No worker takes as long, so a lost response does not leak its connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The client must receive some bytes of its response within this time, …
const SEND_PROGRESS_TIMEOUT: Duration = Duration::from_secs(10);
/// … and all of it within this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);
/// The size of one read, in bytes.
const READ_BYTES: usize = 4096;
/// Maximum number of bytes of an unexpected body that are read, so that the rejection reaches the client.
const MAX_DRAINED_BYTES: usize = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection is closed after this many rejections.
const MAX_REJECTIONS: u32 = 32;

/// State that all connections share.
pub(super) struct ConnectionContext {
    pub(super) access: AccessPolicy,
    pub(super) request_metrics: Arc<RequestMetrics>,
}

pub(super) struct Connection {
    pub(super) reader: RequestReader,
    /// `None` on a Unix socket.
    pub(super) network: Option<IpAddr>,
    /// `None` if the connection is over the limit; its request is rejected then.
    pub(super) permit: Option<ConnectionPermit>,
    /// When `on_deadline` is due.
    pub(super) deadline: Instant,
    phase: Phase,
    /// The request that was dispatched last.
    number: RequestNumber,
    /// The slot in which its worker returns the writer.
    slot: Arc<CompletionSlot>,
    buffer: Vec<u8>,
    /// Whether a response has been sent.
    has_served: bool,
    /// Whether there may be bytes to read for which no further event arrives.
    may_have_more: bool,
    /// Whether the client has closed its sending direction.
    is_half_closed: bool,
    rejections: u32,
}

enum Phase {
    Reading(ResponseWriter),
    /// A worker has the writer.
    InProgress,
    Sending(Sending),
    /// The response has been sent; up to this number of further bytes from the client are discarded.
    Draining(usize),
    Closed,
}

struct Sending {
    writer: ResponseWriter,
    unsent: UnsentBytes,
    until: Instant,
    then: Then,
}

/// What follows a response.
#[derive(Clone, Copy, Debug)]
enum Then {
    Read,
    Drain,
    Close,
}

/// What the event loop must do for a connection.
pub(super) enum NextStep {
    /// Nothing before the next event or deadline.
    Wait,
    /// Close it.
    Close,
    /// Pass this request to a worker.
    Dispatch(AdmittedRequest),
}

/// The result of a phase.
enum PhaseChange {
    /// Continue with this phase.
    Continue(Phase),
    /// Stop in this phase, with this step.
    Stop(Phase, NextStep),
}

impl PhaseChange {
    fn wait(phase: Phase) -> Self {
        Self::Stop(phase, NextStep::Wait)
    }

    fn close() -> Self {
        Self::Stop(Phase::Closed, NextStep::Close)
    }
}

/// A request that is not dispatched.
struct Rejection {
    problem: Problem,
    /// The connection may be kept: it is certain where the next request begins.
    keep_alive: bool,
}

impl Rejection {
    fn closing(problem: Problem) -> Self {
        Self { problem, keep_alive: false }
    }
}

impl Connection {
    pub(super) fn new(socket: Socket, network: Option<IpAddr>, permit: Option<ConnectionPermit>) -> Self {
        let (reader, writer) = split(socket);
        let timeout = if permit.is_some() { HEAD_TIMEOUT } else { OVER_LIMIT_TIMEOUT };
        Self {
            reader,
            network,
            permit,
            deadline: Instant::now() + timeout,
            phase: Phase::Reading(writer),
            number: RequestNumber::default(),
            slot: Arc::default(),
            buffer: Vec::new(),
            has_served: false,
            may_have_more: false,
            is_half_closed: false,
            rejections: 0,
        }
    }

    /// The socket is readable or writable. `is_half_closed` is true if the client has closed its sending direction.
    pub(super) fn on_event(&mut self, context: &ConnectionContext, is_half_closed: bool) -> NextStep {
        self.is_half_closed |= is_half_closed;
        // Events are edge-triggered. An event during a request in progress is remembered until everything has been
        // read.
        self.may_have_more = true;
        self.advance(context)
    }

    /// A worker has returned the writer of that request. `None` if the connection has taken it already.
    pub(super) fn on_wake_up(&mut self, context: &ConnectionContext, number: RequestNumber) -> Option<NextStep> {
        let is_current = matches!(self.phase, Phase::InProgress) && self.number == number;
        if is_current { Some(self.advance(context)) } else { None }
    }

    /// The deadline has passed.
    pub(super) fn on_deadline(&mut self, context: &ConnectionContext) -> NextStep {
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        let Phase::Reading(writer) = phase else { return NextStep::Close };
        if self.has_served && self.buffer.is_empty() {
            return NextStep::Close;
        }
        let problem = if self.permit.is_some() { Problem::TooSlow } else { Problem::Busy };
        self.phase = self.reject(context, writer, &Rejection::closing(problem));
        self.advance(context)
    }

    /// Runs phases until one must wait.
    fn advance(&mut self, context: &ConnectionContext) -> NextStep {
        loop {
            let next = match std::mem::replace(&mut self.phase, Phase::Closed) {
                Phase::Reading(writer) => self.read(context, writer),
                Phase::InProgress => self.take_completion(),
                Phase::Sending(sending) => self.send_unsent(sending),
                Phase::Draining(left) => self.drain(left),
                Phase::Closed => PhaseChange::close(),
            };
            match next {
                PhaseChange::Continue(phase) => self.phase = phase,
                PhaseChange::Stop(phase, step) => {
                    self.phase = phase;
                    return step;
                }
            }
        }
    }

    /// Takes the completion, if the worker has finished.
    fn take_completion(&mut self) -> PhaseChange {
        let Some(completion) = self.slot.take(self.number) else { return PhaseChange::wait(Phase::InProgress) };
        let then = match completion.after {
            AfterResponse::NextRequest => Then::Read,
            AfterResponse::Close => Then::Close,
        };
        PhaseChange::Continue(self.send(completion.writer, completion.unsent, then))
    }

    fn next_request(&mut self, writer: ResponseWriter) -> Phase {
        self.has_served = true;
        self.deadline = Instant::now() + if self.buffer.is_empty() { IDLE_TIMEOUT } else { HEAD_TIMEOUT };
        Phase::Reading(writer)
    }

    fn read(&mut self, context: &ConnectionContext, mut writer: ResponseWriter) -> PhaseChange {
        // The rest of the buffer is parsed before more is read.
        let mut may_be_complete = !self.buffer.is_empty();
        loop {
            if may_be_complete {
                match self.parse(context, writer) {
                    Ok(next) => return next,
                    Err(unused) => writer = unused,
                }
            }
            let had = self.buffer.len();
            let limit = MAX_HEAD_BYTES.saturating_sub(had).clamp(1, READ_BYTES);
            match self.reader.receive(&mut self.buffer, limit) {
                ReadOutcome::Bytes { is_drained } => self.may_have_more = !is_drained,
                ReadOutcome::WouldBlock => {
                    self.may_have_more = false;
                    if self.buffer.is_empty() {
                        // An idle connection has no buffer.
                        self.buffer = Vec::new();
                    }
                    return PhaseChange::wait(Phase::Reading(writer));
                }
                ReadOutcome::End => return PhaseChange::close(),
            }
            if had == 0 && self.permit.is_some() {
                self.deadline = Instant::now() + HEAD_TIMEOUT;
            }
            // A head that arrives byte by byte is not parsed byte by byte.
            let has_line_end = self.buffer.get(had..).unwrap_or_default().contains(&b'\n');
            may_be_complete = had == 0 || has_line_end || self.buffer.len() >= MAX_HEAD_BYTES;
        }
    }

    /// Dispatches or rejects a request. An error returns the writer: the head is incomplete.
    fn parse(&mut self, context: &ConnectionContext, writer: ResponseWriter) -> Result<PhaseChange, ResponseWriter> {
        if self.permit.is_none() {
            if method(&self.buffer) == Method::Incomplete {
                return Err(writer);
            }
            return Ok(PhaseChange::Continue(self.reject(context, writer, &Rejection::closing(Problem::Busy))));
        }
        let parsed = match parse(&self.buffer) {
            Ok(None) => return Err(writer),
            Ok(Some(parsed)) => parsed,
            Err(problem) => {
                return Ok(PhaseChange::Continue(self.reject(context, writer, &Rejection::closing(problem))));
            }
        };
        let length = parsed.length;
        match admit(&context.access, &parsed.credentials, parsed.head) {
            Ok(head) => {
                self.buffer.drain(..length);
                Ok(self.dispatch(head, writer))
            }
            Err(rejection) => {
                let phase = self.reject(context, writer, &rejection);
                self.buffer.drain(..length);
                Ok(PhaseChange::Continue(phase))
            }
        }
    }

    fn dispatch(&mut self, head: RequestHead, writer: ResponseWriter) -> PhaseChange {
        let wake_up = self.may_have_more || self.is_half_closed || !self.buffer.is_empty();
        self.number = self.number.next();
        self.slot.begin(self.number, wake_up);
        self.deadline = Instant::now() + IDLE_TIMEOUT;
        let (slot, permit) = (Arc::clone(&self.slot), self.permit.clone());
        PhaseChange::Stop(
            Phase::InProgress,
            NextStep::Dispatch(AdmittedRequest { head, number: self.number, writer, slot, permit }),
        )
    }

    /// Rejects the request at the beginning of the buffer, which may be incomplete.
    fn reject(&mut self, context: &ConnectionContext, writer: ResponseWriter, rejection: &Rejection) -> Phase {
        self.rejections += 1;
        let keep_alive = rejection.keep_alive && self.rejections < MAX_REJECTIONS;
        // A response to HEAD has no body (RFC 9110, 9.3.2), even if the rest of the request is invalid. An incomplete
        // method may be HEAD.
        let method = method(&self.buffer);
        let framing = Framing { omit_body: method == Method::Head, is_http_10: false, keep_alive };
        let response = Response::problem(&rejection.problem);
        let response = if method == Method::Incomplete { response.without_body() } else { response };
        context.request_metrics.record_rejection(response.status);
        let bytes = ResponseHeadCache::default().io_slices(&response, framing).concat();
        self.send(writer, UnsentBytes::own(bytes), if keep_alive { Then::Read } else { Then::Drain })
    }

    fn send(&mut self, writer: ResponseWriter, unsent: UnsentBytes, then: Then) -> Phase {
        let now = Instant::now();
        self.deadline = now + SEND_PROGRESS_TIMEOUT;
        Phase::Sending(Sending { writer, unsent, until: now + SEND_TIMEOUT, then })
    }

    fn send_unsent(&mut self, mut sending: Sending) -> PhaseChange {
        let Ok(has_progress) = sending.unsent.send(&mut sending.writer) else { return PhaseChange::close() };
        if !sending.unsent.is_empty() {
            if has_progress {
                self.deadline = (Instant::now() + SEND_PROGRESS_TIMEOUT).min(sending.until);
            }
            return PhaseChange::wait(Phase::Sending(sending));
        }
        match sending.then {
            Then::Close => PhaseChange::close(),
            Then::Read => PhaseChange::Continue(self.next_request(sending.writer)),
            Then::Drain => {
                // Closing while the client still sends would reset the connection before it has read the response.
                sending.writer.shut_down();
                self.deadline = Instant::now() + DRAIN_TIMEOUT;
                PhaseChange::Continue(Phase::Draining(MAX_DRAINED_BYTES))
            }
        }
    }

    fn drain(&mut self, mut left: usize) -> PhaseChange {
        loop {
            self.buffer.clear();
            match self.reader.receive(&mut self.buffer, READ_BYTES) {
                ReadOutcome::Bytes { .. } if self.buffer.len() < left => left -= self.buffer.len(),
                ReadOutcome::WouldBlock => return PhaseChange::wait(Phase::Draining(left)),
                ReadOutcome::Bytes { .. } | ReadOutcome::End => return PhaseChange::close(),
            }
        }
    }
}

fn admit(
    access: &AccessPolicy,
    credentials: &Credentials,
    head: Result<RequestHead, Problem>,
) -> Result<RequestHead, Rejection> {
    match head {
        Ok(head) => match access.check(credentials, head.target.is_public()) {
            Ok(()) => Ok(head),
            Err(problem) => Err(Rejection { problem, keep_alive: head.keep_alive }),
        },
        Err(problem) => {
            access.check(credentials, false).map_err(Rejection::closing)?;
            let is_end_known = matches!(problem, Problem::Method { has_body: false });
            Err(Rejection { problem, keep_alive: is_end_known && !credentials.is_http_10 })
        }
    }
}

#[cfg(test)]
impl Connection {
    /// Everything that determines the next transition, except for time.
    pub(super) fn state(&self) -> String {
        let phase = match &self.phase {
            Phase::Reading(_) => "reading".to_owned(),
            Phase::InProgress => "in progress".to_owned(),
            Phase::Sending(sending) => format!("sending {:?}, then {:?}", sending.unsent, sending.then),
            Phase::Draining(left) => format!("draining {left}"),
            Phase::Closed => "closed".to_owned(),
        };
        let flags = (self.has_served, self.may_have_more, self.is_half_closed, self.rejections);
        let unread = rustix::io::ioctl_fionread(&self.reader).unwrap_or(0);
        format!("{phase} {:?} {:?} {flags:?} {unread} {:?}", self.number, self.slot, self.buffer)
    }
}
