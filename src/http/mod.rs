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

use crate::clock::Moment;
use crate::reader::Reader;
use reply::{Problem, Reply};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A request that has waited so long for a worker is told that there is none.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// One worker: answers what the gate lets through, until the gate has closed.
pub fn work(reader: &Reader, gate: &Gate) {
    let mut buffer = Vec::new();
    let started = Moment::now();
    gate.work(|exchange| {
        // One request never costs a worker; its connection is closed.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let reply = if exchange.since.elapsed() > QUEUE_PATIENCE {
                Reply::problem(&Problem::Busy)
            } else {
                api::answer(reader, &exchange.head, started)
            };
            log::debug!("request target={:?} status={}", exchange.head.target, reply.status);
            exchange.answer(&reply, &mut buffer);
        }));
        if answered.is_err() {
            log::error!("a request made a worker panic, this is a bug of jbod-monitor");
        }
    });
}

/// The segments of a path, and its route, if there is one.
#[cfg(fuzzing)]
pub fn fuzz_target(url: &str, accept: &str) -> Option<(Vec<String>, Option<String>)> {
    accept::preferred(Some(accept));
    let target = route::split(url).ok()?;
    let route = route::route(&target).ok().map(|route| format!("{route:?}"));
    Some((target.into_segments(), route))
}
