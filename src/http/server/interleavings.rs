//! Tests every order in which client, event loop and workers can act on one connection.
//!
//! The code under test is the real one: `Connection`, `CompletionSlot`, `PendingRequest` and a socket. A deterministic
//! scheduler takes the place of kernel and threads, and tries each possible next action in each state that it has not
//! seen. An edge of the socket is delivered once, as by epoll.

use super::access::AccessPolicy;
use super::completion::{Completion, RequestNumber, WakeUp, Waker, wake_up_channel};
use super::connection::{Connection, ConnectionContext, NextStep};
use super::connection_limit::ConnectionLimit;
use super::pending_request::{AdmittedRequest, PendingRequest};
use crate::http::endpoint::{Addresses, Endpoint};
use crate::http::response::Response;
use crate::http::response_head::ResponseHeadCache;
use rustix::net::RecvFlags;
use socket2::{Domain, Socket, Type};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// An act of the client. The order is fixed; the scheduler chooses the time.
#[derive(Clone, Copy, Debug)]
enum Act {
    Send(&'static str),
    /// Reads everything that has arrived.
    Read,
    HalfClose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Client,
    /// The event loop gets an event of the socket.
    Edge,
    /// The event loop takes a wake-up.
    WakeUp,
    /// The worker with the n-th request does its next step.
    Worker(usize),
}

/// A worker with a request. Writing, returning the writer, and waking the event loop are three steps.
enum Worker {
    Write(PendingRequest),
    Complete(PendingRequest, Completion),
    Wake(WakeUp),
}

struct World<'a> {
    acts: &'a [Act],
    done: usize,
    client: Socket,
    connection: Connection,
    context: ConnectionContext,
    waker: Waker,
    edge: bool,
    is_half_closed: bool,
    is_closed: bool,
    workers: Vec<Worker>,
    wake_ups: VecDeque<WakeUp>,
    late: usize,
    head_cache: ResponseHeadCache,
    received: Vec<u8>,
    /// The size of each response's body.
    size: usize,
}

fn endpoint() -> Endpoint {
    Endpoint { addresses: Addresses::Unix("/nowhere".into()), token: None, allowed_hosts: Vec::new(), workers: 1 }
}

impl<'a> World<'a> {
    fn new(acts: &'a [Act], size: usize) -> Self {
        let pair = Socket::pair(Domain::UNIX, Type::STREAM, None);
        let (client, server) = pair.unwrap_or_else(|error| unreachable!("{error}"));
        let _ = server.set_send_buffer_size(1);
        let (waker, _) = wake_up_channel().unwrap_or_else(|error| unreachable!("{error}"));
        let permit = ConnectionLimit::new(8).try_acquire(None, |_| 0);
        Self {
            acts,
            done: 0,
            client,
            connection: Connection::new(server, None, permit),
            context: ConnectionContext { access: AccessPolicy::new(&endpoint()), request_metrics: Arc::default() },
            waker,
            edge: false,
            is_half_closed: false,
            is_closed: false,
            workers: Vec::new(),
            wake_ups: VecDeque::new(),
            late: 0,
            head_cache: ResponseHeadCache::default(),
            received: Vec::new(),
            size,
        }
    }

    fn possible(&self) -> Vec<Action> {
        let mut possible = Vec::new();
        if self.done < self.acts.len() {
            possible.push(Action::Client);
        }
        if self.edge && !self.is_closed {
            possible.push(Action::Edge);
        }
        if !self.wake_ups.is_empty() {
            possible.push(Action::WakeUp);
        }
        possible.extend((0..self.workers.len()).map(Action::Worker));
        possible
    }

    fn take(&mut self, action: Action) {
        match action {
            Action::Client => self.client(),
            Action::Edge => {
                self.edge = false;
                let step = self.connection.on_event(&self.context, self.is_half_closed);
                self.apply(step);
            }
            Action::WakeUp => {
                let Some(WakeUp { number, .. }) = self.wake_ups.pop_front() else { return };
                if !self.is_closed
                    && let Some(step) = self.connection.on_wake_up(&self.context, number)
                {
                    self.apply(step);
                } else {
                    self.late += 1;
                }
            }
            Action::Worker(number) => self.worker(number),
        }
    }

