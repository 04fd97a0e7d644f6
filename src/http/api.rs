//! Routes to answers, by way of the reader.

use super::accept::{Media, preferred};
use super::gate::Head;
use super::page;
use super::reply::{JSON, Problem, Reply, TEXT};
use super::route::{Route, route};
use crate::cache::Key;
use crate::reader::{Answer, ReadError, Reader, View};

pub(super) fn answer(reader: &Reader, head: &Head) -> Reply {
    let route = match route(&head.target) {
        Ok(route) => route,
        Err(problem) => return Reply::problem(&problem),
    };
    let mut content_type = JSON;
    let data = match route {
        Route::Index => return Reply::page(page::INDEX),
        Route::Healthz => return Reply::text(200, "ok\n".to_owned()),
        Route::Readyz => return readyz(reader),
        Route::Whereis(name) => return whereis(reader, head, &name),
        Route::Overview => reader.list(&Key::Overview, &View::Whole),
        Route::Drives { verdict, pool, enclosure } => {
            reader.list(&Key::Overview, &View::Drives { verdict, pool, enclosure })
        }
        Route::Drive(id) => reader.drive(&id),
        Route::Enclosures => reader.list(&Key::Enclosures, &View::Whole),
        Route::Enclosure(id) => reader.list(&Key::Enclosures, &View::Enclosure(id)),
        Route::Zfs => reader.list(&Key::ZfsMap, &View::Whole),
        Route::Map => {
            content_type = TEXT;
            reader.list(&Key::Overview, &View::Map)
        }
    };
    reply(data, content_type, head)
}

fn reply(data: Result<Answer, ReadError>, content_type: &'static str, head: &Head) -> Reply {
    match data {
        Ok(answer) if answer.prepared.is_absent => Reply::problem(&absent(&answer)),
        Ok(answer) => Reply::data(&answer, content_type, head.if_none_match.as_deref()),
        Err(error) => Reply::problem(&problem(error)),
    }
}

/// Ready as soon as there is something to show, also where no drive can be read; then it says so.
fn readyz(reader: &Reader) -> Reply {
    let degraded = reader.degraded();
    if reader.is_ready() {
        let why = degraded.map_or_else(String::new, |why| format!("degraded: {why}\n"));
        return Reply::text(200, format!("ready\n{why}"));
    }
    let why = degraded.map_or_else(String::new, |why| format!("; degraded: {why}"));
    Reply::problem(&Problem::NotReady(format!("the first sweep is not whole yet{why}")))
}

fn whereis(reader: &Reader, head: &Head, name: &str) -> Reply {
    let media = preferred(head.accept.as_deref());
    let content_type = if media == Media::Json { JSON } else { TEXT };
    reply(reader.whereis(name, media == Media::Json), content_type, head).varying()
}

/// What a view did not find, in its own words where it has some.
fn absent(answer: &Answer) -> Problem {
    let why = String::from_utf8_lossy(&answer.prepared.body).into_owned();
    Problem::NotFound(if why.is_empty() { ReadError::NoSuchEnclosure.to_string() } else { why })
}

fn problem(error: ReadError) -> Problem {
    match error {
        ReadError::NoSuchDrive | ReadError::NoSuchEnclosure => Problem::NotFound(error.to_string()),
        ReadError::NothingYet => Problem::NotReady(error.to_string()),
    }
}
