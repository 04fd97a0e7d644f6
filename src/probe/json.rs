//! JSON of tools, which is not trusted: a flat list of its values, in the order of the text and borrowed from it.
//!
//! Limits hold while it is parsed. A number or a string is decoded when it is asked for; one that cannot be decoded costs
//! itself and no other value. Of a key that an object has twice, the last one counts.

mod parse;
#[cfg(test)]
mod tests;
mod text;

use serde_json::value::RawValue;
use std::borrow::Cow;
use thiserror::Error;

/// Limits of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) values: usize,
    /// Lists and objects within each other.
    pub(super) depth: usize,
}

/// Why a text was not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum JsonError {
    #[error("is broken")]
    Syntax,
    #[error("has over {0} bytes")]
    Bytes(usize),
    #[error("has over {0} values")]
    Values(usize),
    #[error("is nested deeper than {0} levels")]
    Depth(usize),
}

/// Bytes of the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

/// A string between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoted {
    Plain,
    Escaped,
    /// An escape that there is not, or a control character.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Bool(bool),
    Number,
    Text(Quoted),
    List,
    Object,
}

/// One value, with its key if it is in an object.
#[derive(Debug)]
struct Node {
    key: Span,
    value: Span,
    /// The index behind the last value in it.
    end: u32,
    kind: Kind,
    key_quoted: Quoted,
}

/// All values of a text; the first one is the root.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    /// Every parser accepts the text unchanged, with the same result.
    is_clean: bool,
}

impl<'a> Tree<'a> {
    /// Parses a text that is one value.
    pub(super) fn parse(text: &'a str, limits: Limits) -> Result<Self, JsonError> {
        parse::parse(text, limits)
    }

    pub(super) fn root(&self) -> Json<'_> {
        Json { tree: self, at: 0 }
    }

    /// The text for the next parser. Values that a strict parser would reject are `null` in it.
    pub(super) fn raw(&self) -> Option<Box<RawValue>> {
        let text = if self.is_clean { self.text.to_owned() } else { text::write(self.root()) };
        RawValue::from_string(text).ok()
    }

    fn slice(&self, span: Span) -> &str {
        let (start, end) = (usize::try_from(span.start), usize::try_from(span.end));
        start.ok().zip(end.ok()).and_then(|(start, end)| self.text.get(start..end)).unwrap_or_default()
    }
}

/// A value in a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<'a> {
    tree: &'a Tree<'a>,
    at: usize,
}

impl<'a> Json<'a> {
    fn node(self) -> Option<&'a Node> {
        self.tree.nodes.get(self.at)
    }

    fn kind(self) -> Kind {
        self.node().map_or(Kind::Null, |node| node.kind)
    }

    pub(super) fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    pub(super) fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        if let Kind::Bool(value) = self.kind() { Some(value) } else { None }
    }

    /// The digits of a number, unchanged.
    pub(super) fn as_number(self) -> Option<&'a str> {
        let node = self.node().filter(|node| node.kind == Kind::Number)?;
        Some(self.tree.slice(node.value))
    }

    /// A string without its escapes. Half a surrogate pair is U+FFFD.
    pub(super) fn as_text(self) -> Option<Cow<'a, str>> {
        let node = self.node()?;
        let Kind::Text(quoted) = node.kind else { return None };
        text::decode(self.tree.slice(node.value), quoted)
    }

    /// The values of a list.
    pub(super) fn items(self) -> impl Iterator<Item = Json<'a>> {
        self.children().filter(move |_| self.kind() == Kind::List)
    }

    /// The values of an object with their keys, in order.
    pub(super) fn entries(self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let of_object = self.children().filter(move |_| self.is_object());
        of_object.filter_map(|value| {
            let node = value.node()?;
            Some((text::decode(value.tree.slice(node.key), node.key_quoted)?, value))
        })
    }

    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<Json<'a>> {
        let of_object = self.children().filter(|_| self.is_object());
        of_object.filter(|value| value.has_key(key)).last()
    }

    /// The value at a JSON pointer (RFC 6901) without escapes.
    pub(super) fn pointer(self, path: &str) -> Option<Json<'a>> {
        let steps = path.split('/').skip(1);
        let mut value = self;
        for step in steps {
            value = match value.kind() {
                Kind::List => value.items().nth(step.parse().ok()?)?,
                _ => value.get(step)?,
            };
        }
        Some(value)
    }

    fn has_key(self, key: &str) -> bool {
        let Some(node) = self.node() else { return false };
        let raw = self.tree.slice(node.key);
        match node.key_quoted {
            Quoted::Plain => raw == key,
            Quoted::Escaped => text::decode(raw, Quoted::Escaped).is_some_and(|decoded| decoded == key),
            Quoted::Broken => false,
        }
    }

    /// The values directly in this one: the next is behind all that is in the one before.
    fn children(self) -> impl Iterator<Item = Json<'a>> {
        let end = self.node().map_or(0, Node::end);
        let child = move |at: usize| (at < end).then_some(Json { at, ..self });
        std::iter::successors(child(self.at + 1), move |before| child(before.node().map_or(end, Node::end)))
    }
}

impl Node {
    fn end(&self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }
}
