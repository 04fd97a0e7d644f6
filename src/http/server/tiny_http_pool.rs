//! The pool of work tokens, implemented with tiny_http.
//!
//! The project's charter prescribes tiny_http. It parses no request of a client and sends no response: it has no limits
//! and no deadlines, and one request with a huge `Content-Length` ends a process that accepts it. In this program it
//! hands out work tokens. It listens on a private Unix socket, with one private connection for each worker, and one
//! token circulates on each connection, as a request of its own. A worker receives a token from tiny_http, handles up
//! to `MAX_BATCH` requests of clients with it, and releases the token, which sends it through tiny_http again.
//!
//! A worker acquires its token *before* a client's request arrives, so no client waits for the wake-ups within
//! tiny_http. This is the only file that uses the crate.

use super::pending_request::PendingRequest;
use crate::stop::Stop;
use crossbeam_channel::Receiver;
use socket2::SockRef;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tiny_http::{Request, Server};

/// A token that tiny_http does not deliver within this time is lost.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests handled with one token while more are queued.
const MAX_BATCH: usize = 16;
/// Interval between attempts to replace a token source.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct TinyHttpPool {
    tokens: RwLock<Arc<TokenSource>>,
    requests: Receiver<PendingRequest>,
    stop: Stop,
}

/// A tiny_http server, and the private connections to it.
struct TokenSource {
    server: Server,
    streams: Vec<UnixStream>,
}

/// Permits a worker to handle requests.
struct WorkToken {
    request: Request,
    source: Arc<TokenSource>,
    /// The number of its private connection.
    connection: usize,
}

impl TinyHttpPool {
    pub(super) fn start(workers: usize, requests: Receiver<PendingRequest>, stop: &Stop) -> io::Result<Self> {
        let tokens = RwLock::new(Arc::new(TokenSource::new(workers)?));
        Ok(Self { tokens, requests, stop: stop.clone() })
    }

    /// Runs one worker, which passes each request to `respond`, until the server has stopped.
    pub(super) fn run_worker(&self, mut respond: impl FnMut(PendingRequest)) {
        let mut lingers = false;
        while let Some(token) = self.acquire() {
            let Ok(first) = self.requests.recv() else { return };
            respond(first);
            let mut batch = 1;
            while batch < MAX_BATCH
                && let Some(request) = self.next_queued(lingers)
            {
                respond(request);
                batch += 1;
            }
            // After several requests the next one usually follows soon: waiting for it costs less than a wake-up.
            lingers = batch > 1;
            self.release(token);
        }
    }

    /// The next request in the queue. If there is none and `lingers` is true, other threads run before a second
    /// attempt.
    fn next_queued(&self, lingers: bool) -> Option<PendingRequest> {
        let queued = self.requests.try_recv().ok();
        if queued.is_some() || !lingers {
            return queued;
        }
        std::thread::yield_now();
        self.requests.try_recv().ok()
    }

    /// `None` after the stop.
    fn acquire(&self) -> Option<WorkToken> {
        loop {
            let source = self.current();
            match source.server.recv_timeout(TOKEN_TIMEOUT) {
                Ok(Some(request)) => {
                    let number = request.url().strip_prefix('/').unwrap_or_default();
                    if let Ok(connection) = number.parse() {
                        return Some(WorkToken { request, source, connection });
                    }
                }
                _ if self.stop.is_requested() => return None,
                // There are as many tokens as workers, so a timeout means that a token is lost.
                Ok(None) | Err(_) => self.replace(&source),
            }
        }
    }

    fn release(&self, token: WorkToken) {
        let WorkToken { request, source, connection } = token;
        // Nothing is written: the response was sent to the client. Dropping the writer completes the request in
        // tiny_http.
        drop(request.into_writer());
        if source.send_token(connection).is_err() {
            self.replace(&source);
        }
    }

