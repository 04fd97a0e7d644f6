//! The program: parses, dispatches, prints the error chain, and gives the exit code.

use anyhow::Context;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use jbod_monitor::cli::{Cli, Command};
use jbod_monitor::config::{Config, ConfigError, Environment, Row};
use jbod_monitor::daemon::Life;
use jbod_monitor::probe::launch;
use jbod_monitor::terminal::{Screen, print};
use jbod_monitor::{daemon, doctor, events, log, scan};
use std::process::ExitCode;

const RUNTIME_FAILURE: u8 = 1;
const BAD_CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    if let Some(code) = launch::become_tool() {
        return code;
    }
    launch::use_it();
    // Usage errors end here, with status 2; help and version with 0.
    let matches = Cli::command().get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let env = Environment::read();
    let command = cli.command.take().unwrap_or(Command::Serve);
    // Started over before it listens to signals: what one asks for would be forgotten with it.
    if matches!(command, Command::Serve) && !env.arenas {
        launch::with_little_memory();
    }
    log::init(&env);
    events::add_default_sinks();
    run(&command, &cli, &matches, &env).unwrap_or_else(|error| {
        ::log::error!("{error:#}");
        ExitCode::from(if error.is::<ConfigError>() { BAD_CONFIGURATION } else { RUNTIME_FAILURE })
    })
}

fn run(command: &Command, cli: &Cli, matches: &ArgMatches, env: &Environment) -> anyhow::Result<ExitCode> {
    // Global settings may stand before or after the command; clap hands them down to it.
    let sources = matches.subcommand().map_or(matches, |(_, of_command)| of_command);
    let configured = || Config::build(&cli.settings, sources, env).context("bad configuration");
    match *command {
        Command::Serve => {
            // Before settings are read: a file of settings may block.
            let life = Life::begin()?;
            daemon::serve(&configured()?, life)?;
        }
        Command::Scan { json, sort, color } => scan::scan(&configured()?, json, sort, Screen::of_stdout(env, color))?,
        Command::Doctor { json, color } => {
            if !doctor::doctor(&configured()?, json, Screen::of_stdout(env, color))? {
                return Ok(ExitCode::from(RUNTIME_FAILURE));
            }
        }
        Command::CheckConfig => check_config(&configured()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check_config(config: &Config) -> anyhow::Result<()> {
    let row = |row: &Row| {
        let value = if row.value.is_empty() { "(none)" } else { &row.value };
        format!("{:<28} {value:<40} {}\n", row.name, row.source)
    };
    let mut text: String = config.rows.iter().map(row).collect();
    text.push_str("\nRules, and at which values they speak:\n");
    for (rule, value, source) in config.limit_rows() {
        text.push_str(&format!("{rule:<100} {value:<36} {source}\n"));
    }
    let layouts = config.layout_rows();
    if !layouts.is_empty() {
        text.push_str("\nShelves, and how their bays stand:\n");
    }
    for (shelf, value, source) in layouts {
        text.push_str(&format!("{shelf:<40} {value:<80} {source}\n"));
    }
    print(&text)
}
