//! The workers' side: tiny_http on a private Unix socket that no stranger can ever reach.
//!
//! A worker answers a client's request in the turn that a request of tiny_http's gives it, and
//! draws that turn *before* the client asks: so the wake-ups inside tiny_http cost no client
//! anything. There is a private connection for each worker, with one turn on it at a time; a worker
//! that is done, also with some that have come meanwhile, gives the turn back where it came from.

use super::exchange::Exchange;
use crate::stop::Stop;
use crossbeam_channel::Receiver;
use socket2::SockRef;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tiny_http::{Request, Server};

/// tiny_http gives a turn that is due within this, or has lost it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Requests answered in one turn, where more are waiting.
const A_TURN: usize = 16;
/// Between tries to make it anew.
const AGAIN: Duration = Duration::from_secs(1);

pub(in crate::http) struct Inner {
    lanes: RwLock<Arc<Lanes>>,
    requests: Receiver<Exchange>,
    stop: Stop,
}

/// tiny_http, and the private connections to it.
struct Lanes {
    server: Server,
    streams: Vec<UnixStream>,
}

/// A worker's turn. `number`: of the lane it came on.
struct Turn {
    request: Request,
    lanes: Arc<Lanes>,
    number: usize,
}

impl Inner {
    pub(super) fn start(workers: usize, requests: Receiver<Exchange>, stop: &Stop) -> io::Result<Self> {
        let lanes = Arc::new(Lanes::new(workers)?);
        Ok(Self { lanes: RwLock::new(lanes), requests, stop: stop.clone() })
    }

    /// One worker: hands each request to `answer`, until the gate has closed.
    pub(in crate::http) fn work(&self, mut answer: impl FnMut(Exchange)) {
        let mut has_company = false;
        while let Some(turn) = self.draw() {
            let Ok(exchange) = self.requests.recv() else { return };
            answer(exchange);
            // Where there were several last time, the next is about to come: letting it costs less than being woken for it.
            let lingers = std::mem::take(&mut has_company);
            let another = || match self.requests.try_recv() {
                Err(_) if lingers => {
                    std::thread::yield_now();
                    self.requests.try_recv().ok()
                }
                found => found.ok(),
            };
            for exchange in std::iter::from_fn(another).take(A_TURN - 1) {
                answer(exchange);
                has_company = true;
            }
            self.give_back(turn);
        }
    }

    /// `None` at the stop.
    fn draw(&self) -> Option<Turn> {
        loop {
            let lanes = self.current();
            match lanes.server.recv_timeout(PATIENCE) {
                Ok(Some(request)) => {
                    let number = request.url().strip_prefix('/').and_then(|n| n.parse().ok());
                    if let Some(number) = number {
                        return Some(Turn { request, lanes, number });
                    }
                }
                _ if self.stop.asked() => return None,
                // As many turns as workers: one that waits in vain has lost its own.
                Ok(None) | Err(_) => self.renew(&lanes),
            }
        }
    }

    fn give_back(&self, turn: Turn) {
        let Turn { request, lanes, number } = turn;
        // Nothing is written back: the answer went to the client. Dropping the writer tells
        // tiny_http that this request is done.
        drop(request.into_writer());
        if lanes.send(number).is_err() {
            self.renew(&lanes);
        }
    }

    fn current(&self) -> Arc<Lanes> {
        Arc::clone(&self.lanes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new lanes in the place of `lost`, once, whoever comes first. The public address, and
    /// what waits there, stay as they are; turns that were drawn on the old lanes are good to their
    /// end. Where none can be made, whoever needs them tries again after a while.
    fn renew(&self, lost: &Arc<Lanes>) {
        let made = {
            let mut current = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&current, lost) {
                return;
            }
            Lanes::new(lost.streams.len()).map(|lanes| *current = Arc::new(lanes))
        };
        match made {
            Ok(()) => log::warn!("tiny_http had lost a private connection, all were made anew"),
            Err(error) => {
                log::debug!("tiny_http cannot be made anew yet error={error:?}");
                let _ = self.stop.channel().recv_timeout(AGAIN);
            }
        }
    }
}

impl Lanes {
    fn new(count: usize) -> io::Result<Self> {
        // A folder of mode 0700, gone as soon as the connections stand.
        let dir = tempfile::Builder::new().prefix("jbod-monitor-").tempdir()?;
        let path = dir.path().join("workers");
        let listener = UnixListener::bind(&path)?;
        let door = listener.try_clone()?;
        let server = Server::from_listener(listener, None).map_err(|e| io::Error::other(e.to_string()))?;
        let mut lanes = Self { server, streams: Vec::with_capacity(count) };
        for number in 0..count {
            lanes.streams.push(UnixStream::connect(&path)?);
            // tiny_http gives a connection that comes while another is being taken to nobody: wait
            // until this one has its thread.
            lanes.send(number)?;
            let request = lanes.server.recv_timeout(PATIENCE)?.ok_or(io::ErrorKind::TimedOut)?;
            drop(request.into_writer());
        }
        // Nobody else is to come, ever: that also ends the thread that would let them in, which says
        // so once.
        SockRef::from(&door).shutdown(std::net::Shutdown::Both)?;
        let _ = lanes.server.recv_timeout(PATIENCE);
        (0..count).try_for_each(|number| lanes.send(number))?;
        Ok(lanes)
    }

    /// A turn, on its way through tiny_http to whichever worker draws it.
    fn send(&self, number: usize) -> io::Result<()> {
        let mut stream = self.streams.get(number).ok_or(io::ErrorKind::NotFound)?;
        stream.write_all(format!("GET /{number} HTTP/1.1\r\n\r\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::completion::{RequestNumber, Waker, wake_ups};
    use super::super::exchange::Passed;
    use super::super::writer::split;
    use super::*;
    use crate::http::gate::head::parse;
    use crossbeam_channel::bounded;
    use socket2::Socket;

    fn exchange(waker: &Waker) -> Option<Exchange> {
        let (socket, _) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).ok()?;
        let head = parse(b"GET /healthz HTTP/1.0\r\n\r\n").ok().flatten()?.head.ok()?;
        let (_, writer) = split(socket);
        let passed = Passed { head, request: RequestNumber::default(), writer, slot: Arc::default(), seat: None };
        Some(Exchange::new(passed, 0, waker.clone()))
    }

    #[test]
    fn private_connections_that_are_lost_are_made_anew() -> Result<(), Box<dyn std::error::Error>> {
        const WORKERS: usize = 2;
        let stop = Stop::new()?;
        let (requests, of_workers) = bounded(8);
        let inner = Arc::new(Inner::start(WORKERS, of_workers, &stop)?);
        let (waker, _wake_ups) = wake_ups()?;
        let (answered, answers) = bounded(8);
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            let (inner, answered) = (Arc::clone(&inner), answered.clone());
            let work = move || inner.work(|_| answered.send(()).unwrap_or(()));
            workers.push(std::thread::Builder::new().spawn(work)?);
        }
        let long = Duration::from_secs(30);
        for lost in 0..3 {
            // More than the turns that were drawn already.
            for _ in 0..3 * WORKERS {
                requests.send(exchange(&waker).ok_or("an exchange")?)?;
                answers.recv_timeout(long)?;
            }
            for stream in inner.current().streams.get(lost..).unwrap_or_default() {
                stream.shutdown(std::net::Shutdown::Both)?;
            }
        }
        drop(requests);
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")?;
        }
        Ok(())
    }
}
