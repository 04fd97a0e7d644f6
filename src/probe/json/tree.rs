//! The values of a JSON text.

use super::escape::{Quoted, decode};
use std::borrow::Cow;

/// Bytes of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number,
    Text(Quoted),
    List,
    Object,
}

/// One value, with its key if it is in an object.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: Span,
    pub(super) value: Span,
    /// The index after the last value in it.
    pub(super) end: u32,
    pub(super) kind: Kind,
    pub(super) key_quoted: Quoted,
}

/// All values of a text; the first one is the root.
#[derive(Debug)]
pub(in crate::probe) struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    /// Every parser accepts the text unchanged, with the same result.
    is_clean: bool,
}

impl<'a> Tree<'a> {
    /// `is_clean`: every parser accepts the text unchanged, with the same result.
    pub(super) fn new(text: &'a str, nodes: Vec<Node>, is_clean: bool) -> Self {
        Self { text, nodes, is_clean }
    }

    /// The text, if every parser accepts it unchanged, with the same result.
    pub(super) fn clean_text(&self) -> Option<&'a str> {
        if self.is_clean { Some(self.text) } else { None }
    }

    pub(in crate::probe) fn root(&self) -> Json<'_> {
        Json { tree: self, at: 0 }
    }

    fn slice(&self, span: Span) -> &str {
        let (Ok(start), Ok(end)) = (usize::try_from(span.start), usize::try_from(span.end)) else { return "" };
        self.text.get(start..end).unwrap_or_default()
    }
}

/// A value in a tree.
#[derive(Clone, Copy, Debug)]
pub(in crate::probe) struct Json<'a> {
    tree: &'a Tree<'a>,
    at: usize,
}

impl<'a> Json<'a> {
    fn node(self) -> Option<&'a Node> {
        self.tree.nodes.get(self.at)
    }

    pub(super) fn kind(self) -> Kind {
        match self.node() {
            Some(node) => node.kind,
            None => Kind::Null,
        }
    }

    pub(in crate::probe) fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    pub(in crate::probe) fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    pub(in crate::probe) fn as_bool(self) -> Option<bool> {
        if let Kind::Bool(value) = self.kind() { Some(value) } else { None }
    }

    /// The digits of a number, unchanged.
    pub(in crate::probe) fn as_number(self) -> Option<&'a str> {
        let node = self.node().filter(|node| node.kind == Kind::Number)?;
        Some(self.tree.slice(node.value))
    }

    /// A decoded string. An unpaired surrogate is U+FFFD.
    pub(in crate::probe) fn as_text(self) -> Option<Cow<'a, str>> {
        let node = self.node()?;
        let Kind::Text(quoted) = node.kind else { return None };
        decode(self.tree.slice(node.value), quoted)
    }

    /// The values of a list.
    pub(in crate::probe) fn items(self) -> impl Iterator<Item = Json<'a>> {
        self.children().filter(move |_| self.kind() == Kind::List)
    }

    /// The values of an object with their keys, in order.
    pub(in crate::probe) fn entries(self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        self.children().filter_map(move |value| {
            if !self.is_object() {
                return None;
            }
            Some((value.key()?, value))
        })
    }

    /// The decoded key of a value in an object. `None` if it is invalid.
    fn key(self) -> Option<Cow<'a, str>> {
        let node = self.node()?;
        decode(self.tree.slice(node.key), node.key_quoted)
    }

    /// The value of a key; of duplicate keys, the last.
    pub(in crate::probe) fn get(self, key: &str) -> Option<Self> {
        if !self.is_object() {
            return None;
        }
        self.children().filter(|value| value.has_key(key)).last()
    }

    /// The value at a JSON pointer (RFC 6901) without escapes.
    pub(in crate::probe) fn pointer(self, path: &str) -> Option<Self> {
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
            Quoted::Escaped => decode(raw, Quoted::Escaped).is_some_and(|decoded| decoded == key),
            Quoted::Broken => false,
        }
    }

    /// The direct children. Each child follows all descendants of the one before it.
    fn children(self) -> impl Iterator<Item = Json<'a>> {
        let end = match self.node() {
            Some(node) => node.end(),
            None => 0,
        };
        let first = self.child_at(self.at + 1, end);
        std::iter::successors(first, move |before| self.child_at(before.node()?.end(), end))
    }

    /// `end`: the index after the last child.
    fn child_at(self, at: usize, end: usize) -> Option<Self> {
        if at >= end {
            return None;
        }
        Some(Self { at, ..self })
    }
}

impl Node {
    fn end(&self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }
}
