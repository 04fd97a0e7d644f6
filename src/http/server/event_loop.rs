//! The event loop of all connections, on one thread. It accepts, passes socket events to the connections and requests
//! to the workers, and enforces deadlines. Sockets, workers and the stop wake it; it waits for nothing else.

use super::completion::{WakeUp, WakeUpReceiver, Waker};
use super::connection::{Connection, ConnectionContext, NextStep};
use super::connection_limit::{ConnectionLimit, client_network};
use super::pending_request::PendingRequest;
use crate::stop::Stop;
use crossbeam_channel::Sender;
use rustix::event::{Timespec, epoll};
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use socket2::Socket;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Pause after a failed accept, usually for lack of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(20);
/// After this time without a failure, accepting has recovered.
const ACCEPT_RECOVERY: Duration = Duration::from_secs(10);
/// Maximum number of connections over the limit that get a response. Further ones are closed at once.
const MAX_REJECTED: usize = 64;
/// Maximum number of events or connections handled in one batch.
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
    /// When to accept again after a failure.
    paused_until: Option<Instant>,
    /// The last failed accept, until accepting has recovered. Only the first failure is logged.
    last_failure: Option<Instant>,
}

impl<'a> ServerLoop<'a> {
    /// When the event loop ends, `requests` is closed, which ends the workers.
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
                match id {
                    STOP => return Ok(()),
                    WAKE_UP => self.process_wake_ups(),
                    _ => match self.listener(id) {
                        Some(listener) => self.accept(listener),
                        None => self.on_event(id, flags),
                    },
                }
            }
            self.expire_deadlines();
        }
    }

    fn listener(&self, id: u64) -> Option<&'a Socket> {
        let index = usize::try_from(id.checked_sub(FIRST_LISTENER)?).ok()?;
        self.listeners.get(index)
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
                    if let Some(last) = self.last_failure
                        && last.elapsed() >= ACCEPT_RECOVERY
                    {
                        self.last_failure = None;
                        log::info!("accepting connections again");
                    }
                    self.register(Socket::from(socket), address.and_then(network));
                }
                Err(rustix::io::Errno::AGAIN) => return,
                // The client has closed the connection already, or the call was interrupted.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED | rustix::io::Errno::PROTO) => {}
                Err(error) => {
                    if self.last_failure.replace(Instant::now()).is_none() {
                        log::warn!("accept failed, new connections are delayed error={error:?}");
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
            // Modifying an existing registration needs no memory and cannot fail.
            let _ = epoll::modify(&self.epoll, listener, epoll::EventData::new_u64(id), flags);
        }
    }

    fn register(&mut self, socket: Socket, network: Option<IpAddr>) {
        let open_connections = self.open.values();
        let permit = self.connection_limit.try_acquire(network, |network| {
            open_connections.clone().filter(|connection| connection.network == Some(network)).count()
        });
        let rejected = open_connections.filter(|connection| connection.permit.is_none());
        if permit.is_none() && rejected.count() >= MAX_REJECTED {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        // Edge-triggered, so that epoll does not report an event again while it is not handled.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        if let Err(error) = epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(id), flags) {
            log::debug!("cannot add a connection to epoll error={error:?}");
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
            if let Some(connection) = self.open.get_mut(&id)
                && let Some(step) = connection.on_wake_up(self.context, number)
            {
                self.apply(id, step);
            } else {
                self.context.request_metrics.record_late_completion();
            }
        }
    }

    fn apply(&mut self, id: u64, step: NextStep) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        match step {
            NextStep::Wait => {}
            NextStep::Dispatch(request) => {
                // The channel has room for one request of each connection. If the workers have ended, the request is
                // dropped, which closes its connection.
                let _ = self.requests.try_send(PendingRequest::new(request, id, self.waker.clone()));
            }
            NextStep::Close => {
                // A request in progress may still hold the socket.
                let _ = epoll::delete(&self.epoll, &connection.reader);
                self.open.remove(&id);
                return;
            }
        }
        let deadline = connection.deadline;
        self.next_deadline = Some(self.next_deadline.unwrap_or(deadline).min(deadline));
    }

    /// Handles passed deadlines, and finds the next one.
    fn expire_deadlines(&mut self) {
        let now = Instant::now();
        if let Some(until) = self.paused_until
            && until <= now
        {
            self.paused_until = None;
            self.set_listener_events(epoll::EventFlags::IN);
        }
        match self.next_deadline {
            Some(next) if next <= now => {}
            _ => return,
        }
        let expired = self.open.iter().filter(|(_, connection)| connection.deadline <= now);
        let expired: Vec<u64> = expired.map(|(id, _)| *id).collect();
        for id in expired {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            let step = connection.on_deadline(self.context);
            self.apply(id, step);
        }
        self.next_deadline = self.open.values().map(|connection| connection.deadline).min();
    }
}

/// The network of a client. `None` on a Unix socket.
fn network(address: SocketAddrAny) -> Option<IpAddr> {
    let address = SocketAddr::try_from(address).ok()?;
    Some(client_network(address.ip()))
}
