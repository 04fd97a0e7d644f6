//! The logger: sends records to systemd's journal as fields, or writes lines to standard error, with a rate limit.
//!
//! A line is `subject event` in lower case, then `key=value` pairs.

mod format;
mod journald;
mod rate_limit;

use crate::config::Environment;
use crate::events::EventKind;
use env_logger::{Builder, Target};
use format::{journal_line, one_line, plain_line};
use journald::{Journald, SendOutcome, is_stderr_ready};
use log::{Level, LevelFilter, Record};
use rate_limit::RateLimiter;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Installs the logger; called once, before anything is logged.
pub fn init(env: &Environment) {
    let filter = env.log_filter();
    let mut builder = Builder::new();
    // tiny_http logs the intended end of its listener as an error. `http/server` logs real failures.
    builder.filter_module("tiny_http", LevelFilter::Off).parse_filters(filter).target(Target::Stderr);
    let journal = Journald::behind_stderr(env.journal_stream);
    let colour = io::stderr().is_terminal();
    let limiter = Mutex::new(RateLimiter::default());
    builder.format(move |out, record| {
        // Debug lines are not limited.
        if record.level() <= Level::Info {
            let decision = limiter.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now());
            if let Some(notice) = decision.notice() {
                match &journal {
                    Some(journal) => send_notice(journal, out, &notice)?,
                    None => plain_line(out, Level::Warn, &notice, colour)?,
                }
            }
            if decision.is_suppressed() {
                return Ok(());
            }
        }
        let text = one_line(&record.args().to_string());
        match &journal {
            Some(journal) => send_record(journal, out, record, &text),
            None => plain_line(out, record.level(), &text, colour),
        }
    });
    builder.init();
}

fn send_record(journal: &Journald, out: &mut impl Write, record: &Record, text: &str) -> io::Result<()> {
    if let Some(lost) = journal.take_lost_count() {
        let notice = format!("log lines lost, the journal did not accept them count={lost}");
        let datagram = journald::notice(Level::Warn, &notice, EventKind::LinesLeftOut.message_id());
        if journal.send(&datagram) != SendOutcome::Accepted {
            journal.add_lost(lost);
        }
    }
    let outcome = journal.send(&journald::datagram(record, text));
    fall_back_to_stderr(journal, outcome, out, record.level(), text)
}

fn send_notice(journal: &Journald, out: &mut impl Write, text: &str) -> io::Result<()> {
    let outcome = journal.send(&journald::notice(Level::Warn, text, EventKind::LinesLeftOut.message_id()));
    fall_back_to_stderr(journal, outcome, out, Level::Warn, text)
}

/// Writes a line that the journal rejected to standard error, without fields, if that does not block.
fn fall_back_to_stderr(
    journal: &Journald,
    outcome: SendOutcome,
    out: &mut impl Write,
    level: Level,
    text: &str,
) -> io::Result<()> {
    match outcome {
        SendOutcome::Accepted => Ok(()),
        SendOutcome::Rejected if is_stderr_ready() => journal_line(out, level, text),
        SendOutcome::Rejected | SendOutcome::Full => {
            journal.add_lost(1);
            Ok(())
        }
    }
}
