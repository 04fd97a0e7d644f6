//! The program: parses the command line, runs the command, prints the error chain, and returns the exit code.

use anyhow::Context;
use clap::Parser;
use jbod_monitor::cache::redis::check_authorities;
use jbod_monitor::cli::{Cli, Command};
use jbod_monitor::config::{Config, ConfigError, Environment, SettingRow};
use jbod_monitor::daemon::Endpoint;
use jbod_monitor::daemon::StopControl;
use jbod_monitor::probe::trampoline;
use jbod_monitor::terminal::{Screen, print};
use jbod_monitor::{control, daemon, doctor, events, logging, scan};
use std::process::ExitCode;

const RUNTIME_FAILURE: u8 = 1;
const BAD_CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    if let Some(code) = trampoline::run_as_trampoline() {
        return code;
    }
    trampoline::enable();
    // Usage errors end here, with status 2; help and version with 0.
    let mut cli = Cli::parse();
    let env = Environment::read();
    let command = cli.command.take().unwrap_or(Command::Serve);
    // Before signal handlers are installed: a signal to the first image would be lost.
    if matches!(command, Command::Serve) && !env.arenas {
        trampoline::reexec_with_malloc_tuning();
    }
    logging::init(&env);
    events::add_default_sinks();
    run(&command, &cli, &env).unwrap_or_else(|error| {
        log::error!("{error:#}");
        ExitCode::from(if error.is::<ConfigError>() { BAD_CONFIGURATION } else { RUNTIME_FAILURE })
    })
}

fn run(command: &Command, cli: &Cli, env: &Environment) -> anyhow::Result<ExitCode> {
    let configured = || configured(cli, env).context("bad configuration");
    match command {
        Command::Serve => {
            // Before the settings are read: reading a settings file may block.
            let life = StopControl::begin()?;
            let (config, endpoint) = configured()?;
            daemon::serve(&config, &endpoint, life)?;
        }
        Command::Scan { json, sort, color } => {
            let (config, _) = configured()?;
            scan::scan(&config, *json, *sort, Screen::of_stdout(env, *color))?;
        }
        Command::Doctor { json, color } => {
            let (config, endpoint) = configured()?;
            if !doctor::doctor(&config, &endpoint, *json, Screen::of_stdout(env, *color))? {
                return Ok(ExitCode::from(RUNTIME_FAILURE));
            }
        }
        Command::Forget { subject } => {
            // Only where to ask counts here: neither names nor certificates are looked up.
            let config = Config::build(&cli.settings, env).context("bad configuration")?;
            if !control::forget(&config, subject)? {
                return Ok(ExitCode::from(RUNTIME_FAILURE));
            }
        }
        Command::CheckConfig => {
            let (config, _) = configured()?;
            check_config(&config)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings, and checks what they name: every command rejects settings with which the daemon could not start.
fn configured(cli: &Cli, env: &Environment) -> Result<(Config, Endpoint), ConfigError> {
    let config = Config::build(&cli.settings, env)?;
    check_authorities(&config.redis)?;
    let endpoint = Endpoint::resolve(&config.http)?;
    Ok((config, endpoint))
}

fn check_config(config: &Config) -> anyhow::Result<()> {
    let row = |row: &SettingRow| {
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
