//! What the API says of itself at `/openapi.json`. The document is made of the types of `model` by
//! `tests/it/openapi.rs`, which holds both against each other; here it is only given out.

use super::accept::takes_gzip;
use super::gate::Head;
use super::page::{Both, both, either};
use super::reply::{JSON, Reply};
use std::sync::LazyLock;

const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn reply(head: &Head) -> Reply {
    static READY: LazyLock<Both> = LazyLock::new(|| both(JSON, DOCUMENT));
    let ready = either(&READY, takes_gzip(head.accept_encoding.as_deref()));
    Reply::file(ready, head.if_none_match.as_deref())
}
