//! The format of log lines: with a priority for the journal, with time and colour for a terminal.

use crate::domain::text::is_control_or_bidi;
use log::Level;
use std::io::{self, Write};

/// The priority as in syslog(3).
pub(super) fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// sd-daemon(3): `<N>` at the start of a line is its priority. One record is one line.
pub(super) fn journal_line(out: &mut impl Write, level: Level, text: &str) -> io::Result<()> {
    writeln!(out, "<{}>{text}", priority(level))
}

pub(super) fn plain_line(out: &mut impl Write, level: Level, text: &str, colour: bool) -> io::Result<()> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    if !colour {
        return writeln!(out, "{now} {level:5} {text}");
    }
    let paint = match level {
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug | Level::Trace => "\x1b[2m",
    };
    writeln!(out, "{now} {paint}{level:5}\x1b[0m {text}")
}

/// The text with control and bidirectional characters escaped, because strings reported by drives may contain them.
pub(super) fn one_line(text: &str) -> String {
    if !text.chars().any(is_control_or_bidi) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control_or_bidi(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters() {
        assert_eq!(one_line("a\x1b[31m\nb\u{202e}c"), "a\\u{1b}[31m\\nb\\u{202e}c");
        assert_eq!(one_line("Köln °C"), "Köln °C");
    }
}
