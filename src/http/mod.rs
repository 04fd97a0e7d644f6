//! HTTP: the workers that answer, and nothing that knows Redis or a drive.

mod api;
mod gate;
mod page;
mod reply;
mod route;

pub use gate::{Door, GateError};

use crate::reader::Reader;
use reply::Reply;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tiny_http::{Request, Server};

/// What the workers need.
pub struct Api {
    pub reader: Reader,
    pub door: Door,
}

/// An open address, shared by its workers.
#[derive(Clone)]
pub struct Listener(Arc<Server>);

impl Listener {
    /// Frees one worker that waits for a request.
    pub fn unblock(&self) {
        self.0.unblock();
    }
}

/// One worker: answers until the server is unblocked for the stop. An error means that tiny_http
/// has lost its listener for good.
pub fn work(api: &Api, listener: &Listener, stopping: impl Fn() -> bool) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let request = match listener.0.recv() {
            Ok(request) => request,
            Err(_) if stopping() => return Ok(()),
            Err(error) => return Err(error),
        };
        // One request never costs a worker.
        let answered = catch_unwind(AssertUnwindSafe(|| answer(api, request, &mut buffer)));
        if answered.is_err() {
            log::error!("a request made a worker panic, this is a bug of jbod-monitor");
        }
    }
}

fn answer(api: &Api, request: Request, buffer: &mut Vec<u8>) {
    let reply = match api.door.admit(&request) {
        Ok(target) => api::answer(&api.reader, &target, &request),
        Err(problem) => Reply::problem(&problem),
    };
    log::debug!("request method={} url={:?} status={}", request.method(), request.url(), reply.status);
    reply.send(request, buffer);
}
