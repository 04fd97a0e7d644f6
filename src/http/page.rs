//! What a browser gets at `/`.

/// The index of the API.
pub(super) const INDEX: &str = include_str!("page/index.html");
