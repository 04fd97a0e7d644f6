//! The settings file of the unit, and the limits file: every line with a `#` before it that a user may take away.

use clap::{Arg, CommandFactory};
use jbod_monitor::cli::Cli;
use jbod_monitor::domain::health::{Direction, Thresholds, all_rules};

/// What clap does not read, by the name that stands before it in the list.
const READ_BY_HAND: [(&str, &str, &str, &str); 2] = [
    ("REDIS_USERNAME", "REDIS_PASSWORD", "", "Redis password. A file is better: see the top"),
    ("ZPOOL_PATH", "RUST_LOG", "info", "Log filter: error, warn, info, debug, trace, or off"),
];

/// A file that the service itself can read.
const SECRET: &str = "/path/to/file";

/// An example where there is no default.
const EXAMPLES: [(&str, &str); 14] = [
    ("REDIS_URL", "redis://localhost:6379/0"),
    ("REDIS_SENTINELS", "10.0.0.1:26379,10.0.0.2:26379,10.0.0.3:26379"),
    ("REDIS_SENTINEL_MASTER", "mymaster"),
    ("REDIS_SENTINEL_PASSWORD_FILE", SECRET),
    ("REDIS_USERNAME", "jbod"),
    ("REDIS_PASSWORD", "secret"),
    ("REDIS_PASSWORD_FILE", SECRET),
    ("REDIS_CA_FILE", "/etc/jbod-monitor/redis-ca.pem"),
    ("SMART_DEVICE_TYPES", "sda=megaraid,0,sdb=sat"),
    ("JBOD_TOKEN_FILE", SECRET),
    ("JBOD_ALLOWED_HOSTS", "nas.example.net"),
    ("JBOD_LIMITS_FILE", "/etc/jbod-monitor/limits.toml"),
    ("SMARTCTL_PATH", "/usr/sbin/smartctl"),
    ("ZPOOL_PATH", "/usr/sbin/zpool"),
];

/// One setting, from whichever place defines it.
pub struct Setting {
    pub name: String,
    /// `None`: from the environment only.
    pub flag: Option<String>,
    pub value_name: String,
    pub default: Option<String>,
    pub help: String,
}

impl Setting {
    fn of(arg: &Arg) -> Option<Self> {
        let name = arg.get_env()?.to_str()?.to_owned();
        let help = arg.get_help()?.to_string();
        let (help, default) = match help.split_once(" [default: ") {
            Some((help, default)) => (help.to_owned(), Some(default.trim_end_matches(']').to_owned())),
            None => (help, None),
        };
        let value_name = arg.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
        let flag = arg.get_long().map(|long| format!("--{long}"));
        Some(Self { name, flag, value_name: value_name.to_owned(), default, help })
    }

    fn value(&self) -> &str {
        let example = || EXAMPLES.iter().find(|(name, _)| *name == self.name).map(|(_, example)| *example);
        let value = self.default.as_deref().or_else(example);
        value.unwrap_or_else(|| panic!("{} has no default: give an example", self.name))
    }
}

pub fn all() -> Vec<Setting> {
    let mut settings = Vec::new();
    for setting in Cli::command().get_arguments().filter_map(Setting::of) {
        let by_hand = READ_BY_HAND.iter().find(|(before, ..)| *before == setting.name);
        settings.push(setting);
        if let Some((_, name, default, help)) = by_hand {
            settings.push(Setting {
                name: (*name).to_owned(),
                flag: None,
                value_name: "TEXT".to_owned(),
                default: (!default.is_empty()).then(|| (*default).to_owned()),
                help: (*help).to_owned(),
            });
        }
    }
    settings
}

pub fn environment_file() -> String {
    let mut text = "\
# Settings of jbod-monitor.service. jbod-monitor(5) explains each; `jbod-monitor check-config` shows those of a shell.
#
# Take the # away to set one, then: systemctl restart jbod-monitor
# A # behind a value belongs to the value. Values need no quotes.
#
# What is secret stands in files that only root can read, and that the unit hands over (empty: none):
#   /etc/jbod-monitor/redis-password
#   /etc/jbod-monitor/redis-sentinel-password
#   /etc/jbod-monitor/token
"
    .to_owned();
    for setting in all() {
        let own = if setting.value() == SECRET { ". Not needed for those above" } else { "" };
        let comment = wrapped(&format!("{}{own}", setting.help), "# ", 110);
        // The one that is set: who writes into the limits file sees it count.
        let mark = if setting.name == "JBOD_LIMITS_FILE" { "" } else { "#" };
        text.push_str(&format!("\n{comment}\n{mark}{}={}\n", setting.name, setting.value()));
    }
    text
}

pub fn limits_file() -> String {
    let mut text = "\
# At which values a rule speaks: jbod-monitor.service reads this file when it starts (JBOD_LIMITS_FILE).
# jbod-monitor(5) explains the form; `jbod-monitor check-config` shows the limits in force.
#
# Below are the defaults. To change one, take the # from its line and from the [rules.…] above it.
# A level is a whole number, or false: never reached. `enabled = false` switches a rule off.
#
# For some models only, by name (* and ? stand for any text and any character; the longer pattern wins):
#
#   [models.\"ST4000*\".T1]
#   warn = 55
#
# How the bays of a shelf stand on the page, by its model or id, where the guess is wrong:
#
#   [enclosures.\"SHELF-24*\"]
#   rows = 1
#   columns = 24
"
    .to_owned();
    for rule in all_rules() {
        let about = format!("{} ({}): {}", rule.code, rule.class.as_str(), rule.condition);
        text.push_str(&format!("\n{}\n#[rules.{}]\n", wrapped(&about, "# ", 110), rule.code));
        let Thresholds { watch, warn, crit, direction, .. } = rule.thresholds;
        if direction == Direction::OnOff {
            text.push_str("#enabled = true\n");
        }
        for (level, at) in [("watch", watch), ("warn", warn), ("crit", crit)] {
            if let Some(at) = at {
                text.push_str(&format!("#{level} = {at}\n"));
            }
        }
    }
    text
}

fn wrapped(text: &str, prefix: &str, width: usize) -> String {
    let mut lines = vec![prefix.trim_end().to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if line.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{prefix}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}
