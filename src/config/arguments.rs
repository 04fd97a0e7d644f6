//! The settings on the command line: one option for each setting, which clap reads from the option or from its
//! environment variable. Values are not checked here.

use super::settings::{JBOD_LIMITS_FILE, SETTINGS, Setting, SettingKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::fmt;

/// The settings that were given, as text, by name. An empty environment variable counts as unset.
#[derive(Clone, Default)]
pub struct Arguments(BTreeMap<&'static str, Given>);

/// The text of one setting, and its source.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    /// `flag` or `env`, as `check-config` shows it.
    pub(super) source: &'static str,
}

impl Arguments {
    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(name)
    }
}

impl fmt::Debug for Arguments {
    /// Shows the names only, because some values are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Args for Arguments {
    fn augment_args(command: Command) -> Command {
        let mut command = command;
        for setting in SETTINGS {
            if let Some(option) = setting.option {
                command = command.arg(argument(setting, option));
            }
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut arguments = Self::default();
        arguments.update_from_arg_matches(matches)?;
        Ok(arguments)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS.iter().filter(|setting| setting.option.is_some()) {
            let Some(text) = matches.get_one::<String>(setting.name) else { continue };
            let source = match matches.value_source(setting.name) {
                Some(ValueSource::CommandLine) => "flag",
                _ if text.is_empty() => continue,
                _ => "env",
            };
            self.0.insert(setting.name, Given { text: text.clone(), source });
        }
        Ok(())
    }
}

fn argument(setting: &Setting, option: &'static str) -> Arg {
    let help = match setting.default() {
        Some(default) => format!("{} [default: {default}]", setting.help),
        None => setting.help.to_owned(),
    };
    let mut argument = Arg::new(setting.name)
        .long(option)
        .env(setting.name)
        .hide_env_values(setting.is_secret())
        .value_name(setting.value_name)
        .help(help)
        .help_heading("Settings")
        .global(true);
    if setting.name == JBOD_LIMITS_FILE.now.name {
        argument = argument.alias(JBOD_LIMITS_FILE.option);
    }
    if let SettingKind::Switch(_) = setting.kind {
        argument = argument.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    argument
}
