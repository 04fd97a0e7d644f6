//! Workers: each handles requests from the server, one at a time.

use super::handlers;
use super::problem::Problem;
use super::response::Response;
use super::response_head::ResponseHeadCache;
use super::server::{PendingRequest, Server};
use super::worker_context::WorkerContext;
use crate::reader::Reader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A request that has waited this long for a worker gets 503.
const MAX_QUEUE_TIME: Duration = Duration::from_secs(10);

/// Runs one worker until the server has stopped.
pub(crate) fn run_worker(reader: &Reader, server: &Server, context: &WorkerContext) {
    let mut head_cache = ResponseHeadCache::default();
    server.run_worker(|pending| {
        // A panic costs the connection of its request, not the worker.
        let handled = catch_unwind(AssertUnwindSafe(|| respond(reader, context, pending, &mut head_cache)));
        if handled.is_err() {
            log::error!("worker panicked while handling a request, this is a bug in jbod-monitor");
        }
    });
}

fn respond(reader: &Reader, context: &WorkerContext, pending: PendingRequest, head_cache: &mut ResponseHeadCache) {
    let since = pending.since;
    let (label, response) = if since.elapsed() > MAX_QUEUE_TIME {
        (handlers::route_label(&pending.head), Response::problem(&Problem::Busy))
    } else {
        handlers::handle(reader, context, &pending)
    };
    log::debug!("request target={:?} status={}", pending.head.target, response.status);
    pending.send(&response, head_cache);
    context.request_metrics.record_response(label, &response, since.elapsed());
}
