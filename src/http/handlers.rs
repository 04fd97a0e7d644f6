//! Handlers: build the response to a route, through the reader.

use super::negotiate::{MediaType, preferred_media_type, takes_gzip};
use super::openapi;
use super::problem::Problem;
use super::response::{JSON, Response, TEXT};
use super::route::{Route, RouteLabel, match_route};
use super::server::{PendingRequest, RequestHead};
use super::worker_context::WorkerContext;
use crate::api::service::ServiceBody;
use crate::cache::Key;
use crate::clock::Moment;
use crate::reader::{Answer, ReadError, Reader, ServiceStatus, View};

/// Maximum number of degradations that `/healthz` and `/readyz` list.
const MAX_DEGRADED_LINES: usize = 20;

/// Handles a request. Returns the response, and the label under which it is counted.
pub(super) fn handle(reader: &Reader, context: &WorkerContext, pending: &PendingRequest) -> (RouteLabel, Response) {
    match match_route(&pending.head.target) {
        Ok(route) => (route.label(), dispatch(route, reader, context, pending)),
        Err(problem) => (RouteLabel::Unknown, Response::problem(&problem)),
    }
}

/// The label of a request that is rejected without a handler.
pub(super) fn route_label(head: &RequestHead) -> RouteLabel {
    match match_route(&head.target) {
        Ok(route) => route.label(),
        Err(_) => RouteLabel::Unknown,
    }
}

fn dispatch(route: Route, reader: &Reader, context: &WorkerContext, pending: &PendingRequest) -> Response {
    let (head, since) = (&pending.head, pending.since);
    let mut content_type = JSON;
    let data = match route {
        Route::Page(file) => {
            let asset = file.asset(takes_gzip(head.accept_encoding.as_deref()));
            return Response::asset(asset, head.if_none_match.as_deref());
        }
        Route::Health => return health(reader, context.started),
        Route::Healthz => return healthz(reader),
        Route::Readyz => return readyz(reader),
        Route::Openapi => return openapi::response(head),
        Route::Metrics => return context.exposition.response(reader, head.accept.as_deref()),
        Route::Whereis(name) => return whereis(reader, pending, &name),
        Route::Overview { brief } => {
            reader.list(&Key::Overview, if brief { &View::Brief } else { &View::Whole }, since)
        }
        Route::Drives { verdict, pool, enclosure } => {
            reader.list(&Key::Overview, &View::Drives { verdict, pool, enclosure }, since)
        }
        Route::Drive(id) => reader.drive(&id),
        Route::Enclosures => reader.list(&Key::Enclosures, &View::Whole, since),
        Route::Enclosure(id) => reader.list(&Key::Enclosures, &View::Enclosure(id), since),
        Route::Zfs => reader.list(&Key::ZfsMap, &View::Whole, since),
        Route::Map => {
            content_type = TEXT;
            reader.list(&Key::Overview, &View::Map, since)
        }
    };
    data_response(data, content_type, head)
}

fn data_response(data: Result<Answer, ReadError>, content_type: &'static str, head: &RequestHead) -> Response {
    match data {
        Ok(answer) if answer.body.is_absent => Response::problem(&not_found(&answer)),
        Ok(answer) => {
            let takes_gzip = takes_gzip(head.accept_encoding.as_deref());
            Response::data(answer, content_type, takes_gzip, head.if_none_match.as_deref())
        }
        Err(error) => Response::problem(&problem(error)),
    }
}

/// 200 as long as workers respond, whatever is degraded; the degradations are listed.
fn healthz(reader: &Reader) -> Response {
    Response::text(200, format!("ok\n{}", degraded_lines(&reader.service_status())))
}

/// 200 as soon as data is available, even if no drive can be read; the degradations are listed.
fn readyz(reader: &Reader) -> Response {
    let status = reader.service_status();
    let degraded = degraded_lines(&status);
    if status.ready {
        return Response::text(200, format!("ready\n{degraded}"));
    }
    let detail = format!("the first sweep has not completed yet\n{degraded}");
    Response::problem(&Problem::NotReady(detail.trim_end().to_owned()))
}

/// A line for each degradation, up to a limit.
fn degraded_lines(status: &ServiceStatus) -> String {
    let degradations = &status.service.troubles;
    let mut text = String::new();
    for degradation in degradations.iter().take(MAX_DEGRADED_LINES) {
        text.push_str(&format!("degraded: {degradation}\n"));
    }
    let more = degradations.len().saturating_sub(MAX_DEGRADED_LINES);
    if more > 0 {
        text.push_str(&format!("degraded: {more} more, see /api/health\n"));
    }
    text
}

fn health(reader: &Reader, started: Moment) -> Response {
    let status = reader.service_status();
    let body = ServiceBody::new(&status.service, status.ready, started.date(), status.at);
    // Strings, numbers and lists only: serialization cannot fail.
    Response::json(serde_json::to_string(&body).unwrap_or_default())
}

fn whereis(reader: &Reader, pending: &PendingRequest, name: &str) -> Response {
    let head = &pending.head;
    let as_json = preferred_media_type(head.accept.as_deref()) == MediaType::Json;
    let content_type = if as_json { JSON } else { TEXT };
    data_response(reader.whereis(name, as_json, pending.since), content_type, head).vary_by_accept()
}

/// The problem of a view that has found nothing. The text of the view is the detail, if it has one.
fn not_found(answer: &Answer) -> Problem {
    let detail = String::from_utf8_lossy(answer.body.plain().bytes).into_owned();
    if detail.is_empty() {
        return Problem::NotFound(ReadError::NoSuchEnclosure.to_string());
    }
    Problem::NotFound(detail)
}

fn problem(error: ReadError) -> Problem {
    match error {
        ReadError::NoSuchDrive | ReadError::NoSuchEnclosure => Problem::NotFound(error.to_string()),
        ReadError::NothingYet => Problem::NotReady(error.to_string()),
    }
}
