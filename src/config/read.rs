//! Reads one setting: text to value, with its range, its source, and the error if it does not fit.

use super::environment::Environment;
use super::error::ConfigError;
use clap::{ArgMatches, parser::ValueSource};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// One effective setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    pub value: String,
    pub source: &'static str,
}

/// Reads settings one by one and notes each for `check-config`.
pub(super) struct SettingsReader<'a> {
    pub(super) sources: &'a ArgMatches,
    pub(super) rows: Vec<Row>,
}

impl SettingsReader<'_> {
    /// The value that counts: a flag's, or the environment's when it is not empty.
    fn given<'v>(&self, id: &str, value: Option<&'v str>) -> (Option<&'v str>, &'static str) {
        let source = match self.sources.try_contains_id(id).ok().and_then(|_| self.sources.value_source(id)) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "env",
            _ => "default",
        };
        match value {
            Some("") if source != "flag" => (None, "default"),
            Some(text) => (Some(text), source),
            None => (None, "default"),
        }
    }

    pub(super) fn text(&mut self, id: &str, name: &'static str, value: Option<&str>, default: &str) -> String {
        self.secret_text_or(id, name, value, default, str::to_owned)
    }

    /// A text that may hold a password: `check-config` shows it through `mask`.
    pub(super) fn secret_text(
        &mut self,
        id: &str,
        name: &'static str,
        value: Option<&str>,
        mask: fn(&str) -> String,
    ) -> String {
        self.secret_text_or(id, name, value, "", mask)
    }

    fn secret_text_or(
        &mut self,
        id: &str,
        name: &'static str,
        value: Option<&str>,
        default: &str,
        mask: fn(&str) -> String,
    ) -> String {
        let (given, source) = self.given(id, value);
        let text = given.unwrap_or(default).to_owned();
        self.rows.push(Row { name, value: mask(&text), source });
        text
    }

    pub(super) fn number(
        &mut self,
        id: &str,
        name: &'static str,
        value: Option<&str>,
        default: u64,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Result<u64, ConfigError> {
        let (given, source) = self.given(id, value);
        let wanted = || format!("{unit}, {} to {}", range.start(), range.end());
        let number = match given {
            None => default,
            Some(text) => {
                let number = text.parse::<u64>().ok().filter(|n| range.contains(n));
                number.ok_or_else(|| ConfigError::new(name, text, &wanted()))?
            }
        };
        self.rows.push(Row { name, value: number.to_string(), source });
        Ok(number)
    }

    pub(super) fn count(
        &mut self,
        id: &str,
        name: &'static str,
        value: Option<&str>,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<usize, ConfigError> {
        let n = self.number(id, name, value, default, range, "a count")?;
        usize::try_from(n).map_err(|_| ConfigError::new(name, &n.to_string(), "a count"))
    }

    pub(super) fn choice(
        &mut self,
        id: &str,
        name: &'static str,
        value: Option<&str>,
        default: &'static str,
        choices: &[&'static str],
    ) -> Result<&'static str, ConfigError> {
        let (given, source) = self.given(id, value);
        let text = given.unwrap_or(default);
        let chosen = choices.iter().copied().find(|c| *c == text);
        let chosen = chosen.ok_or_else(|| ConfigError::new(name, text, &format!("one of {}", choices.join(", "))))?;
        self.rows.push(Row { name, value: chosen.to_owned(), source });
        Ok(chosen)
    }

    /// A program: the one that is named, or the one that is found.
    pub(super) fn program(
        &mut self,
        id: &str,
        name: &'static str,
        value: Option<&str>,
        program: &str,
        env: &Environment,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let (given, source) = self.given(id, value);
        let found = match given {
            // It is run with an absolute path, from another directory.
            Some(text) => {
                Some(std::path::absolute(text).map_err(|e| ConfigError::new(name, text, &format!("a path ({e})")))?)
            }
            None => find(program, env),
        };
        let shown = found.as_ref().map_or_else(|| "(not found)".to_owned(), |p| p.display().to_string());
        self.rows.push(Row { name, value: shown, source });
        Ok(found)
    }
}

fn find(program: &str, env: &Environment) -> Option<PathBuf> {
    let on_path = env.path.as_ref().map(std::env::split_paths).into_iter().flatten();
    let fallback = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    on_path.chain(fallback).filter(|dir| dir.is_absolute()).map(|dir| dir.join(program)).find(|p| p.is_file())
}

pub(super) fn masked(secret: Option<&str>) -> String {
    if secret.is_some() { "****".to_owned() } else { String::new() }
}

/// A URL without the password in it.
pub(super) fn mask_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let masked = match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(name, _)| name);
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