    fn current(&self) -> Arc<TokenSource> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces a broken token source, once for all workers. The public listeners and queued requests are not affected;
    /// tokens of the old source stay valid until they are released. After a failure the next worker tries again.
    fn replace(&self, broken: &Arc<TokenSource>) {
        let replaced = {
            let mut current = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&current, broken) {
                return;
            }
            TokenSource::new(broken.streams.len()).map(|source| *current = Arc::new(source))
        };
        match replaced {
            Ok(()) => log::warn!("private connection to tiny_http lost, recreated all of them"),
            Err(error) => {
                log::debug!("cannot recreate the private connections to tiny_http yet error={error:?}");
                let _ = self.stop.channel().recv_timeout(RENEWAL_INTERVAL);
            }
        }
    }
}

impl TokenSource {
    fn new(connections: usize) -> io::Result<Self> {
        // A directory of mode 0700, removed as soon as the connections are established.
        let dir = tempfile::Builder::new().prefix("jbod-monitor-").tempdir()?;
        let path = dir.path().join("workers");
        let listener = UnixListener::bind(&path)?;
        let listener_handle = listener.try_clone()?;
        let server = Server::from_listener(listener, None).map_err(|error| io::Error::other(error.to_string()))?;
        let mut source = Self { server, streams: Vec::with_capacity(connections) };
        for connection in 0..connections {
            source.streams.push(UnixStream::connect(&path)?);
            // tiny_http loses a connection that arrives while it accepts another one: wait until this one has its
            // thread.
            source.send_token(connection)?;
            let request = source.server.recv_timeout(TOKEN_TIMEOUT)?.ok_or(io::ErrorKind::TimedOut)?;
            drop(request.into_writer());
        }
        // Accepts no other connection. That ends the accepting thread of tiny_http, which reports it once.
        SockRef::from(&listener_handle).shutdown(Shutdown::Both)?;
        let _ = source.server.recv_timeout(TOKEN_TIMEOUT);
        for connection in 0..connections {
            source.send_token(connection)?;
        }
        Ok(source)
    }

    /// Sends a token through tiny_http to the worker that acquires it next.
    fn send_token(&self, connection: usize) -> io::Result<()> {
        let mut stream = self.streams.get(connection).ok_or(io::ErrorKind::NotFound)?;
        stream.write_all(format!("GET /{connection} HTTP/1.1\r\n\r\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::completion::{RequestNumber, Waker, wake_up_channel};
    use super::super::pending_request::AdmittedRequest;
    use super::super::socket_halves::split;
    use super::*;
    use crate::http::server::request_head::parse;
    use crossbeam_channel::bounded;
    use socket2::Socket;

    fn pending_request(waker: &Waker) -> Option<PendingRequest> {
        let (socket, _) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).ok()?;
        let head = parse(b"GET /healthz HTTP/1.0\r\n\r\n").ok().flatten()?.head.ok()?;
        let (_, writer) = split(socket);
        let number = RequestNumber::default();
        let request = AdmittedRequest { head, number, writer, slot: Arc::default(), permit: None };
        Some(PendingRequest::new(request, 0, waker.clone()))
    }

    #[test]
    fn lost_private_connections_are_replaced() -> Result<(), Box<dyn std::error::Error>> {
        const WORKERS: usize = 2;
        let stop = Stop::new()?;
        let (requests, queued) = bounded(8);
        let pool = Arc::new(TinyHttpPool::start(WORKERS, queued, &stop)?);
        let (waker, _wake_ups) = wake_up_channel()?;
        let (answered, answers) = bounded(8);
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            let (pool, answered) = (Arc::clone(&pool), answered.clone());
            let work = move || pool.run_worker(|_| answered.send(()).unwrap_or(()));
            workers.push(std::thread::Builder::new().spawn(work)?);
        }
        let timeout = Duration::from_secs(30);
        for lost in 0..3 {
            // More than the tokens that were acquired already.
            for _ in 0..3 * WORKERS {
                requests.send(pending_request(&waker).ok_or("a request")?)?;
                answers.recv_timeout(timeout)?;
            }
            for stream in pool.current().streams.get(lost..).unwrap_or_default() {
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
