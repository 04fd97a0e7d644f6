//! Environment variables that are not options: passwords, the log filter, the terminal. clap reads those that are.

use super::log_filter;
use super::settings::{JBOD_LIMITS_FILE, REDIS_PASSWORD, RUST_LOG};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the environment holds that clap does not read.
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
    /// `MALLOC_ARENA_MAX` is set: how the C library keeps memory has been decided already.
    pub arenas: bool,
    /// `COLUMNS`: how wide lines may be, where the user would have it otherwise than the terminal.
    pub(crate) columns: Option<usize>,
    /// `NO_COLOR` is set, or `TERM` is `dumb`: no colour unless it is requested.
    pub(crate) no_color: bool,
}

impl Environment {
    /// The one place that reads environment variables by hand.
    #[expect(clippy::disallowed_methods, reason = "this is the door to the environment")]
    pub fn read() -> Self {
        let get = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        Self {
            redis_password: get(REDIS_PASSWORD.name),
            limits_file: get(JBOD_LIMITS_FILE.name),
            credentials_directory: get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            rust_log: get(RUST_LOG.name),
            journal_stream: get("JOURNAL_STREAM").and_then(|stream| {
                let (device, inode) = stream.split_once(':')?;
                Some((device.parse().ok()?, inode.parse().ok()?))
            }),
            arenas: get("MALLOC_ARENA_MAX").is_some(),
            columns: get("COLUMNS").and_then(|c| c.parse().ok()),
            no_color: get("NO_COLOR").is_some() || get("TERM").as_deref() == Some("dumb"),
        }
    }

    /// The filter of log lines. One that is not understood filters nothing that the default does not: the error that names
    /// it is logged, too.
    pub(crate) fn log_filter(&self) -> &str {
        log_filter::checked(self.rust_log.as_deref()).unwrap_or(RUST_LOG.default)
    }
}
