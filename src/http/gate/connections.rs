//! All connections, on one thread: accepts, hears what happens on which, passes requests to the
//! workers, and looks after deadlines. It is woken by the sockets, the workers and the stop, and waits for nothing else.

use super::completion::{WakeUp, WakeUps, Waker};
use super::connection::{Connection, Step};
use super::door::Door;
use super::exchange::Exchange;
use super::seats::{Seats, owner};
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

/// After an accept that failed (no descriptors left, most likely): the listeners live on.
const AFTER_ERROR: Duration = Duration::from_millis(20);
/// After so long without one, such failures are over.
const STEADY: Duration = Duration::from_secs(10);
/// Connections that are told that there are too many; any further are closed without a word.
const TURNED_AWAY: usize = 64;
/// Events taken at once, and connections accepted at once.
const AT_ONCE: usize = 64;

const STOP: u64 = 0;
const WAKE_UP: u64 = 1;
/// The first listener's; connections follow after all of them.
const LISTENERS: u64 = 2;

pub(super) struct Connections<'a> {
    listeners: &'a [Socket],
    door: &'a Door,
    seats: &'a Seats,
    requests: Sender<Exchange>,
    waker: Waker,
    wake_ups: &'a WakeUps,
    epoll: OwnedFd,
    open: HashMap<u64, Connection>,
    next_id: u64,
    /// No connection wants to be looked at before.
    due: Option<Instant>,
    /// When to accept again, after a failure.
    pause: Option<Instant>,
    /// When somebody could not be let in last, which has been said.
    refused: Option<Instant>,
}

impl<'a> Connections<'a> {
    /// `requests` ends with this: then the workers know that nothing more will come.
    pub(super) fn new(
        listeners: &'a [Socket],
        door: &'a Door,
        seats: &'a Seats,
        requests: Sender<Exchange>,
        (waker, wake_ups): (Waker, &'a WakeUps),
        stop: &Stop,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, stop, epoll::EventData::new_u64(STOP), epoll::EventFlags::IN)?;
        epoll::add(&epoll, wake_ups, epoll::EventData::new_u64(WAKE_UP), epoll::EventFlags::IN)?;
        let mut next_id = LISTENERS;
        for listener in listeners {
            epoll::add(&epoll, listener, epoll::EventData::new_u64(next_id), epoll::EventFlags::IN)?;
            next_id += 1;
        }
        let open = HashMap::new();
        Ok(Self {
            listeners,
            door,
            seats,
            requests,
            waker,
            wake_ups,
            epoll,
            open,
            next_id,
            due: None,
            pause: None,
            refused: None,
        })
    }

    /// Until the stop. No failure of one connection ends it.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(AT_ONCE);
        loop {
            events.clear();
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let (id, flags) = (event.data.u64(), event.flags);
                let listener = id.checked_sub(LISTENERS).and_then(|n| usize::try_from(n).ok());
                match listener.and_then(|n| self.listeners.get(n)) {
                    _ if id == STOP => return Ok(()),
                    _ if id == WAKE_UP => self.take_wake_ups(),
                    Some(listener) => self.accept(listener),
                    None => self.look(id, flags),
                }
            }
            self.keep_time();
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let next = self.due.into_iter().chain(self.pause).min()?;
        let left = next.saturating_duration_since(Instant::now());
        Some(Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        })
    }

    fn accept(&mut self, listener: &Socket) {
        for _ in 0..AT_ONCE {
            match acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((socket, address)) => {
                    if self.refused.is_some_and(|last| last.elapsed() >= STEADY) {
                        self.refused = None;
                        log::info!("connections are accepted again");
                    }
                    let address = address.and_then(|a| SocketAddr::try_from(a).ok()).map(|a| owner(a.ip()));
                    self.admit(Socket::from(socket), address);
                }
                Err(rustix::io::Errno::AGAIN) => return,
                // The client has left again, or the call was interrupted.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED | rustix::io::Errno::PROTO) => {}
                Err(error) => {
                    if self.refused.replace(Instant::now()).is_none() {
                        log::warn!("no connection can be accepted, those that come wait error={error:?}");
                    }
                    return self.pause_accepting();
                }
            }
        }
    }

    fn pause_accepting(&mut self) {
        self.listen_for(epoll::EventFlags::empty());
        self.pause = Some(Instant::now() + AFTER_ERROR);
    }

    fn listen_for(&self, flags: epoll::EventFlags) {
        for (id, listener) in (LISTENERS..).zip(self.listeners) {
            // It is registered; changing that takes no memory.
            let _ = epoll::modify(&self.epoll, listener, epoll::EventData::new_u64(id), flags);
        }
    }

    fn admit(&mut self, socket: Socket, address: Option<IpAddr>) {
        let of = |address: IpAddr| self.open.values().filter(|c| c.address == Some(address)).count();
        let seat = self.seats.take(address, of);
        if seat.is_none() && self.open.values().filter(|c| c.seat.is_none()).count() >= TURNED_AWAY {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        // Edges: whoever is told nothing is not asked for by the kernel again and again.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        if let Err(error) = epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(id), flags) {
            log::debug!("a connection cannot be watched error={error:?}");
            return;
        }
        self.open.insert(id, Connection::new(socket, address, seat));
        self.follow(id, Step::Wait);
    }

    fn look(&mut self, id: u64, flags: epoll::EventFlags) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        let is_gone = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        let is_ending = flags.contains(epoll::EventFlags::RDHUP);
        let step = if is_gone { Step::Close } else { connection.look(self.door, is_ending) };
        self.follow(id, step);
    }

    fn take_wake_ups(&mut self) {
        for WakeUp { connection: id, request } in self.wake_ups.take() {
            let step = self.open.get_mut(&id).and_then(|connection| connection.woken(self.door, request));
            match step {
                Some(step) => self.follow(id, step),
                None => self.door.late_completion(),
            }
        }
    }

    fn follow(&mut self, id: u64, step: Step) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        match step {
            Step::Wait => {}
            Step::Pass(passed) => {
                // There is room for one request of each connection, and each has one at most. Should
                // the workers be gone, the exchange says so as it is dropped.
                let _ = self.requests.try_send(Exchange::new(passed, id, self.waker.clone()));
            }
            Step::Close => {
                // An exchange may still hold the socket.
                let _ = epoll::delete(&self.epoll, &connection.reader);
                self.open.remove(&id);
                return;
            }
        }
        let deadline = connection.deadline;
        self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
    }

    /// Whose deadline has passed, and when to look again.
    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.pause.is_some_and(|until| until <= now) {
            self.pause = None;
            self.listen_for(epoll::EventFlags::IN);
        }
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        let late: Vec<u64> = self.open.iter().filter(|(_, c)| c.deadline <= now).map(|(id, _)| *id).collect();
        for id in late {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            let step = connection.expire(self.door);
            self.follow(id, step);
        }
        self.due = self.open.values().map(|c| c.deadline).min();
    }
}
