//! The command line: what can be asked of the program. Settings themselves are in `config`.

use crate::config::Arguments;
use crate::scan::Sort;
use crate::terminal::Color;
use clap::{Parser, Subcommand};

/// Which bay holds which drive, how healthy it is, which pool it serves.
#[derive(Debug, Parser)]
#[command(
    name = "jbod-monitor",
    version,
    about,
    after_help = "Every setting can also be given by the environment variable shown with it; a flag wins. \
                  REDIS_PASSWORD and RUST_LOG are read from the environment only.\n\
                  Exit codes: 0 clean stop, 1 runtime failure, 2 usage, 78 bad configuration."
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
    /// Read every drive once, now, without Redis or HTTP
    Scan {
        /// Print the overview as JSON
        #[arg(long)]
        json: bool,
        /// In which order drives are listed
        #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
        sort: Sort,
        /// When verdicts are coloured
        #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
        color: Color,
    },
    /// Say what is missing and how to mend it; exit 1 when something must be mended
    Doctor {
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
        /// When findings are coloured
        #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
        color: Color,
    },
    /// End "missing" for a drive, shelf, IO module or path that was removed for good, by asking the running daemon; exit 1 when nothing was forgotten
    Forget {
        /// Serial number or WWN of a drive that is missing or has missing paths, or id of an enclosure that is missing or has
        /// missing IO modules
        #[arg(value_name = "SERIAL|ENCLOSURE")]
        subject: String,
    },
    /// Print every effective setting and its source; exit 78 on a bad one
    CheckConfig,
}
