//! Functions that several test modules share.

use crate::support::daemon::{Daemon, Ended, command, run};
use crate::support::sim::Sim;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A path in the repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[track_caller]
pub fn read_file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The program with an empty environment.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
    command.env_clear();
    command
}

/// Sets the variables that are set for another command.
pub fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        if let Some(value) = value {
            to.env(name, value);
        }
    }
}

/// A simulated host; the options are separated by blanks.
#[track_caller]
pub fn sim_host(options: &str) -> Sim {
    let options: Vec<&str> = options.split(' ').collect();
    Sim::host(&options)
}

/// `jbod-monitor doctor` on the simulated host.
#[track_caller]
pub fn doctor(sim: &Sim, redis_port: u16, settings: &[(&str, &str)]) -> Ended {
    let mut command = command(sim, redis_port);
    run(command.env("JBOD_LISTEN", "127.0.0.1:0").envs(settings.iter().copied()).arg("doctor"))
}

/// A port on which nothing listens, for commands that need no Redis.
pub const NO_REDIS: u16 = 1;

/// The array in that field.
#[track_caller]
pub fn array<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} is not an array: {value}"))
}

/// The string in that field.
#[track_caller]
pub fn string<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is not a string: {value}"))
}

/// Serial numbers of all drives of a simulated host, in its order.
pub fn serials(sim: &Sim) -> Vec<String> {
    sim.list().iter().map(|drive| string(drive, "serial").to_owned()).collect()
}

/// The number of drives in that state.
pub fn in_state(overview: &Value, state: &str) -> u64 {
    overview["totals"]["by_state"][state].as_u64().expect("a count")
}

/// Why that component is degraded, according to `/api/health`; `None` if it is not.
#[track_caller]
pub fn degradation(daemon: &Daemon, component: &str) -> Option<String> {
    let health = daemon.json("/api/health");
    let entry = array(&health, "degraded").iter().find(|entry| entry["part"] == component)?;
    Some(string(entry, "error").to_owned())
}
