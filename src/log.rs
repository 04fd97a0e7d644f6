//! How log lines look: a priority prefix for the journal, time and colour for a terminal.
//!
//! Event first in lower case, then `key=value`. What is worth a line is decided where it happens.

use crate::config::Environment;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};
use std::io::{self, IsTerminal, Write};

/// Sets the logger up, once, before anything logs.
pub fn init(env: &Environment) {
    let filter = env.rust_log.as_deref().unwrap_or("info");
    let mut builder = Builder::new();
    // What tiny_http calls an error is the end of its listener, which is meant; the gate says what
    // is not.
    builder.filter_module("tiny_http", LevelFilter::Off).parse_filters(filter).target(Target::Stderr);
    let (journal, colour) = (env.journal, io::stderr().is_terminal());
    builder.format(
        move |out, record| {
            if journal { journal_line(out, record) } else { plain_line(out, record, colour) }
        },
    );
    builder.init();
}

/// sd-daemon(3): `<N>` at the start of a line is its priority. One record is one line.
fn journal_line(out: &mut impl Write, record: &Record) -> io::Result<()> {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    writeln!(out, "<{priority}>{}", one_line(record))
}

fn plain_line(out: &mut impl Write, record: &Record, colour: bool) -> io::Result<()> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let level = record.level();
    let paint = match level {
        _ if !colour => "",
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug | Level::Trace => "\x1b[2m",
    };
    let reset = if paint.is_empty() { "" } else { "\x1b[0m" };
    writeln!(out, "{now} {paint}{level:5}{reset} {}", one_line(record))
}

/// Control characters, which a drive's own strings may hold, never reach the log as they are.
fn one_line(record: &Record) -> String {
    let text = record.args().to_string();
    if text.chars().any(char::is_control) {
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
    } else {
        text
    }
}
