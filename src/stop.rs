//! The stop token, through which every thread learns of a requested stop, also while it waits in poll(2).
//!
//! `daemon` defines the order in which threads stop.

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

/// A handle that is cheap to clone; all clones share one stop.
#[derive(Clone, Debug)]
pub struct Stop {
    inner: Arc<Inner>,
    closed: Receiver<()>,
}

#[derive(Debug)]
struct Inner {
    /// Nothing is ever sent; dropping the sender wakes every `select!` at once.
    open: Mutex<Option<Sender<()>>>,
    /// Readable once a stop is requested. It is never read, so poll(2), which is level-triggered, always reports it.
    fd: OwnedFd,
}

impl Stop {
    pub fn new() -> io::Result<Self> {
        let (open, closed) = bounded(0);
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { inner: Arc::new(Inner { open: Mutex::new(Some(open)), fd }), closed })
    }

    /// Requests the stop. Further requests have no effect.
    pub(crate) fn request(&self) {
        let open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if open.is_some() {
            // A write of 8 bytes to an eventfd is atomic; its counter cannot overflow from one write.
            let _ = rustix::io::write(&self.inner.fd, &1u64.to_ne_bytes());
        }
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// For `select!`: becomes ready (disconnected) when a stop is requested.
    pub(crate) fn channel(&self) -> &Receiver<()> {
        &self.closed
    }

    /// Blocks until a stop is requested.
    pub(crate) fn wait(&self) {
        let _ = self.closed.recv();
    }

    /// Stops on SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn on_signals(&self) -> Result<(), ctrlc::Error> {
        let stop = self.clone();
        ctrlc::set_handler(move || stop.request())
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_by_every_clone() {
        let stop = Stop::new().unwrap_or_else(|error| unreachable!("{error}"));
        let other = stop.clone();
        assert!(!other.is_requested());
        let waiter = std::thread::Builder::new().spawn(move || other.wait());
        stop.request();
        stop.request();
        assert!(stop.is_requested());
        assert!(waiter.is_ok_and(|thread| thread.join().is_ok()));
    }
}
