//! The settings file of the unit, and the rules file. Their lines are commented out; a user removes the `#`.

use jbod_monitor::config::settings::{SETTINGS, SettingKind};
use jbod_monitor::domain::health::{Direction, Thresholds, all_rules};

pub fn environment_file() -> String {
    let mut text = "\
# Settings of jbod-monitor.service. jbod-monitor(5) explains each; `jbod-monitor check-config` shows those of a shell.
#
# Remove the # to set one, then: systemctl restart jbod-monitor
# A # after a value is part of the value. Values need no quotes.
#
# Secrets are in files that only root can read, and that the unit passes to the service as credentials. An empty file means
# none. The service does not start if a credential was not passed:
#   /etc/jbod-monitor/redis-password
#   /etc/jbod-monitor/redis-sentinel-password
#   /etc/jbod-monitor/token
"
    .to_owned();
    for setting in SETTINGS {
        let is_secret_file = matches!(setting.kind, SettingKind::SecretFile(_));
        let own = if is_secret_file { ". Not needed for the files listed at the top" } else { "" };
        let comment = wrapped(&format!("{}{own}", setting.help), "# ", 110);
        // Not commented out, so that changes of the rules file take effect.
        let mark = if setting.name == "JBOD_RULES_FILE" { "" } else { "#" };
        text.push_str(&format!("\n{comment}\n{mark}{}={}\n", setting.name, setting.example()));
    }
    text
}

pub fn rules_file() -> String {
    let mut text = "\
# Thresholds of the rules. jbod-monitor.service reads this file when it starts (JBOD_RULES_FILE).
# jbod-monitor(5) describes the format; `jbod-monitor check-config` shows the thresholds in force.
#
# The defaults are below. To change one, remove the # from its line and from the [rules.…] above it.
# A level is a whole number, or false: never reached. `enabled = false` disables a rule.
#
# For models by name (* matches any text, ? any character; the longest pattern takes precedence):
#
#   [models.\"ST4000*\".T1]
#   warn = 55
#
# Layout of the bays of an enclosure on the web page, by its model or id, if the guess is wrong:
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
        if matches!(direction, Direction::OnOff(_)) {
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
        let line = lines.last_mut().expect("a line");
        if line.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{prefix}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}
