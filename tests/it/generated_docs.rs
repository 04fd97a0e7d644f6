//! What a package brings beside the programs, as far as it follows from the one definition of settings,
//! commands and rules: the settings file, the rules file, manual pages, completions. They are kept in the
//! repository, so that packaging needs no more than a compiler; here they are compared with the program.
//!
//! `GENERATED_DOCS=accept cargo test --test it generated_docs` writes them anew.

mod manual;

mod settings;

use clap::CommandFactory;
use clap_complete::Shell;
use jbod_monitor::cli::Cli;
use jbod_monitor::config::settings::{SETTINGS, SettingKind};
use std::path::Path;
use std::process::Command;

/// In the repository, and what it has to hold.
fn papers() -> Vec<(&'static str, String)> {
    vec![
        ("systemd/jbod-monitor.env", settings::environment_file()),
        ("packaging/deb/rules.toml", settings::rules_file()),
        ("packaging/man/jbod-monitor.8", manual::program()),
        ("packaging/man/jbod-monitor.5", manual::settings()),
        ("packaging/completions/jbod-monitor.bash", completions(Shell::Bash)),
        ("packaging/completions/_jbod-monitor", completions(Shell::Zsh)),
        ("packaging/completions/jbod-monitor.fish", completions(Shell::Fish)),
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
fn they_are_those_of_this_program() {
    let accept = std::env::var("GENERATED_DOCS").is_ok_and(|v| v == "accept");
    let mut old = Vec::new();
    for (path, wanted) in papers() {
        let file = in_repository(path);
        if accept {
            std::fs::write(&file, &wanted).expect("written");
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != wanted {
            old.push(path);
        }
    }
    assert!(
        old.is_empty(),
        "not those of this program (GENERATED_DOCS=accept cargo test --test it generated_docs): {old:?}"
    );
}

/// Whoever takes the `#` from any line gets what the line says: the default, and no error.
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
        text.lines().map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line)).collect();
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

/// What a setting means is said in other words there; its option and its default are the program's.
#[test]
fn the_readme_shows_each_setting_with_its_option_and_default() {
    let readme = std::fs::read_to_string(in_repository("README.md")).expect("README.md");
    let mut rows = readme.lines();
    rows.find(|line| *line == "| variable | flag | default | meaning |").expect("the table of settings");
    let mut rows = rows.skip(1);
    for setting in SETTINGS {
        let option = setting.option.map_or_else(String::new, |option| format!("`--{option}` "));
        let default = match (setting.default(), &setting.kind) {
            (Some(default), _) => format!("`{default}`"),
            (None, SettingKind::Program(_)) => "found".to_owned(),
            (None, _) => "none".to_owned(),
        };
        let wanted = format!("| `{}` | {option}| {default} | ", setting.name);
        let row = rows.next().unwrap_or_default();
        assert!(row.starts_with(&wanted), "wanted {wanted}\nfound {row}");
    }
    assert_eq!(rows.next(), Some(""), "the table ends");
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}
