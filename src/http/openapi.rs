//! The description of the API at `/openapi.json`.
//!
//! `tests/it/openapi.rs` generates the document from the types in `api`, and compares it with the responses. Here it is
//! only served.

use super::assets::AssetVariants;
use super::negotiate::takes_gzip;
use super::response::{JSON, Response};
use super::server::RequestHead;
use std::sync::LazyLock;

const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn response(head: &RequestHead) -> Response {
    static VARIANTS: LazyLock<AssetVariants> = LazyLock::new(|| AssetVariants::compress(JSON, DOCUMENT));
    let asset = VARIANTS.select(takes_gzip(head.accept_encoding.as_deref()));
    Response::asset(asset, head.if_none_match.as_deref())
}
