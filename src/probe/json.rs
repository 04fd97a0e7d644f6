//! JSON of tools, which is not trusted: a flat list of its values, in the order of the text and borrowed from it.
//!
//! Limits hold while it is parsed. A number or a string is decoded when it is asked for; one that cannot be decoded costs
//! itself and no other value. Of a key that an object has twice, the last one counts.

mod escape;
mod parse;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub(super) use parse::{JsonError, Limits, parse};
pub(super) use tree::{Json, Tree};
pub(super) use write::raw_value;
