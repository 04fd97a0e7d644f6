//! HTTP: the gate that strangers meet, the workers that answer, and nothing that knows Redis or a
//! drive.

mod accept;
mod api;
mod endpoint;
mod gate;
mod letterhead;
mod metrics;
mod openapi;
mod page;
mod reply;
mod route;
mod tally;

pub use endpoint::{Addresses, Endpoint};
#[cfg(fuzzing)]
pub use gate::fuzz_head;
pub use gate::{Gate, GateError, Place, advice, look};

use crate::clock::Moment;
use crate::reader::Reader;
use letterhead::Letterhead;
use metrics::Exposition;
use reply::{Problem, Reply};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;

/// A request that has waited so long for a worker is told that there is none.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// What the workers share.
pub struct Desk {
    started: Moment,
    tally: Arc<Tally>,
    exposition: Exposition,
}

impl Desk {
    pub fn new(gate: &Gate) -> Self {
        Self { started: Moment::now(), tally: gate.tally(), exposition: Exposition::default() }
    }
}

/// One worker: answers what the gate lets through, until the gate has closed.
pub fn work(reader: &Reader, gate: &Gate, desk: &Desk) {
    let mut letterhead = Letterhead::default();
    gate.work(|exchange| {
        // One request never costs a worker; its connection is closed.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let since = exchange.since;
            let (pattern, reply) = if since.elapsed() > QUEUE_PATIENCE {
                (api::pattern(&exchange.head), Reply::problem(&Problem::Busy))
            } else {
                api::answer(reader, desk, &exchange)
            };
            log::debug!("request target={:?} status={}", exchange.head.target, reply.status);
            exchange.answer(&reply, &mut letterhead);
            desk.tally.answered(pattern, &reply, since.elapsed());
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
