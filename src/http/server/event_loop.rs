//! The event loop of all connections, on one thread. It accepts, passes socket events to the connections and requests to
//! the workers, and enforces deadlines. Sockets, workers and the stop wake it; it waits for nothing else.

use super::completion::{WakeUp, WakeUpReceiver, Waker};
use super::connection::{Connection, ConnectionContext, NextStep};
use super::connection_limit::{ConnectionLimit, client_network};
use super::pending_request::PendingRequest;
use crate::stop::Stop;
use crossbeam_channel::Sender;
use rustix::event::{Timespec, epoll};
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::Socket;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Pause after a failed accept, usually for lack of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(20);
/// Without a failure for this long, accepting has recovered.
const ACCEPT_RECOVERY: Duration = Duration::from_secs(10);
/// Connections over the limit that get a response. Further ones are closed without one.
const MAX_REJECTED: usize = 64;
/// Events and connections handled in one batch.
const BATCH_SIZE: usize = 64;

const STOP: u64 = 0;
const WAKE_UP: u64 = 1;
/// The first listener. Connections follow after the last one.
const FIRST_LISTENER: u64 = 2;

pub(super) struct ServerLoop<'a> {
    listeners: &'a [Socket],
    context: &'a ConnectionContext,
    connection_limit: &'a ConnectionLimit,
    requests: Sender<PendingRequest>,
    waker: Waker,
    wake_ups: &'a WakeUpReceiver,
    epoll: OwnedFd,
    open: HashMap<u64, Connection>,
    next_id: u64,
    /// The earliest deadline of a connection.
    next_deadline: Option<Instant>,
    /// When to accept again, after a failure.
    paused_until: Option<Instant>,
    /// The last failed accept, while failures are not over. The first one is logged.
    last_failure: Option<Instant>,
}

impl<'a> ServerLoop<'a> {
    /// The end of the event loop closes `requests`, which ends the workers.
    pub(super) fn new(
        listeners: &'a [Socket],
        context: &'a ConnectionContext,
        connection_limit: &'a ConnectionLimit,
        requests: Sender<PendingRequest>,
        (waker, wake_ups): (Waker, &'a WakeUpReceiver),
        stop: &Stop,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, stop, epoll::EventData::new_u64(STOP), epoll::EventFlags::IN)?;
        epoll::add(&epoll, wake_ups, epoll::EventData::new_u64(WAKE_UP), epoll::EventFlags::IN)?;
        let mut next_id = FIRST_LISTENER;
        for listener in listeners {
            epoll::add(&epoll, listener, epoll::EventData::new_u64(next_id), epoll::EventFlags::IN)?;
            next_id += 1;
        }
        let open = HashMap::new();
        Ok(Self {
            listeners,
            context,
            connection_limit,
            requests,
            waker,
            wake_ups,
            epoll,
            open,
            next_id,
            next_deadline: None,
            paused_until: None,
            last_failure: None,
        })
    }

    /// Runs until the stop. A failure of one connection does not end it.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(BATCH_SIZE);
        loop {
            events.clear();
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let (id, flags) = (event.data.u64(), event.flags);
                let listener = id.checked_sub(FIRST_LISTENER).and_then(|n| usize::try_from(n).ok());
                match listener.and_then(|n| self.listeners.get(n)) {
                    _ if id == STOP => return Ok(()),
                    _ if id == WAKE_UP => self.process_wake_ups(),
                    Some(listener) => self.accept(listener),
                    None => self.on_event(id, flags),
                }
            }
            self.expire_deadlines();
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let next = self.next_deadline.into_iter().chain(self.paused_until).min()?;
        let left = next.saturating_duration_since(Instant::now());
        Some(Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        })
    }

    fn accept(&mut self, listener: &Socket) {
        for _ in 0..BATCH_SIZE {
            match acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((socket, address)) => {
                    if self.last_failure.is_some_and(|last| last.elapsed() >= ACCEPT_RECOVERY) {
                        self.last_failure = None;
                        log::info!("connections are accepted again");
                    }
                    let network = address.and_then(|a| SocketAddr::try_from(a).ok()).map(|a| client_network(a.ip()));
                    self.register(Socket::from(socket), network);
                }
                Err(rustix::io::Errno::AGAIN) => return,
                // The client has left already, or the call was interrupted.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED | rustix::io::Errno::PROTO) => {}
                Err(error) => {
                    if self.last_failure.replace(Instant::now()).is_none() {
                        log::warn!("no connection can be accepted, those that come wait error={error:?}");
                    }
                    return self.pause_accepting();
                }
            }
        }
    }

    fn pause_accepting(&mut self) {
        self.set_listener_events(epoll::EventFlags::empty());
        self.paused_until = Some(Instant::now() + ACCEPT_BACKOFF);
    }

    fn set_listener_events(&self, flags: epoll::EventFlags) {
        for (id, listener) in (FIRST_LISTENER..).zip(self.listeners) {
            // It is registered; modifying the registration needs no memory and cannot fail.
            let _ = epoll::modify(&self.epoll, listener, epoll::EventData::new_u64(id), flags);
        }
    }

    fn register(&mut self, socket: Socket, network: Option<IpAddr>) {
        let open_of = |network: IpAddr| self.open.values().filter(|c| c.network == Some(network)).count();
        let permit = self.connection_limit.try_acquire(network, open_of);
        if permit.is_none() && self.open.values().filter(|c| c.permit.is_none()).count() >= MAX_REJECTED {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        // Edge-triggered: an event that is not handled yet is not reported again and again.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        if let Err(error) = epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(id), flags) {
            log::debug!("a connection cannot be watched error={error:?}");
            return;
        }
        self.open.insert(id, Connection::new(socket, network, permit));
        self.apply(id, NextStep::Wait);
    }

    fn on_event(&mut self, id: u64, flags: epoll::EventFlags) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        let has_failed = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        let is_half_closed = flags.contains(epoll::EventFlags::RDHUP);
        let step = if has_failed { NextStep::Close } else { connection.on_event(self.context, is_half_closed) };
        self.apply(id, step);
    }

    fn process_wake_ups(&mut self) {
        for WakeUp { connection: id, number } in self.wake_ups.drain() {
            let step = self.open.get_mut(&id).and_then(|connection| connection.on_wake_up(self.context, number));
            match step {
                Some(step) => self.apply(id, step),
                None => self.context.request_metrics.record_late_completion(),
            }
        }
    }

    fn apply(&mut self, id: u64, step: NextStep) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        match step {
            NextStep::Wait => {}
            NextStep::Dispatch(request) => {
                // The channel has capacity for one request of each connection. Without workers the request is dropped,
                // which closes its connection.
                let _ = self.requests.try_send(PendingRequest::new(request, id, self.waker.clone()));
            }
            NextStep::Close => {
                // A request under way may still hold the socket.
                let _ = epoll::delete(&self.epoll, &connection.reader);
                self.open.remove(&id);
                return;
            }
        }
        let deadline = connection.deadline;
        self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
    }

    /// Handles passed deadlines, and finds the next one.
    fn expire_deadlines(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            self.set_listener_events(epoll::EventFlags::IN);
        }
        if self.next_deadline.is_none_or(|next| next > now) {
            return;
        }
        let expired: Vec<u64> = self.open.iter().filter(|(_, c)| c.deadline <= now).map(|(id, _)| *id).collect();
        for id in expired {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            let step = connection.on_deadline(self.context);
            self.apply(id, step);
        }
        self.next_deadline = self.open.values().map(|c| c.deadline).min();
    }
}