    fn client(&mut self) {
        let Some(act) = self.acts.get(self.done) else { return };
        self.done += 1;
        match act {
            Act::Send(text) => {
                let sent = self.client.send(text.as_bytes());
                // Sending on a closed connection fails.
                assert!(self.is_closed || sent.is_ok_and(|count| count == text.len()));
                self.edge = true;
            }
            Act::Read => self.read(),
            Act::HalfClose => {
                let _ = self.client.shutdown(std::net::Shutdown::Write);
                (self.edge, self.is_half_closed) = (true, true);
            }
        }
    }

    /// Reading from a full socket causes an edge; no other reading does.
    fn read(&mut self) {
        let was_full = self.state().contains("bytes unsent");
        let mut chunk = [0u8; 4096];
        while let Ok((_, count)) = rustix::net::recv(&self.client, &mut chunk[..], RecvFlags::DONTWAIT) {
            if count == 0 {
                return;
            }
            self.received.extend_from_slice(chunk.get(..count).unwrap_or_default());
            self.edge |= was_full;
        }
    }

    fn worker(&mut self, number: usize) {
        match self.workers.remove(number) {
            Worker::Write(mut request) => {
                let response = Response::text(200, format!("{:?}{}\n", request.head.target, "x".repeat(self.size)));
                let completion = request.write(&response, &mut self.head_cache);
                let completion = completion.unwrap_or_else(|| unreachable!("it had the writer"));
                self.workers.insert(number, Worker::Complete(request, completion));
            }
            Worker::Complete(request, completion) => {
                if let Some(wake_up) = request.complete(completion) {
                    self.workers.insert(number, Worker::Wake(wake_up));
                }
            }
            Worker::Wake(wake_up) => self.wake_ups.push_back(wake_up),
        }
    }

    fn apply(&mut self, step: NextStep) {
        match step {
            NextStep::Wait => {}
            NextStep::Close => self.is_closed = true,
            NextStep::Dispatch(request) => self.dispatch(request),
        }
    }

    fn dispatch(&mut self, request: AdmittedRequest) {
        let writes = |worker: &Worker| !matches!(worker, Worker::Wake(_));
        assert!(!self.workers.iter().any(writes), "two requests of one connection are in progress");
        self.workers.push(Worker::Write(PendingRequest::new(request, 7, self.waker.clone())));
    }

    /// Two worlds with equal states behave in the same way from here on.
    fn state(&self) -> String {
        let workers: Vec<String> = self
            .workers
            .iter()
            .map(|worker| match worker {
                Worker::Write(_) => "write".to_owned(),
                Worker::Complete(_, completion) => format!("complete {completion:?}"),
                Worker::Wake(wake_up) => format!("{wake_up:?}"),
            })
            .collect();
        let (connection, wake_ups) = (self.connection.state(), &self.wake_ups);
        let (done, flags, received) =
            (self.done, (self.edge, self.is_half_closed, self.is_closed), self.received.len());
        let unread = rustix::io::ioctl_fionread(&self.client).unwrap_or(0);
        format!("{done} {flags:?} {received} {unread} {workers:?} {wake_ups:?} {connection}")
    }
}

struct Explored {
    states: usize,
    ends: usize,
    /// Paths to a state with a late wake-up.
    late: usize,
}

/// Tries every order. At each end all requests have been answered in order, and no action is left.
fn explore(acts: &[Act], size: usize, wanted: &[&str]) -> Explored {
    let mut seen = HashSet::new();
    let mut explored = Explored { states: 0, ends: 0, late: 0 };
    let mut to_try = vec![Vec::new()];
    while let Some(actions) = to_try.pop() {
        // A socket cannot be cloned with its contents, so each state is reached from the beginning again.
        let mut world = World::new(acts, size);
        for action in &actions {
            world.take(*action);
        }
        explored.late += usize::from(world.late > 0);
        if !seen.insert(world.state()) {
            continue;
        }
        explored.states += 1;
        let possible = world.possible();
        if possible.is_empty() {
            explored.ends += 1;
            check_end(world, wanted, &actions);
            continue;
        }
        to_try.extend(possible.into_iter().map(|action| [&actions[..], &[action]].concat()));
    }
    explored
}

