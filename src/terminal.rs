//! The terminal: its width, colours, wrapping and truncation of text.
//!
//! Output to a pipe or a file is not truncated, and is coloured only on request.

use crate::config::Environment;
use anyhow::Context;
use std::io::{self, IsTerminal, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Minimum width; on a narrower terminal lines may be wider than it.
pub(crate) const MIN_WIDTH: usize = 40;
/// Width if the terminal does not report one.
const DEFAULT_WIDTH: usize = 80;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or TERM is dumb
    #[default]
    Auto,
    Always,
    Never,
}

/// The destination of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns; `None`: unlimited.
    pub(crate) width: Option<usize>,
    pub(crate) is_coloured: bool,
}

impl Screen {
    pub fn of_stdout(env: &Environment, color: Color) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            width: if is_terminal { Some(terminal_width(env).max(MIN_WIDTH)) } else { None },
            is_coloured: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && !env.no_color,
            },
        }
    }

    /// `text` with the SGR parameters `sgr` (ECMA-48), unchanged if colour is off.
    pub(crate) fn paint(self, text: &str, sgr: &str) -> String {
        if self.is_coloured && !text.is_empty() { format!("\x1b[{sgr}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Wraps `text` to the width, with `indent` spaces before all lines except the first, and ends it with a newline.
    pub(crate) fn wrap(self, text: &str, indent: usize) -> String {
        let Some(width) = self.width else { return format!("{text}\n") };
        let mut out = String::new();
        let mut line = String::new();
        for (number, word) in text.split(' ').enumerate() {
            let room = width.saturating_sub(line.width());
            if number == 0 || word.width() < room {
                line.push_str(if number > 0 { " " } else { "" });
            } else {
                out.push_str(line.trim_end());
                out.push('\n');
                line = " ".repeat(indent);
            }
            line.push_str(word);
            // A word that is wider than the terminal is broken at its edge.
            while line.width() > width {
                let (head, rest) = split_at_width(&line, width);
                out.push_str(&head);
                out.push('\n');
                line = format!("{:indent$}{rest}", "");
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
        out
    }
}

/// `COLUMNS`, the width that the terminal reports, or a default.
fn terminal_width(env: &Environment) -> usize {
    if let Some(columns) = env.columns
        && columns > 0
    {
        return columns;
    }
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => DEFAULT_WIDTH,
    }
}

fn split_at_width(text: &str, width: usize) -> (String, String) {
    let mut taken = 0;
    let mut end = text.len();
    for (index, character) in text.char_indices() {
        taken += character.width().unwrap_or(0);
        if taken > width {
            end = index;
            break;
        }
    }
    let (head, rest) = text.split_at(end);
    (head.to_owned(), rest.to_owned())
}

/// The width of a text in columns.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The part of a text that is kept if the text is truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Beginning,
    End,
}

/// Truncates a text to at most `most` columns, with `…` in place of the omitted part.
pub(crate) fn truncate(text: &str, most: usize, kept: Kept) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(1);
    match kept {
        Kept::Beginning => format!("{}…", split_at_width(text, room).0),
        Kept::End => {
            let mut taken = 0;
            let mut start = text.len();
            for (index, character) in text.char_indices().rev() {
                taken += character.width().unwrap_or(0);
                if taken > room {
                    break;
                }
                start = index;
            }
            format!("…{}", text.get(start..).unwrap_or_default())
        }
    }
}

/// Writes to standard output. A closed pipe (`scan | head`) is not a failure.
pub fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_truncated_to_the_width() {
        assert_eq!(truncate("ST16000NM004J", 20, Kept::Beginning), "ST16000NM004J");
        assert_eq!(truncate("ST16000NM004J", 6, Kept::Beginning), "ST160…");
        assert_eq!(truncate("0x50030480baa4c03f/7", 8, Kept::End), "…4c03f/7");
        assert_eq!(truncate("日本語", 4, Kept::Beginning), "日…");
        assert_eq!(truncate("日本語", 4, Kept::End), "…語");
        assert_eq!(truncate("abc", 0, Kept::Beginning), "…");
    }

    #[test]
    fn lines_are_broken_between_words_and_no_word_is_lost() {
        let screen = Screen { width: Some(12), is_coloured: false };
        assert_eq!(screen.wrap("one two three four", 2), "one two\n  three four\n");
        assert_eq!(screen.wrap("abcdefghijklmnopq rs", 2), "abcdefghijkl\n  mnopq rs\n");
        for text in ["", "a", "  two  blanks ", &"x".repeat(100), "日本語日本語日本語 日本語"] {
            let wrapped = screen.wrap(text, 2);
            assert!(wrapped.lines().all(|line| width(line) <= 12), "{wrapped:?}");
            let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            assert_eq!(letters(&wrapped), letters(text));
        }
        assert_eq!(Screen { width: None, ..screen }.wrap("one two three four", 2), "one two three four\n");
    }
}
