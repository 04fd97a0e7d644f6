//! Environment variables without an option: the password, the log filter, the terminal. clap reads those with one.

use super::log_filter;
use super::settings::{JBOD_LIMITS_FILE, REDIS_PASSWORD, RUST_LOG};
use std::ffi::OsString;
use std::path::PathBuf;

/// The environment variables that clap does not read.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub(crate) redis_password: Option<String>,
    /// The former name of `JBOD_RULES_FILE`.
    pub(crate) limits_file: Option<String>,
    pub(crate) credentials_directory: Option<PathBuf>,
    pub(crate) path: Option<OsString>,
    pub(crate) rust_log: Option<String>,
    /// `JOURNAL_STREAM`: device and inode of the stream to systemd's journal.
    pub(crate) journal_stream: Option<(u64, u64)>,
    /// `MALLOC_ARENA_MAX` is set, so malloc is tuned already.
    pub arenas: bool,
    /// `COLUMNS`: overrides the width of the terminal.
    pub(crate) columns: Option<usize>,
    /// `NO_COLOR` is set, or `TERM` is `dumb`: no colour unless it is requested.
    pub(crate) no_color: bool,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads PATH")]
    pub fn read() -> Self {
        Self {
            redis_password: variable(REDIS_PASSWORD.name),
            limits_file: variable(JBOD_LIMITS_FILE.name),
            credentials_directory: variable("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            rust_log: variable(RUST_LOG.name),
            journal_stream: journal_stream(),
            arenas: variable("MALLOC_ARENA_MAX").is_some(),
            columns: columns(),
            no_color: variable("NO_COLOR").is_some() || variable("TERM").as_deref() == Some("dumb"),
        }
    }

    /// The log filter. An invalid one is replaced by the default, because the error about it is logged, too.
    pub(crate) fn log_filter(&self) -> &str {
        log_filter::checked(self.rust_log.as_deref()).unwrap_or(RUST_LOG.default)
    }
}

/// The only place that reads single variables. An empty variable counts as unset.
#[expect(clippy::disallowed_methods, reason = "the only place that reads single environment variables")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `JOURNAL_STREAM`, `DEVICE:INODE` (systemd.exec(5)).
fn journal_stream() -> Option<(u64, u64)> {
    let stream = variable("JOURNAL_STREAM")?;
    let (device, inode) = stream.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

fn columns() -> Option<usize> {
    variable("COLUMNS")?.parse().ok()
}
