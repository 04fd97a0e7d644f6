//! The command line: commands and their options. The options of settings are defined in `config`.

use crate::config::Arguments;
use crate::scan::Sort;
use crate::terminal::Color;
use clap::{Parser, Subcommand};

/// Shows each drive of JBOD enclosures with its bay, its health and its pool.
#[derive(Debug, Parser)]
#[command(
    name = "jbod-monitor",
    version,
    about,
    after_help = "Every setting can also be given as the environment variable shown with it; an option overrides the \
                  variable. REDIS_PASSWORD and RUST_LOG are read from the environment only.\n\
                  Exit status: 0 clean stop, 1 runtime failure, 2 usage error, 78 invalid configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub settings: Arguments,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the daemon (the default)
    Serve,
    /// Read every drive once and print the result, without Redis or HTTP
    Scan {
        /// Print the overview as JSON
        #[arg(long)]
        json: bool,
        /// Order of the drives
        #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
        sort: Sort,
        /// When to colour verdicts
        #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
        color: Color,
    },
    /// Check the host and the settings, and suggest fixes; exits with 1 if a check fails
    Doctor {
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
        /// When to colour findings
        #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
        color: Color,
    },
    /// Make the running daemon forget a missing drive, shelf, IO module or path that was removed for good; exits with 1 if
    /// nothing was forgotten
    Forget {
        /// Serial number or WWN of a drive that is missing or has missing paths, or id of an enclosure that is missing or has
        /// missing IO modules
        #[arg(value_name = "SERIAL|ENCLOSURE")]
        subject: String,
    },
    /// Print every effective setting and its source; exits with 78 if one is invalid
    CheckConfig,
}
