//! Untrusted JSON of tools: a flat list of its values, in the order of the text and borrowed from it.
//!
//! The limits are enforced during parsing. Numbers and strings are decoded on access; one that cannot be decoded does
//! not affect other values. Of duplicate keys in an object, the last one counts.

mod escape;
mod parse;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub(super) use parse::{JsonError, Limits, parse};
pub(super) use tree::{Json, Tree};
pub(super) use write::raw_value;
