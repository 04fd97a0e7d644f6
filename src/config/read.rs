//! Reads single settings: parses the text, checks it, and records value and source for `check-config`.

use super::arguments::{Arguments, Given};
use super::environment::Environment;
use super::error::ConfigError;
use super::log_filter;
use super::secret::secret;
use super::settings::{Choice, Former, Number, Optional, Password, Program, SecretFile, Switch, Text, Url};
use std::path::PathBuf;
use std::time::Duration;

/// One effective setting, as `check-config` prints it. `source`: `flag`, `env`, `file`, `credential` or `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    pub name: &'static str,
    pub value: String,
    pub source: &'static str,
}

/// Reads settings one by one and records each for `check-config`.
pub(super) struct SettingsReader<'a> {
    arguments: &'a Arguments,
    env: &'a Environment,
    rows: Vec<SettingRow>,
}

impl<'a> SettingsReader<'a> {
    pub(super) fn new(arguments: &'a Arguments, env: &'a Environment) -> Self {
        Self { arguments, env, rows: Vec::new() }
    }

    /// All settings that were read, in that order.
    pub(super) fn into_rows(self) -> Vec<SettingRow> {
        self.rows
    }

    /// The text that was given, if any, and its source.
    fn given(&self, name: &str) -> (Option<&'a str>, &'static str) {
        match self.arguments.get(name) {
            Some(Given { text, source }) => (Some(text), source),
            None => (None, "default"),
        }
    }

    fn record(&mut self, name: &'static str, value: impl Into<String>, source: &'static str) {
        self.rows.push(SettingRow { name, value: value.into(), source });
    }

    pub(super) fn text(&mut self, setting: &Text) -> &'a str {
        let (given, source) = self.given(setting.name);
        let text = given.unwrap_or(setting.default);
        self.record(setting.name, text, source);
        text
    }

    pub(super) fn optional(&mut self, setting: &Optional) -> Option<&'a str> {
        let (given, source) = self.given(setting.name);
        self.record(setting.name, given.unwrap_or_default(), source);
        given.filter(|text| !text.is_empty())
    }

    /// The rules file, whose variable was renamed. Both names at once are an error, because one would be ignored.
    pub(super) fn rules_file(&mut self, former: &Former) -> Result<Option<&'a str>, ConfigError> {
        let (given, source) = self.given(former.now.name);
        let Some(old) = self.env.limits_file.as_deref() else { return Ok(self.optional(former.now)) };
        match (given, source) {
            (Some(_), "flag") => Ok(self.optional(former.now)),
            (Some(new), _) => Err(ConfigError {
                setting: former.now.name.to_owned(),
                found: format!("{new:?} and {}={old:?}", former.name),
                wanted: format!("one of the two: {} is the former name of {}", former.name, former.now.name),
            }),
            (None, _) => {
                log::warn!("{} is deprecated, rename it to {}", former.name, former.now.name);
                self.record(former.now.name, old, "env");
                Ok(Some(old))
            }
        }
    }

    pub(super) fn url(&mut self, setting: &Url) -> Option<&'a str> {
        let (given, source) = self.given(setting.name);
        self.record(setting.name, given.map(mask_url).unwrap_or_default(), source);
        given.filter(|url| !url.is_empty())
    }

    pub(super) fn number<N: TryFrom<u64>>(&mut self, setting: &Number) -> Result<N, ConfigError> {
        let (given, source) = self.given(setting.name);
        let number = match given {
            None => setting.default,
            Some(text) => match text.parse() {
                Ok(number) if setting.range.contains(&number) => number,
                _ => return Err(out_of_range(setting, text)),
            },
        };
        self.record(setting.name, number.to_string(), source);
        N::try_from(number).map_err(|_| out_of_range(setting, &number.to_string()))
    }

    pub(super) fn seconds(&mut self, setting: &Number) -> Result<Duration, ConfigError> {
        self.number(setting).map(Duration::from_secs)
    }

    pub(super) fn choice(&mut self, setting: &Choice) -> Result<&'static str, ConfigError> {
        self.one_of(setting.name, setting.default, setting.choices)
    }

    pub(super) fn switch(&mut self, setting: &Switch) -> Result<bool, ConfigError> {
        let word = self.one_of(setting.name, Switch::DEFAULT, &Switch::CHOICES)?;
        Ok(matches!(word, "true" | "1" | "yes"))
    }

    fn one_of(
        &mut self,
        name: &'static str,
        default: &'static str,
        choices: &[&'static str],
    ) -> Result<&'static str, ConfigError> {
        let (given, source) = self.given(name);
        let text = given.unwrap_or(default);
        let Some(choice) = choices.iter().copied().find(|choice| *choice == text) else {
            return Err(ConfigError::new(name, text, &format!("one of {}", choices.join(", "))));
        };
        self.record(name, choice, source);
        Ok(choice)
    }

    /// The absolute path of a program: the one that is set, or the one that is found. `None`: not found.
    pub(super) fn program(&mut self, setting: &Program) -> Result<Option<PathBuf>, ConfigError> {
        let (given, source) = self.given(setting.name);
        let program = match given {
            // Absolute, because it is run from another directory.
            Some(text) => match std::path::absolute(text) {
                Ok(path) => Some(path),
                Err(error) => return Err(ConfigError::new(setting.name, text, &format!("a path ({error})"))),
            },
            None => find(setting.command, self.env),
        };
        let shown = match &program {
            Some(path) => path.display().to_string(),
            None => "(not found)".to_owned(),
        };
        self.record(setting.name, shown, source);
        Ok(program)
    }

    /// The secret in a file, recorded on a row of its own as `shown_as`.
    pub(super) fn secret_file(
        &mut self,
        setting: &SecretFile,
        shown_as: &'static str,
    ) -> Result<Option<String>, ConfigError> {
        let file = self.secret_file_name(setting);
        let (secret, source) = secret(setting, file, self.env)?;
        self.record(shown_as, masked(secret.as_deref()), source);
        Ok(secret)
    }

    /// A password itself, which overrides the one in a file.
    pub(super) fn password(&mut self, setting: &Password, file: &SecretFile) -> Result<Option<String>, ConfigError> {
        let name = self.secret_file_name(file);
        let (from_file, source) = secret(file, name, self.env)?;
        let (password, source) = match &self.env.redis_password {
            Some(direct) => (Some(direct.clone()), "env"),
            None => (from_file, source),
        };
        self.record(setting.name, masked(password.as_deref()), source);
        Ok(password)
    }

    fn secret_file_name(&mut self, setting: &SecretFile) -> &'a str {
        let (given, source) = self.given(setting.name);
        let file = given.unwrap_or_default();
        self.record(setting.name, file, source);
        file
    }

    /// Checks and records the log filter, which `logging` reads from the environment itself.
    pub(super) fn log_filter(&mut self, setting: &Text) -> Result<(), ConfigError> {
        let filter = log_filter::checked(self.env.rust_log.as_deref())?;
        let source = if self.env.rust_log.is_some() { "env" } else { "default" };
        self.record(setting.name, filter, source);
        Ok(())
    }
}

