//! The setting of the rules file, `JBOD_RULES_FILE`, and its former name `JBOD_LIMITS_FILE`.

use crate::support;

use std::fs;
use std::process::Command;
use support::daemon::{Ended, run};

const SET: &str = "watch ≥ 8, warn ≥ 261";

fn check_config(variables: &[(&str, &str)], options: &[&str]) -> Ended {
    let mut program = Command::new(env!("CARGO_BIN_EXE_jbod-monitor"));
    run(program.env_clear().envs(variables.iter().copied()).arg("check-config").args(options))
}

/// The file was read, and `check-config` shows it with `source`.
#[track_caller]
fn assert_read(ended: &Ended, file: &str, source: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(SET), "{ended:?}");
    let row = ended.stdout.lines().find(|line| line.starts_with("JBOD_RULES_FILE ")).expect("its row");
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words, ["JBOD_RULES_FILE", file, source]);
}

#[test]
fn the_former_names_are_read_and_both_at_once_are_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.toml");
    fs::write(&file, "[rules.A5]\nwatch = 8\n").expect("written");
    let file = file.to_str().expect("a path");
    let (now, former) = (("JBOD_RULES_FILE", file), ("JBOD_LIMITS_FILE", file));

    for (variables, options, source) in [
        (&[now][..], &[][..], "env"),
        (&[now, ("JBOD_LIMITS_FILE", "")], &[], "env"),
        (&[], &["--rules-file", file], "flag"),
        (&[], &["--limits-file", file], "flag"),
        (&[("JBOD_LIMITS_FILE", "/nonexistent")], &["--rules-file", file], "flag"),
    ] {
        let ended = check_config(variables, options);
        assert_read(&ended, file, source);
        assert_eq!(ended.stderr, "", "{variables:?} {options:?}");
    }

    for variables in [&[former][..], &[former, ("JBOD_RULES_FILE", "")]] {
        let ended = check_config(variables, &[]);
        assert_read(&ended, file, "env");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains("JBOD_LIMITS_FILE is deprecated, rename it to JBOD_RULES_FILE"), "{ended:?}");
    }

    let both = check_config(&[("JBOD_RULES_FILE", "/a/rules.toml"), ("JBOD_LIMITS_FILE", "/a/limits.toml")], &[]);
    assert_eq!((both.code, both.stdout.as_str(), both.stderr.lines().count()), (Some(78), "", 1), "{both:?}");
    for part in
        ["JBOD_RULES_FILE: found \"/a/rules.toml\" and JBOD_LIMITS_FILE=\"/a/limits.toml\"", "wanted one of the two"]
    {
        assert!(both.stderr.contains(part), "{part}: {both:?}");
    }

    let help = run(Command::new(env!("CARGO_BIN_EXE_jbod-monitor")).env_clear().arg("--help"));
    assert!(help.stdout.contains("--rules-file <FILE>") && !help.stdout.contains("limits-file"), "{help:?}");
}
