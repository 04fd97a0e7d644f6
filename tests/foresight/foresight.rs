//! Replays histories of real drives through the rules, and prints how well the verdicts predict failures.
//!
//! `make foresight DATA=FILE`; docs/foresight.md describes the file and the tables.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "reads options from the environment, and indexes lists by the maps beside them"
)]

mod program;

use program::{ForesightError, Options};
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(report) => print(&report),
        Err(error) => {
            eprintln!("foresight: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, ForesightError> {
    let options = Options::parse(std::env::args_os().nth(1), |name| std::env::var_os(name))?;
    program::run(&options)
}

fn print(report: &str) -> ExitCode {
    match io::stdout().write_all(report.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("foresight: the tables cannot be printed: {error}");
            ExitCode::FAILURE
        }
    }
}
