//! The settings file of the unit, and the rules file: every line with a `#` before it that a user may take away.

use jbod_monitor::config::settings::{SETTINGS, SettingKind};
use jbod_monitor::domain::health::{Direction, Thresholds, all_rules};

pub fn environment_file() -> String {
    let mut text = "\
# Settings of jbod-monitor.service. jbod-monitor(5) explains each; `jbod-monitor check-config` shows those of a shell.
#
# Take the # away to set one, then: systemctl restart jbod-monitor
# A # behind a value belongs to the value. Values need no quotes.
#
# What is secret stands in files that only root can read, and that the unit hands over (empty: none). The service does not
# start without one that was not handed over:
#   /etc/jbod-monitor/redis-password
#   /etc/jbod-monitor/redis-sentinel-password
#   /etc/jbod-monitor/token
"
    .to_owned();
    for setting in SETTINGS {
        let is_secret_file = matches!(setting.kind, SettingKind::SecretFile(_));
        let own = if is_secret_file { ". Not needed for those above" } else { "" };
        let comment = wrapped(&format!("{}{own}", setting.help), "# ", 110);
        // The one that is set: who writes into the rules file sees it count.
        let mark = if setting.name == "JBOD_RULES_FILE" { "" } else { "#" };
        text.push_str(&format!("\n{comment}\n{mark}{}={}\n", setting.name, setting.example()));
    }
    text
}

pub fn rules_file() -> String {
    let mut text = "\
# At which values a rule speaks: jbod-monitor.service reads this file when it starts (JBOD_RULES_FILE).
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
