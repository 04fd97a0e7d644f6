//! The private way from the gate to the tiny_http workers: a few persistent connections, one
//! request at a time on each, and nothing on them but a number.
//!
//! The request itself waits in a table; the worker takes it out by its number and answers the
//! client's socket directly, so neither head nor body is copied.

use super::connection::Exchange;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tiny_http::{Request, Server};

/// How long a request may wait for a free worker.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::http) struct Inner {
    server: Arc<Server>,
    /// Connections that carry nothing at the moment.
    free: (Sender<UnixStream>, Receiver<UnixStream>),
    waiting: Mutex<HashMap<u64, Exchange>>,
    number: AtomicU64,
}

impl Inner {
    /// As many connections as workers: more could only wait for one another.
    pub(super) fn start(workers: usize) -> io::Result<Self> {
        // A folder of mode 0700, gone as soon as the connections stand: nobody else can ever come.
        let dir = tempfile::Builder::new().prefix("jbod-monitor-").tempdir()?;
        let path = dir.path().join("workers");
        let listener = UnixListener::bind(&path)?;
        let server = Server::from_listener(listener, None).map_err(|e| io::Error::other(e.to_string()))?;
        let free = bounded(workers);
        for _ in 0..workers {
            let mut stream = UnixStream::connect(&path)?;
            // tiny_http gives a connection that comes while another is being taken to nobody: wait
            // until this one has its thread.
            stream.write_all(b"GET /0 HTTP/1.1\r\n\r\n")?;
            let request = server.recv_timeout(QUEUE_PATIENCE)?.ok_or(io::ErrorKind::TimedOut)?;
            drop(request.into_writer());
            free.0.send(stream).map_err(io::Error::other)?;
        }
        Ok(Self { server: Arc::new(server), free, waiting: Mutex::default(), number: AtomicU64::new(1) })
    }

    /// Puts a request on its way. False: no worker is to be had.
    pub(super) fn pass(&self, exchange: Exchange) -> bool {
        let Ok(mut stream) = self.free.1.recv_timeout(QUEUE_PATIENCE) else { return false };
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, exchange);
        let line = format!("GET /{number} HTTP/1.1\r\n\r\n");
        if stream.write_all(line.as_bytes()).is_err() {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            // tiny_http has lost its end. A worker that is freed unasked ends the daemon, with a
            // line that says so, and it is restarted whole.
            self.unblock();
            return false;
        }
        self.free.0.send(stream).is_ok()
    }

    /// The next request. Blocks; an error means that tiny_http has lost its listener, or was
    /// unblocked.
    pub(in crate::http) fn next(&self) -> io::Result<Option<Exchange>> {
        let request = self.server.recv()?;
        let exchange = self.take(&request);
        // Nothing is written back: the answer goes to the client. Dropping the writer tells
        // tiny_http that this request is done.
        drop(request.into_writer());
        Ok(exchange)
    }

    fn take(&self, request: &Request) -> Option<Exchange> {
        let number = request.url().strip_prefix('/')?.parse().ok()?;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// Frees one worker that waits for a request.
    pub(in crate::http) fn unblock(&self) {
        self.server.unblock();
    }
}
