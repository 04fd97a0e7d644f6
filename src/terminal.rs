//! The terminal: its width, its colours, and the layout of text.
//!
//! Output to a pipe or a file is neither truncated nor, unless requested, coloured.

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
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let own = || rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        let known = |width: &usize| *width > 0;
        let width = env.columns.filter(known).or_else(|| own().filter(known)).unwrap_or(DEFAULT_WIDTH);
        Self {
            width: is_terminal.then_some(width.max(MIN_WIDTH)),
            is_coloured: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && !env.no_color,
            },
        }
    }

    /// `text` in a colour, by its SGR number (ECMA-48); unchanged if colour is off.
    pub(crate) fn paint(self, text: &str, sgr: &str) -> String {
        if self.is_coloured && !text.is_empty() { format!("\x1b[{sgr}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Wraps `text` to the width, with `indent` blanks before all lines but the first, and ends it with a newline.
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

fn split_at_width(text: &str, width: usize) -> (String, String) {
    let mut taken = 0;
    let at = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > width
    });
    let at = at.map_or(text.len(), |(at, _)| at);
    (text.get(..at).unwrap_or_default().to_owned(), text.get(at..).unwrap_or_default().to_owned())
}

/// The width of a text in columns.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// At most `most` columns of a text, with `…` in place of the omitted part: the end, or with `keeps_end` the
/// beginning.
pub(crate) fn cut(text: &str, most: usize, keeps_end: bool) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(1);
    if keeps_end {
        let mut taken = 0;
        let kept: Vec<char> = text
            .chars()
            .rev()
            .take_while(|c| {
                taken += c.width().unwrap_or(0);
                taken <= room
            })
            .collect();
        return format!("…{}", kept.into_iter().rev().collect::<String>());
    }
    format!("{}…", split_at_width(text, room).0)
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
    fn texts_are_cut_to_what_fits() {
        assert_eq!(cut("ST16000NM004J", 20, false), "ST16000NM004J");
        assert_eq!(cut("ST16000NM004J", 6, false), "ST160…");
        assert_eq!(cut("0x50030480baa4c03f/7", 8, true), "…4c03f/7");
        assert_eq!(cut("日本語", 4, false), "日…");
        assert_eq!(cut("日本語", 4, true), "…語");
        assert_eq!(cut("abc", 0, false), "…");
    }

    #[test]
    fn lines_are_broken_between_words_and_no_word_is_lost() {
        let screen = Screen { width: Some(12), is_coloured: false };
        assert_eq!(screen.wrap("one two three four", 2), "one two\n  three four\n");
        assert_eq!(screen.wrap("abcdefghijklmnopq rs", 2), "abcdefghijkl\n  mnopq rs\n");
        for text in ["", "a", "  two  blanks ", &"x".repeat(100), "日本語日本語日本語 日本語"] {
            let wrapped = screen.wrap(text, 2);
            assert!(wrapped.lines().all(|l| width(l) <= 12), "{wrapped:?}");
            let letters = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(letters(&wrapped), letters(text));
        }
        assert_eq!(Screen { width: None, ..screen }.wrap("one two three four", 2), "one two three four\n");
    }
}
