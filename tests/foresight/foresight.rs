//! Replays histories of real drives through the rules, and prints how well the verdicts predict failures.
//!
//! `make foresight DATA=FILE`; docs/foresight.md describes the file and the tables.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "options come from the environment, and indices from the maps beside what they point into"
)]

mod program;

use program::Options;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse(std::env::args_os().nth(1), |name| std::env::var_os(name));
    let report = match options.and_then(|options| program::run(&options)) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("foresight: {error}");
            return ExitCode::FAILURE;
        }
    };
    match io::stdout().write_all(report.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("foresight: the tables cannot be printed: {error}");
            ExitCode::FAILURE
        }
    }
}
