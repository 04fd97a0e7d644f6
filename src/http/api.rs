//! Routes to answers, by way of the reader.

use super::Desk;
use super::accept::{Media, preferred, takes_gzip};
use super::gate::{Exchange, Head};
use super::openapi;
use super::reply::{JSON, Problem, Reply, TEXT};
use super::route::{Pattern, Route, route};
use crate::api::service::ServiceBody;
use crate::cache::Key;
use crate::clock::Moment;
use crate::reader::{Answer, Condition, ReadError, Reader, View};

/// Troubles that the probes name one by one.
const LINES: usize = 20;

/// What the request is counted as, and its answer.
pub(super) fn answer(reader: &Reader, desk: &Desk, exchange: &Exchange) -> (Pattern, Reply) {
    match route(&exchange.head.target) {
        Ok(route) => (route.pattern(), follow(route, reader, desk, exchange)),
        Err(problem) => (Pattern::Unknown, Reply::problem(&problem)),
    }
}

/// What a request is counted as that is not answered.
pub(super) fn pattern(head: &Head) -> Pattern {
    route(&head.target).map_or(Pattern::Unknown, |route| route.pattern())
}

fn follow(route: Route, reader: &Reader, desk: &Desk, exchange: &Exchange) -> Reply {
    let (head, since) = (&exchange.head, exchange.since);
    let mut content_type = JSON;
    let data = match route {
        Route::Page(file) => {
            let file = file.ready(takes_gzip(head.accept_encoding.as_deref()));
            return Reply::file(file, head.if_none_match.as_deref());
        }
        Route::Health => return health(reader, desk.started),
        Route::Healthz => return healthz(reader),
        Route::Readyz => return readyz(reader),
        Route::Openapi => return openapi::reply(head),
        Route::Metrics => return desk.exposition.reply(reader, desk, head.accept.as_deref()),
        Route::Whereis(name) => return whereis(reader, exchange, &name),
        Route::Overview { is_short } => {
            reader.list(&Key::Overview, if is_short { &View::Brief } else { &View::Whole }, since)
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
    reply(data, content_type, head)
}

fn reply(data: Result<Answer, ReadError>, content_type: &'static str, head: &Head) -> Reply {
    match data {
        Ok(answer) if answer.prepared.is_absent => Reply::problem(&absent(&answer)),
        Ok(answer) => {
            let takes_gzip = takes_gzip(head.accept_encoding.as_deref());
            Reply::data(answer, content_type, takes_gzip, head.if_none_match.as_deref())
        }
        Err(error) => Reply::problem(&problem(error)),
    }
}

/// Alive, whatever is wrong; what is wrong is said.
fn healthz(reader: &Reader) -> Reply {
    Reply::text(200, format!("ok\n{}", degraded(&reader.condition())))
}

/// Ready as soon as there is something to show, also where no drive can be read; then it says so.
fn readyz(reader: &Reader) -> Reply {
    let condition = reader.condition();
    let why = degraded(&condition);
    if condition.ready {
        return Reply::text(200, format!("ready\n{why}"));
    }
    Reply::problem(&Problem::NotReady(format!("the first sweep is not whole yet\n{why}").trim_end().to_owned()))
}

/// A line for each trouble, to a limit.
fn degraded(condition: &Condition) -> String {
    let troubles = &condition.service.troubles;
    let mut text = String::new();
    for trouble in troubles.iter().take(LINES) {
        text.push_str(&format!("degraded: {trouble}\n"));
    }
    if let Some(more) = troubles.len().checked_sub(LINES).filter(|more| *more > 0) {
        text.push_str(&format!("degraded: {more} more, see /api/health\n"));
    }
    text
}

fn health(reader: &Reader, started: Moment) -> Reply {
    let condition = reader.condition();
    let body = ServiceBody::new(&condition.service, condition.ready, started.date(), condition.at);
    // Strings, numbers and lists only: this cannot fail.
    Reply::json(serde_json::to_string(&body).unwrap_or_default())
}

fn whereis(reader: &Reader, exchange: &Exchange, name: &str) -> Reply {
    let head = &exchange.head;
    let media = preferred(head.accept.as_deref());
    let content_type = if media == Media::Json { JSON } else { TEXT };
    reply(reader.whereis(name, media == Media::Json, exchange.since), content_type, head).varying()
}

/// What a view did not find, in its own words where it has some.
fn absent(answer: &Answer) -> Problem {
    let why = String::from_utf8_lossy(answer.prepared.plain().bytes).into_owned();
    Problem::NotFound(if why.is_empty() { ReadError::NoSuchEnclosure.to_string() } else { why })
}

fn problem(error: ReadError) -> Problem {
    match error {
        ReadError::NoSuchDrive | ReadError::NoSuchEnclosure => Problem::NotFound(error.to_string()),
        ReadError::NothingYet => Problem::NotReady(error.to_string()),
    }
}