fn check_end(mut world: World, wanted: &[&str], actions: &[Action]) {
    // The client reads until nothing more arrives.
    loop {
        let had = world.received.len();
        world.read();
        while let Some(action) = world.possible().first().copied() {
            world.take(action);
        }
        if world.received.len() == had {
            break;
        }
    }
    let received = String::from_utf8_lossy(&world.received).into_owned();
    let mut answered = Vec::new();
    let mut rest = received.as_str();
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
        let (body, after) = after.split_at_checked(length.unwrap_or(0)).unwrap_or((after, ""));
        answered.push((head.get(9..12).unwrap_or_default().to_owned(), body.to_owned()));
        rest = after;
    }
    let is_right = answered.len() == wanted.len()
        && answered.iter().zip(wanted).all(|((status, body), wanted)| status == wanted || body.contains(wanted));
    assert!(is_right && rest.is_empty(), "{actions:?} ends with {answered:?} {rest:?}, {}", world.state());
    assert!(world.workers.is_empty() && world.wake_ups.is_empty());
}

const GET_A: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_B: &str = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_C: &str = "GET /c HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_D: &str = "GET /d HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn requests_in_a_write_each_are_answered_in_order() {
    let explored = explore(
        &[Act::Send(GET_A), Act::Send(GET_B), Act::Send(GET_C), Act::Send(GET_D)],
        0,
        &["\"a\"", "\"b\"", "\"c\"", "\"d\""],
    );
    println!("{} states, {} ends, {} times with a late wake-up", explored.states, explored.ends, explored.late);
    assert!(explored.states > 100 && explored.late > 0, "the scheduler tries late wake-ups");
}

#[test]
fn requests_cut_anywhere_are_answered_in_order() {
    let acts = [
        Act::Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HT"),
        Act::Send("TP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n"),
        Act::Send("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    let explored = explore(&acts, 0, &["\"a\"", "\"b\"", "\"c\"", "400"]);
    println!("{} states, {} ends", explored.states, explored.ends);
}

#[test]
fn a_rejection_between_requests_keeps_its_place() {
    let acts =
        [Act::Send(GET_A), Act::Send("DELETE /x HTTP/1.1\r\nHost: x\r\n\r\n"), Act::Send(GET_B), Act::Send(GET_C)];
    let explored = explore(&acts, 0, &["\"a\"", "405", "\"b\"", "\"c\""]);
    println!("{} states, {} ends", explored.states, explored.ends);
}

#[test]
fn a_half_closed_client_gets_all_responses() {
    let acts = [Act::Send(GET_A), Act::Send(GET_B), Act::HalfClose];
    let explored = explore(&acts, 0, &["\"a\"", "\"b\""]);
    println!("{} states, {} ends", explored.states, explored.ends);
}

/// The responses exceed the socket buffer, so that the event loop sends the bytes that the worker could not.
#[test]
fn a_client_that_reads_late_gets_all_responses() {
    let acts = [Act::Send(GET_A), Act::Send(GET_B), Act::Read, Act::Send(GET_C), Act::Read];
    let explored = explore(&acts, 20_000, &["\"a\"", "\"b\"", "\"c\""]);
    println!("{} states, {} ends", explored.states, explored.ends);
}

#[test]
fn a_completion_of_another_request_is_dropped() {
    let mut world = World::new(&[Act::Send(GET_A)], 0);
    world.take(Action::Client);
    world.take(Action::Edge);
    let step = world.connection.on_wake_up(&world.context, RequestNumber::default());
    assert!(step.is_none(), "a wake-up for an earlier request changes nothing");
}
