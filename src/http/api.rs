//! Routes to answers, by way of the reader.

use super::gate::Head;
use super::page;
use super::reply::{Problem, Reply};
use super::route::{Route, route};
use crate::cache::Key;
use crate::reader::{Answer, ReadError, Reader, View};

pub(super) fn answer(reader: &Reader, head: &Head) -> Reply {
    let route = match route(&head.target) {
        Ok(route) => route,
        Err(problem) => return Reply::problem(&problem),
    };
    let data = match route {
        Route::Index => return Reply::page(page::INDEX),
        Route::Healthz => return Reply::text(200, "ok\n"),
        Route::Readyz if reader.is_ready() => return Reply::text(200, "ready\n"),
        Route::Readyz => return Reply::problem(&Problem::NotReady("the first sweep is not whole yet".to_owned())),
        Route::Overview => reader.list(&Key::Overview, &View::Whole),
        Route::Drives { verdict, pool, enclosure } => {
            reader.list(&Key::Overview, &View::Drives { verdict, pool, enclosure })
        }
        Route::Drive(id) => reader.drive(&id),
        Route::Enclosures => reader.list(&Key::Enclosures, &View::Whole),
        Route::Enclosure(id) => reader.list(&Key::Enclosures, &View::Enclosure(id)).and_then(present),
        Route::Zfs => reader.list(&Key::ZfsMap, &View::Whole),
    };
    match data {
        Ok(answer) => Reply::data(&answer, head.if_none_match.as_deref()),
        Err(error) => Reply::problem(&problem(error)),
    }
}

fn present(answer: Answer) -> Result<Answer, ReadError> {
    if answer.prepared.is_absent { Err(ReadError::NoSuchEnclosure) } else { Ok(answer) }
}

fn problem(error: ReadError) -> Problem {
    match error {
        ReadError::NoSuchDrive | ReadError::NoSuchEnclosure => Problem::NotFound(error.to_string()),
        ReadError::NothingYet => Problem::NotReady(error.to_string()),
    }
}
