//! HTTP: the gate that strangers meet, the workers that answer, and nothing that knows Redis or a
//! drive.

mod accept;
mod api;
mod gate;
mod page;
mod reply;
mod route;

#[cfg(fuzzing)]
pub use gate::fuzz_head;
pub use gate::{Gate, GateError, Place, advice, look};

use crate::reader::Reader;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One worker: answers what the gate lets through, until it is unblocked for the stop. An error
/// means that tiny_http has lost its listener for good.
pub fn work(reader: &Reader, gate: &Gate, stopping: impl Fn() -> bool) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let exchange = match gate.inner().next() {
            Ok(Some(exchange)) => exchange,
            Ok(None) => continue,
            Err(_) if stopping() => return Ok(()),
            Err(error) => return Err(error),
        };
        // One request never costs a worker; its connection is closed.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let reply = api::answer(reader, &exchange.head);
            log::debug!("request target={:?} status={}", exchange.head.target, reply.status);
            exchange.answer(&reply, &mut buffer);
        }));
        if answered.is_err() {
            log::error!("a request made a worker panic, this is a bug of jbod-monitor");
        }
    }
}

/// Frees one worker that waits for a request.
pub fn unblock(gate: &Gate) {
    gate.inner().unblock();
}

/// The segments of a path, and its route, if there is one.
#[cfg(fuzzing)]
pub fn fuzz_target(url: &str, accept: &str) -> Option<(Vec<String>, Option<String>)> {
    accept::preferred(Some(accept));
    let target = route::split(url).ok()?;
    let route = route::route(&target).ok().map(|route| format!("{route:?}"));
    Some((target.into_segments(), route))
}
