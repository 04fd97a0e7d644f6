//! The parser: RFC 8259, without recursion. Strings are lenient: anything between quotes.

use super::escape::Quoted;
use super::tree::{Kind, Node, Span, Tree};
use thiserror::Error;

/// Limits of a text.
#[derive(Clone, Copy, Debug)]
pub(in crate::probe) struct Limits {
    pub(in crate::probe) bytes: usize,
    pub(in crate::probe) values: usize,
    /// Lists and objects within each other.
    pub(in crate::probe) depth: usize,
}

/// Why a text was not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(in crate::probe) enum JsonError {
    #[error("is broken")]
    Syntax,
    #[error("has over {0} bytes")]
    Bytes(usize),
    #[error("has over {0} values")]
    Values(usize),
    #[error("is nested deeper than {0} levels")]
    Depth(usize),
}

/// Parses a text that is one value.
pub(in crate::probe) fn parse(text: &str, limits: Limits) -> Result<Tree<'_>, JsonError> {
    if text.len() > limits.bytes {
        return Err(JsonError::Bytes(limits.bytes));
    }
    let mut parser =
        Parser { text, bytes: text.as_bytes(), at: 0, nodes: Vec::new(), open: Vec::new(), is_clean: true, limits };
    parser.document()?;
    Ok(Tree::new(text, parser.nodes, parser.is_clean))
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// The current position in the text.
    at: usize,
    nodes: Vec<Node>,
    /// The lists and objects that have not ended, by their index.
    open: Vec<usize>,
    is_clean: bool,
    limits: Limits,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), JsonError> {
        loop {
            let in_object = self.innermost() == Some(Kind::Object);
            let (key, key_quoted) = if in_object { self.key()? } else { (span(0, 0), Quoted::Plain) };
            let has_opened = self.value(key, key_quoted)?;
            if has_opened && !matches!(self.peek_after_blanks(), Some(b']' | b'}')) {
                continue;
            }
            if self.end_of_value()? {
                return Ok(());
            }
        }
    }

    /// After a value: closes the lists and objects that end there, and skips the comma. True if the text has ended.
    fn end_of_value(&mut self) -> Result<bool, JsonError> {
        loop {
            let next = self.peek_after_blanks();
            let Some(innermost) = self.innermost() else {
                return if next.is_none() { Ok(true) } else { Err(JsonError::Syntax) };
            };
            self.at += 1;
            match (next, innermost) {
                (Some(b','), _) => return Ok(false),
                (Some(b'}'), Kind::Object) | (Some(b']'), Kind::List) => self.close(),
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    /// The kind of the innermost open list or object.
    fn innermost(&self) -> Option<Kind> {
        let node = self.nodes.get(*self.open.last()?)?;
        Some(node.kind)
    }

    fn close(&mut self) {
        let end = self.nodes.len();
        if let Some(at) = self.open.pop()
            && let Some(node) = self.nodes.get_mut(at)
        {
            node.end = index(end);
            node.value.end = index(self.at);
        }
    }

    fn key(&mut self) -> Result<(Span, Quoted), JsonError> {
        if self.peek_after_blanks() != Some(b'"') {
            return Err(JsonError::Syntax);
        }
        let key = self.string()?;
        if self.peek_after_blanks() != Some(b':') {
            return Err(JsonError::Syntax);
        }
        self.at += 1;
        Ok(key)
    }

    /// Adds a value. True if it is a list or an object, of which only the beginning has been read.
    fn value(&mut self, key: Span, key_quoted: Quoted) -> Result<bool, JsonError> {
        if self.nodes.len() >= self.limits.values {
            return Err(JsonError::Values(self.limits.values));
        }
        let first = self.peek_after_blanks();
        let start = self.at;
        let (kind, value) = match first {
            Some(b'"') => {
                let (value, quoted) = self.string()?;
                (Kind::Text(quoted), value)
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                (Kind::Number, span(start, self.at))
            }
            Some(b'{') => (Kind::Object, self.open(start)?),
            Some(b'[') => (Kind::List, self.open(start)?),
            Some(b't') => (Kind::Bool(true), self.word("true")?),
            Some(b'f') => (Kind::Bool(false), self.word("false")?),
            Some(b'n') => (Kind::Null, self.word("null")?),
            _ => return Err(JsonError::Syntax),
        };
        self.nodes.push(Node { key, value, end: index(self.nodes.len() + 1), kind, key_quoted });
        Ok(matches!(kind, Kind::List | Kind::Object))
    }

    fn open(&mut self, start: usize) -> Result<Span, JsonError> {
        if self.open.len() >= self.limits.depth {
            return Err(JsonError::Depth(self.limits.depth));
        }
        self.open.push(self.nodes.len());
        self.at += 1;
        Ok(span(start, self.at))
    }

    fn word(&mut self, word: &str) -> Result<Span, JsonError> {
        let start = self.at;
        self.at += word.len();
        if self.bytes.get(start..self.at) != Some(word.as_bytes()) {
            return Err(JsonError::Syntax);
        }
        Ok(span(start, self.at))
    }

    /// Parses a string; the position is at its opening quote.
    fn string(&mut self) -> Result<(Span, Quoted), JsonError> {
        self.at += 1;
        let start = self.at;
        let mut quoted = Quoted::Plain;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f)).ok_or(JsonError::Syntax)?;
            self.at += plain;
            let special = self.peek();
            self.at += 1;
            match special {
                Some(b'"') => break,
                Some(b'\\') if self.escape() => {
                    if quoted == Quoted::Plain {
                        quoted = Quoted::Escaped;
                    }
                }
                _ => quoted = Quoted::Broken,
            }
        }
        self.is_clean &= quoted != Quoted::Broken;
        Ok((span(start, self.at - 1), quoted))
    }

    /// After a backslash: skips the escape. False if it is invalid.
    fn escape(&mut self) -> bool {
        let escaped = self.peek();
        self.at += 1;
        if escaped != Some(b'u') {
            return matches!(escaped, Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'));
        }
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        // Many parsers reject an unpaired surrogate; a pair is written as its character.
        let is_surrogate = matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
        self.is_clean &= !is_surrogate;
        self.at += 4;
        true
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.skip_if(|byte| byte == b'-');
        if !self.skip_if(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.skip_if(|byte| byte == b'.') {
            self.digits()?;
        }
        let mut is_long = self.at - start > MAX_SAFE_DIGITS;
        if self.skip_if(|byte| matches!(byte, b'e' | b'E')) {
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
            is_long = true;
        }
        // Many parsers reject a text with a number outside the range of a double.
        if is_long {
            let number = self.text.get(start..self.at).unwrap_or_default();
            self.is_clean &= number.parse().is_ok_and(f64::is_finite);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count > 0 { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// Skips the next byte if it matches.
    fn skip_if(&mut self, matches: impl Fn(u8) -> bool) -> bool {
        match self.peek() {
            Some(byte) if matches(byte) => {
                self.at += 1;
                true
            }
            _ => false,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn peek_after_blanks(&mut self) -> Option<u8> {
        while self.skip_if(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {}
        self.peek()
    }
}

/// Numbers with at most this many characters and no exponent are within the range of a double.
const MAX_SAFE_DIGITS: usize = 300;

fn span(start: usize, end: usize) -> Span {
    Span { start: index(start), end: index(end) }
}

/// Positions and indexes are within the limits, which are far below `u32::MAX`.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
