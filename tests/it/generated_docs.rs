//! Files that are generated from the definitions of settings, commands, rules, events, metrics and alerts: the settings
//! file, the rules file, manual pages, completions, and the tables of `docs/`. They are kept in the repository, so that
//! a package can be built without running the program. These tests compare them with the program.
//!
//! `GENERATED_DOCS=accept cargo test --test it generated_docs` writes them.

mod alerts;
mod events;
mod manual;
mod metrics;
mod pages;
mod settings;

use crate::helpers::{in_repository, program, read_file};
use crate::support::daemon::run;
use clap::CommandFactory;
use clap_complete::Shell;
use jbod_monitor::cli::Cli;
use std::path::Path;

/// Path in the repository, and expected content.
fn generated_files() -> Vec<(&'static str, String)> {
    vec![
        ("systemd/jbod-monitor.env", settings::environment_file()),
        ("packaging/deb/rules.toml", settings::rules_file()),
        ("packaging/man/jbod-monitor.8", manual::program()),
        ("packaging/man/jbod-monitor.5", manual::settings()),
        ("packaging/completions/jbod-monitor.bash", completions(Shell::Bash)),
        ("packaging/completions/_jbod-monitor", completions(Shell::Zsh)),
        ("packaging/completions/jbod-monitor.fish", completions(Shell::Fish)),
        ("docs/configuration.md", pages::with_block("docs/configuration.md", "settings", &pages::settings())),
        ("docs/rules.md", pages::with_block("docs/rules.md", "rules", &pages::rules())),
        ("docs/logging.md", pages::with_block("docs/logging.md", "events", &events::table())),
        ("docs/monitoring.md", pages::with_block("docs/monitoring.md", "alerts", &alerts::tables())),
    ]
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jbod-monitor", &mut script);
    String::from_utf8(script).expect("text")
}

#[test]
fn generated_files_are_current() {
    check(&generated_files());
}

/// Separate from the other files, because it starts a daemon.
#[test]
fn generated_table_of_metrics_is_current() {
    check(&[("docs/monitoring.md", pages::with_block("docs/monitoring.md", "metrics", &metrics::tables()))]);
}

/// Compares files with their expected content. `GENERATED_DOCS=accept` writes it.
fn check(files: &[(&str, String)]) {
    let accept = std::env::var("GENERATED_DOCS").as_deref() == Ok("accept");
    let mut outdated = Vec::new();
    for (path, wanted) in files {
        let file = in_repository(path);
        if accept {
            std::fs::write(&file, wanted).expect("written");
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != *wanted {
            outdated.push(*path);
        }
    }
    assert!(
        outdated.is_empty(),
        "outdated (GENERATED_DOCS=accept cargo test --test it generated_docs writes them): {outdated:?}"
    );
}

/// Groups of settings that exclude each other: a Redis is reached in one of three ways.
#[derive(Clone, Copy)]
enum RedisBy {
    HostAndPort,
    Sentinels,
    Url,
}

impl RedisBy {
    fn permits(self, setting: &str) -> bool {
        match self {
            Self::HostAndPort => setting != "REDIS_URL" && !setting.starts_with("REDIS_SENTINEL"),
            Self::Sentinels => setting != "REDIS_URL",
            Self::Url => !setting.starts_with("REDIS_SENTINEL"),
        }
    }
}

/// The settings of the file, without the `#` before them.
fn settings_of(file: &str) -> Vec<(&str, &str)> {
    let mut settings = Vec::new();
    for line in file.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some((name, value)) = line.split_once('=')
            && is_name(name)
        {
            settings.push((name, value));
        }
    }
    settings
}

/// A line without its `#` is accepted and takes effect.
#[test]
fn each_line_of_the_settings_file_can_be_enabled() {
    let file = read_file(&in_repository("systemd/jbod-monitor.env"));
    let dir = tempfile::tempdir().expect("a folder");
    let (secret, rules) = (dir.path().join("secret"), dir.path().join("rules.toml"));
    std::fs::write(&secret, "s3cret\n").expect("written");
    std::fs::copy(in_repository("packaging/deb/rules.toml"), &rules).expect("copied");
    for redis in [RedisBy::HostAndPort, RedisBy::Sentinels, RedisBy::Url] {
        let mut command = program();
        command.arg("check-config").env("PATH", "/usr/bin:/bin");
        let mut names = Vec::new();
        for (name, value) in settings_of(&file) {
            // The file of certificates is not on every machine.
            if !redis.permits(name) || name == "REDIS_CA_FILE" {
                continue;
            }
            match name {
                "JBOD_RULES_FILE" => command.env(name, &rules),
                _ if name.ends_with("_FILE") => command.env(name, &secret),
                _ => command.env(name, value),
            };
            names.push(name);
        }
        assert!(names.len() > 25, "too few settings were found: {names:?}");
        let ended = run(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        for name in names.iter().filter(|name| **name != "RUST_LOG") {
            let row = ended.stdout.lines().find(|row| row.split_whitespace().next() == Some(name));
            let row = row.unwrap_or_else(|| panic!("check-config does not print {name}:\n{}", ended.stdout));
            assert!(!row.ends_with(" default"), "{name} had no effect: {row}");
        }
    }
}

/// The part of `check-config` about rules.
fn rules_in_force(rules_file: Option<&Path>) -> String {
    let mut command = program();
    command.arg("check-config");
    if let Some(file) = rules_file {
        command.env("JBOD_RULES_FILE", file);
    }
    let ended = run(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (_, rules) = ended.stdout.split_once("\nRules").expect("the rules");
    rules.to_owned()
}

/// The commented lines are the defaults, so that a user can edit one of them.
#[test]
fn the_rules_file_has_the_default_thresholds() {
    let mut enabled = String::new();
    for line in read_file(&in_repository("packaging/deb/rules.toml")).lines() {
        match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => enabled.push_str(rest),
            _ => enabled.push_str(line),
        }
        enabled.push('\n');
    }
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("rules.toml");
    std::fs::write(&file, enabled).expect("written");
    let from_file = rules_in_force(Some(&file));
    assert!(from_file.contains(" file"), "the file was not read:\n{from_file}");
    assert_eq!(from_file.replace(" file", " default"), rules_in_force(None));
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
