//! Files that are generated from the one definition of settings, commands, rules, events, metrics and alerts: the settings
//! file, the rules file, manual pages, completions, and the tables of `docs/`. They are kept in the repository, so that
//! packaging needs no more than a compiler; here they are compared with the program.
//!
//! `GENERATED_DOCS=accept cargo test --test it generated_docs` writes them again.

mod alerts;
mod events;
mod manual;
mod metrics;
mod pages;
mod settings;

use clap::CommandFactory;
use clap_complete::Shell;
use jbod_monitor::cli::Cli;
use std::path::Path;
use std::process::Command;

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

fn in_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn generated_files_are_current() {
    check(&generated_files());
}

/// Apart from the others, since it starts a daemon.
#[test]
fn generated_table_of_metrics_is_current() {
    check(&[("docs/monitoring.md", pages::with_block("docs/monitoring.md", "metrics", &metrics::tables()))]);
}

/// Compares files with their expected content. `GENERATED_DOCS=accept` writes it.
fn check(files: &[(&str, String)]) {
    let accept = std::env::var("GENERATED_DOCS").is_ok_and(|word| word == "accept");
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

/// A line without its `#` has the effect that it shows: the default, and no error.
#[test]
fn each_line_of_the_settings_file_can_be_used_as_it_stands() {
    let text = std::fs::read_to_string(in_repository("systemd/jbod-monitor.env")).expect("the settings file");
    // A Redis is reached in one of three ways.
    let ways: [&dyn Fn(&str) -> bool; 3] =
        [&|name| !name.starts_with("REDIS_SENTINEL") && name != "REDIS_URL", &|name| name != "REDIS_URL", &|name| {
            !name.starts_with("REDIS_SENTINEL")
        }];
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("secret"), "s3cret\n").expect("written");
    std::fs::copy(in_repository("packaging/deb/rules.toml"), dir.path().join("rules.toml")).expect("copied");
    for wanted in ways {
        let mut program = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
        program.arg("check-config").env_clear().env("PATH", "/usr/bin:/bin");
        let mut names = Vec::new();
        for line in text.lines() {
            let line = line.strip_prefix('#').unwrap_or(line);
            let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name) && wanted(name)) else {
                continue;
            };
            // Files that are not on every machine stand for others here.
            let value = match name {
                "JBOD_RULES_FILE" => dir.path().join("rules.toml").display().to_string(),
                _ if name.ends_with("_FILE") && name != "REDIS_CA_FILE" => {
                    dir.path().join("secret").display().to_string()
                }
                "REDIS_CA_FILE" => continue,
                _ => value.to_owned(),
            };
            program.env(name, value);
            names.push(name.to_owned());
        }
        assert!(names.len() > 25, "settings were found: {names:?}");
        let done = program.output().expect("it runs");
        let shown = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for name in names.iter().filter(|name| *name != "RUST_LOG") {
            let row = shown.lines().find(|row| row.split_whitespace().next() == Some(name.as_str()));
            let row = row.unwrap_or_else(|| panic!("check-config does not know {name}:\n{shown}"));
            assert!(!row.ends_with(" default"), "{name} had no effect: {row}");
        }
    }
}

/// So a user who edits one line of it starts from what holds.
#[test]
fn the_rules_file_says_what_holds_without_it() {
    let text = std::fs::read_to_string(in_repository("packaging/deb/rules.toml")).expect("the rules file");
    let bare: Vec<&str> =
        text.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("rules.toml");
    std::fs::write(&file, bare.join("\n")).expect("written");
    let rules = |limits: Option<&Path>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
        program.arg("check-config").env_clear();
        if let Some(file) = limits {
            program.env("JBOD_RULES_FILE", file);
        }
        let done = program.output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        let (_, rules) = shown.split_once("\nRules").expect("the rules are shown");
        rules.to_owned()
    };
    let from_file = rules(Some(&file));
    assert!(from_file.contains(" file"), "the file was read:\n{from_file}");
    assert_eq!(from_file.replace(" file", " default"), rules(None));
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
