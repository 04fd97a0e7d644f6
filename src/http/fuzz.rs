//! For the fuzz target of request targets and `Accept`.

use super::{negotiate, route};

/// The segments of a path, and its route, if there is one.
pub fn fuzz_target(url: &str, accept: &str) -> Option<(Vec<String>, Option<String>)> {
    negotiate::preferred_media_type(Some(accept));
    let target = route::parse_target(url).ok()?;
    let route = route::match_route(&target).ok().map(|route| format!("{route:?}"));
    Some((target.into_segments(), route))
}
