//! The program: parses the command line, runs the command, prints the error chain, and returns the exit status.

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
/// `EX_CONFIG` of sysexits.h. The unit does not restart the service after it.
const INVALID_CONFIGURATION_STATUS: u8 = 78;
const INVALID_CONFIGURATION: &str = "invalid configuration";

fn main() -> ExitCode {
    if let Some(code) = trampoline::run_as_trampoline() {
        return code;
    }
    trampoline::enable();
    // Exits with status 2 after a usage error, and with 0 after help and version.
    let mut cli = Cli::parse();
    let env = Environment::read();
    let command = cli.command.take().unwrap_or(Command::Serve);
    // Before signal handlers are installed: a signal to the process image that is replaced would be lost.
    if matches!(command, Command::Serve) && !env.arenas {
        trampoline::reexec_with_malloc_tuning();
    }
    logging::init(&env);
    events::add_default_sinks();
    run(&command, &cli, &env).unwrap_or_else(|error| {
        log::error!("{error:#}");
        ExitCode::from(if error.is::<ConfigError>() { INVALID_CONFIGURATION_STATUS } else { RUNTIME_FAILURE })
    })
}

fn run(command: &Command, cli: &Cli, env: &Environment) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => {
            // Before the settings are read, because reading a file may block.
            let stop_control = StopControl::begin()?;
            let (config, endpoint) = configured(cli, env)?;
            daemon::serve(&config, &endpoint, stop_control)?;
        }
        Command::Scan { json, sort, color } => {
            let (config, _) = configured(cli, env)?;
            scan::scan(&config, *json, *sort, Screen::of_stdout(env, *color))?;
        }
        Command::Doctor { json, color } => {
            let (config, endpoint) = configured(cli, env)?;
            if !doctor::doctor(&config, &endpoint, *json, Screen::of_stdout(env, *color))? {
                return Ok(ExitCode::from(RUNTIME_FAILURE));
            }
        }
        Command::Forget { subject } => {
            // Only the control socket is needed: neither names nor certificates are checked.
            let config = Config::build(&cli.settings, env).context(INVALID_CONFIGURATION)?;
            if !control::forget(&config, subject)? {
                return Ok(ExitCode::from(RUNTIME_FAILURE));
            }
        }
        Command::CheckConfig => {
            let (config, _) = configured(cli, env)?;
            check_config(&config)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads and checks the settings. Also resolves names and parses certificates, so that every command rejects settings with
/// which the daemon could not start.
fn configured(cli: &Cli, env: &Environment) -> anyhow::Result<(Config, Endpoint)> {
    let config = Config::build(&cli.settings, env).context(INVALID_CONFIGURATION)?;
    check_authorities(&config.redis).context(INVALID_CONFIGURATION)?;
    let endpoint = Endpoint::resolve(&config.http).context(INVALID_CONFIGURATION)?;
    Ok((config, endpoint))
}

fn check_config(config: &Config) -> anyhow::Result<()> {
    let mut text = String::new();
    for SettingRow { name, value, source } in &config.rows {
        let value = if value.is_empty() { "(none)" } else { value };
        text.push_str(&format!("{name:<28} {value:<40} {source}\n"));
    }
    text.push_str("\nRules and their thresholds:\n");
    for (rule, value, source) in config.limit_rows() {
        text.push_str(&format!("{rule:<100} {value:<36} {source}\n"));
    }
    let layouts = config.layout_rows();
    if !layouts.is_empty() {
        text.push_str("\nBay layouts of enclosures:\n");
    }
    for (enclosure, value, source) in layouts {
        text.push_str(&format!("{enclosure:<40} {value:<80} {source}\n"));
    }
    print(&text)
}
