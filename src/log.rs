//! How log lines look: a priority prefix for the journal, time and colour for a terminal.
//!
//! Event first in lower case, then `key=value`. What is worth a line is decided where it happens;
//! here it is only seen to that no fault and no stranger can fill a disk.

use crate::config::Environment;
use crate::model::words::steers;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Sets the logger up, once, before anything logs.
pub fn init(env: &Environment) {
    let filter = env.rust_log.as_deref().unwrap_or("info");
    let mut builder = Builder::new();
    // What tiny_http calls an error is the end of its listener, which is meant; the gate says what
    // is not.
    builder.filter_module("tiny_http", LevelFilter::Off).parse_filters(filter).target(Target::Stderr);
    let (journal, colour) = (env.journal, io::stderr().is_terminal());
    let budget = Mutex::new(Budget::default());
    builder.format(move |out, record| {
        let line = |out: &mut _, level, text: &str| {
            if journal { journal_line(out, level, text) } else { plain_line(out, level, text, colour) }
        };
        // Whoever asks for debug lines wants them all.
        if record.level() <= Level::Info {
            let word = budget.lock().unwrap_or_else(PoisonError::into_inner).spend(Instant::now());
            if let Some(notice) = word.notice() {
                line(out, Level::Warn, &notice)?;
            }
            if word.is_left_out() {
                return Ok(());
            }
        }
        line(out, record.level(), &one_line(&record.args().to_string()))
    });
    builder.init();
}

/// So many lines may be written in a minute: more than any fault has to say that is told once.
const LINES_A_MINUTE: u32 = 600;
const MINUTE: Duration = Duration::from_secs(60);

/// How many lines this minute has seen.
#[derive(Default)]
struct Budget {
    since: Option<Instant>,
    lines: u32,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Write,
    /// It is written, and before it how many were left out.
    WriteAfter(u32),
    /// The first that is left out, which is told.
    LeaveOutAndSay,
    LeaveOut,
}

impl Word {
    fn is_left_out(&self) -> bool {
        matches!(self, Self::LeaveOutAndSay | Self::LeaveOut)
    }

    fn notice(&self) -> Option<String> {
        match self {
            Self::WriteAfter(count) => Some(format!("log lines were left out count={count}")),
            Self::LeaveOutAndSay => {
                Some(format!("more than {LINES_A_MINUTE} log lines within a minute, the others are left out"))
            }
            Self::Write | Self::LeaveOut => None,
        }
    }
}

impl Budget {
    fn spend(&mut self, now: Instant) -> Word {
        let is_new = self.since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE);
        let left_out = if is_new { self.lines.saturating_sub(LINES_A_MINUTE) } else { 0 };
        if is_new {
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            _ if left_out > 0 => Word::WriteAfter(left_out),
            n if n <= LINES_A_MINUTE => Word::Write,
            n if n == LINES_A_MINUTE + 1 => Word::LeaveOutAndSay,
            _ => Word::LeaveOut,
        }
    }
}

/// sd-daemon(3): `<N>` at the start of a line is its priority. One record is one line.
fn journal_line(out: &mut impl Write, level: Level, text: &str) -> io::Result<()> {
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    writeln!(out, "<{priority}>{text}")
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
    if !text.chars().any(steers) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if steers(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_steers_where_it_is_read() {
        assert_eq!(one_line("a\x1b[31m\nb\u{202e}c"), "a\\u{1b}[31m\\nb\\u{202e}c");
        assert_eq!(one_line("Köln °C"), "Köln °C");
    }

    #[test]
    fn a_flood_of_lines_is_cut_off_and_counted() {
        let (mut budget, start) = (Budget::default(), Instant::now());
        for _ in 0..LINES_A_MINUTE {
            assert_eq!(budget.spend(start), Word::Write);
        }
        assert_eq!(budget.spend(start), Word::LeaveOutAndSay);
        assert_eq!(budget.spend(start + MINUTE / 2), Word::LeaveOut);
        assert_eq!(budget.spend(start + MINUTE), Word::WriteAfter(2));
        assert_eq!(budget.spend(start + MINUTE), Word::Write);
        assert_eq!(budget.spend(start + 2 * MINUTE), Word::Write, "nothing was left out");
    }
}