fn out_of_range(setting: &Number, found: &str) -> ConfigError {
    let Number { name, range, unit, .. } = setting;
    ConfigError::new(name, found, &format!("{unit} from {} to {}", range.start(), range.end()))
}

/// Searches `PATH`, then folders that are not in the `PATH` of every user.
fn find(program: &str, env: &Environment) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = match &env.path {
        Some(path) => std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect(),
        None => Vec::new(),
    };
    folders.extend(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn masked(secret: Option<&str>) -> String {
    if secret.is_some() { "****".to_owned() } else { String::new() }
}

/// The URL with its password masked.
pub(super) fn mask_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let masked = match rest.rsplit_once('@') {
        Some((login, host)) => {
            let (user, _) = login.split_once(':').unwrap_or((login, ""));
            format!("{user}:****@{host}")
        }
        None => rest.to_owned(),
    };
    let masked = match masked.split_once("pass=") {
        Some((before, after)) => {
            let end = after.find('&').unwrap_or(after.len());
            format!("{before}pass=****{}", after.get(end..).unwrap_or_default())
        }
        None => masked,
    };
    if scheme.is_empty() { masked } else { format!("{scheme}://{masked}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_ever_shown() {
        assert_eq!(mask_url("redis://me:s3@cret@nas:6379/1"), "redis://me:****@nas:6379/1");
        assert_eq!(mask_url("redis://nas/1"), "redis://nas/1");
        assert_eq!(
            mask_url("redis+unix:///run/r.sock?db=1&pass=s3cret&user=me"),
            "redis+unix:///run/r.sock?db=1&pass=****&user=me"
        );
        assert_eq!(masked(Some("x")), "****");
    }
}
