//! How log lines look: fields for systemd's journal, time and colour for a terminal.
//!
//! Event first in lower case, then `key=value`. What is worth a line is decided where it happens;
//! here it is only seen to that no fault and no stranger can fill a disk.

mod budget;
mod journald;

use crate::config::Environment;
use crate::domain::text::is_control_or_bidi;
use crate::events::EventKind;
use budget::Budget;
use env_logger::{Builder, Target};
use journald::{Journald, Sent, stderr_has_room};
use log::{Level, LevelFilter, Record};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Sets the logger up, once, before anything logs.
pub fn init(env: &Environment) {
    let filter = env.log_filter();
    let mut builder = Builder::new();
    // What tiny_http calls an error is the end of its listener, which is meant; the gate says what
    // is not.
    builder.filter_module("tiny_http", LevelFilter::Off).parse_filters(filter).target(Target::Stderr);
    let journal = Journald::behind_stderr(env.journal_stream);
    let colour = io::stderr().is_terminal();
    let budget = Mutex::new(Budget::default());
    builder.format(move |out, record| {
        // Whoever asks for debug lines wants them all.
        if record.level() <= Level::Info {
            let word = budget.lock().unwrap_or_else(PoisonError::into_inner).spend(Instant::now());
            if let Some(notice) = word.notice() {
                match &journal {
                    Some(journal) => say_left_out(journal, out, &notice)?,
                    None => plain_line(out, Level::Warn, &notice, colour)?,
                }
            }
            if word.is_left_out() {
                return Ok(());
            }
        }
        let text = one_line(&record.args().to_string());
        match &journal {
            Some(journal) => to_journal(journal, out, record, &text),
            None => plain_line(out, record.level(), &text, colour),
        }
    });
    builder.init();
}

fn to_journal(journal: &Journald, out: &mut impl Write, record: &Record, text: &str) -> io::Result<()> {
    if let Some(lost) = journal.take_lost() {
        let notice = format!("the journal took nothing for a while, log lines were lost count={lost}");
        let told = journald::notice(Level::Warn, &notice, EventKind::LinesLeftOut.message_id());
        if journal.send(&told) != Sent::Taken {
            journal.lose_again(lost);
        }
    }
    let sent = journal.send(&journald::datagram(record, text));
    otherwise(journal, sent, out, record.level(), text)
}

fn say_left_out(journal: &Journald, out: &mut impl Write, text: &str) -> io::Result<()> {
    let sent = journal.send(&journald::notice(Level::Warn, text, EventKind::LinesLeftOut.message_id()));
    otherwise(journal, sent, out, Level::Warn, text)
}

/// What the journal did not take goes where systemd would have it without fields, if that takes it at once.
fn otherwise(journal: &Journald, sent: Sent, out: &mut impl Write, level: Level, text: &str) -> io::Result<()> {
    match sent {
        Sent::Taken => Ok(()),
        Sent::Refused if stderr_has_room() => journal_line(out, level, text),
        Sent::Refused | Sent::Full => {
            journal.lose();
            Ok(())
        }
    }
}

/// syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// sd-daemon(3): `<N>` at the start of a line is its priority. One record is one line.
fn journal_line(out: &mut impl Write, level: Level, text: &str) -> io::Result<()> {
    writeln!(out, "<{}>{text}", priority(level))
}

fn plain_line(out: &mut impl Write, level: Level, text: &str, colour: bool) -> io::Result<()> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let paint = match level {
        _ if !colour => "",
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug | Level::Trace => "\x1b[2m",
    };
    let reset = if paint.is_empty() { "" } else { "\x1b[0m" };
    writeln!(out, "{now} {paint}{level:5}{reset} {text}")
}

/// Control characters and marks of direction, which a drive's own strings may hold, never reach the
/// log as they are.
fn one_line(text: &str) -> String {
    if !text.chars().any(is_control_or_bidi) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if is_control_or_bidi(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_steers_where_it_is_read() {
        assert_eq!(one_line("a\x1b[31m\nb\u{202e}c"), "a\\u{1b}[31m\\nb\\u{202e}c");
        assert_eq!(one_line("Köln °C"), "Köln °C");
    }
}
