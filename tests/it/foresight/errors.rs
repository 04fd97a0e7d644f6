//! Errors of the program and of `make foresight` about missing or malformed input.

use super::made_up::{COLUMNS, History, made_up};
use super::{Options, foresight, options};
use crate::support::daemon::run;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// A row with all mandatory fields.
const ROW: &str = "source,dev,drive,maker,model,1,2020-01-01,2020-01-05,5,,0,,,,,,,0,,,,,,,,";

/// The error about a file with that text, without its folder.
#[track_caller]
fn error_of(text: &str) -> String {
    let history = History { text: text.to_owned(), ..History::new() };
    let path = history.write();
    let error = foresight(&options(&path)).expect_err("an error").to_string();
    error.replace(&format!("{}/", history.folder.path().display()), "")
}

/// `ROW` with another value in one column.
fn row_with(column: &str, value: &str) -> String {
    let mut fields: Vec<&str> = ROW.split(',').collect();
    let index = COLUMNS.split(',').position(|name| name == column).expect("a column");
    fields[index] = value;
    fields.join(",")
}

/// A file with two rows, the second of which is that one.
fn file_with(row: &str) -> String {
    format!("{COLUMNS}\n{ROW}\n{row}\n")
}

/// A file whose second row is of another drive and has that value.
fn file_with_value(column: &str, value: &str) -> String {
    file_with(&row_with(column, value).replace(",drive,", ",other,"))
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let history = History::new();
    let error = foresight(&options(&history.file("none.csv.gz"))).expect_err("an error").to_string();
    assert!(error.ends_with("none.csv.gz: cannot be read: No such file or directory (os error 2)"), "{error}");
    let error = foresight(&options(history.folder.path())).expect_err("an error").to_string();
    assert!(error.contains("cannot be read: Is a directory"), "{error}");
}

#[test]
fn an_error_in_the_encoding_has_its_line() {
    let history = History::new();
    let path = history.file("history.csv.gz");
    // A truncated gzip file.
    std::fs::write(&path, [0x1f, 0x8b, 8, 0, 0, 0]).expect("a file");
    let error = foresight(&options(&path)).expect_err("an error").to_string();
    assert!(error.contains("history.csv.gz, line 1: cannot be read: "), "{error}");
    std::fs::write(&path, [COLUMNS.as_bytes(), b"\n\xff\xfe\n"].concat()).expect("a file");
    let error = foresight(&options(&path)).expect_err("an error").to_string();
    assert!(error.ends_with("history.csv.gz, line 2: cannot be read: stream did not contain valid UTF-8"), "{error}");
}

#[test]
fn an_error_has_its_line_and_field() {
    let header = COLUMNS.replace("r197", "raw197");
    let cases = [
        (String::new(), "line 1, header: found nothing, wanted a row of column names"),
        (header, "line 1, header: found no column r197, wanted a column r197 (docs/foresight.md)"),
        (format!("{COLUMNS}\n"), "line 2, rows: found none, wanted at least one reading below the header"),
        (file_with("source,dev"), "line 3, number of fields: found 2, wanted 26 as in the header"),
        (file_with(""), "line 3, number of fields: found 1, wanted 26 as in the header"),
        (file_with(&row_with("source", "")), "line 3, field source: found \"\", wanted a name"),
        (file_with(&row_with("drive", "")), "line 3, field drive: found \"\", wanted a name"),
        (file_with(&row_with("model", "")), "line 3, field model: found \"\", wanted a name"),
        (file_with_value("date", "2020-1-1"), "line 3, field date: found \"2020-1-1\", wanted a date as 2020-01-31"),
        (file_with_value("until", "2020-02-30"), "field until: found \"2020-02-30\", wanted a date as 2020-01-31"),
        (
            file_with_value("until", "2019-12-31"),
            "line 3, field until: found \"2019-12-31\", wanted a date from 2020-01-01 on, the date of the row",
        ),
        (file_with_value("weight", ""), "line 3, field weight: found \"\", wanted a number above 0"),
        (file_with_value("weight", "-1"), "line 3, field weight: found \"-1\", wanted a number above 0"),
        (file_with_value("weight", "inf"), "line 3, field weight: found \"inf\", wanted a number above 0"),
        (
            file_with_value("days_to_failure", "soon"),
            "line 3, field days_to_failure: found \"soon\", wanted a whole number of days from 0 to 65535, or nothing",
        ),
        (
            file_with_value("days_to_failure", "-2147483648"),
            "field days_to_failure: found \"-2147483648\", wanted a whole number of days from 0 to 65535, or nothing",
        ),
        (file_with_value("r5", "1.5"), "field r5: found \"1.5\", wanted a whole number, at least 0, or nothing"),
        (file_with_value("r197", "-8"), "field r197: found \"-8\", wanted a whole number, at least 0, or nothing"),
        (file_with_value("n184", "256"), "field n184: found \"256\", wanted a whole number from 0 to 255, or nothing"),
        // A second row of the same drive begins on the last day of the first one.
        (
            file_with(&row_with("date", "2020-01-05")),
            "line 3, field date: found \"2020-01-05\", wanted a date after `until` of the drive's row before: dates \
             are out of order",
        ),
    ];
    for (text, expected) in cases {
        let error = error_of(&text);
        assert!(error.starts_with("history.csv, ") && error.ends_with(expected), "{error}, expected {expected}");
    }
}

#[test]
fn a_long_value_is_truncated() {
    let error = error_of(&format!("{COLUMNS}\n{}\n", row_with("r5", &"x".repeat(5000))));
    assert!(error.contains(&format!("found \"{}\", wanted", "x".repeat(60))), "{error}");
}

#[test]
fn an_output_file_that_cannot_be_written_is_named() {
    let history = made_up();
    let json = Some(history.file("no-folder/figures.json"));
    let error = foresight(&Options { json, ..options(&history.write()) }).expect_err("an error").to_string();
    assert!(error.ends_with("figures.json: cannot be written: No such file or directory (os error 2)"), "{error}");
}

#[test]
fn options_are_checked() {
    let parse = |variables: &[(&str, &str)]| {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Options::parse(Some(OsString::from("history.csv")), |name| variables.get(name).map(OsString::from))
    };
    assert_eq!(parse(&[("FORESIGHT_JSON", "")]).expect("options"), options(Path::new("history.csv")));
    let all = [("FORESIGHT_JSON", "figures.json"), ("FORESIGHT_RULES", "1"), ("FORESIGHT_HISTORY", "7")];
    let expected =
        Options { data: "history.csv".into(), json: Some("figures.json".into()), by_rule: true, history_days: 7 };
    assert_eq!(parse(&all).expect("options"), expected);
    assert!(!parse(&[("FORESIGHT_RULES", "0")]).expect("options").by_rule);
    for (name, value, expected) in [
        ("FORESIGHT_RULES", "yes", "FORESIGHT_RULES: found \"yes\", wanted 0 or 1"),
        ("FORESIGHT_HISTORY", "-1", "FORESIGHT_HISTORY: found \"-1\", wanted days, a whole number from 0"),
    ] {
        assert_eq!(parse(&[(name, value)]).expect_err("an error").to_string(), expected);
    }
    let error = Options::parse(None, |_| None).expect_err("an error").to_string();
    assert_eq!(error, "the file with the histories: found nothing, wanted its path as the first argument");
}

#[test]
fn make_foresight_names_the_file_that_it_needs() {
    let mut make = Command::new("make");
    make.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--no-print-directory", "foresight"]);
    // Variables of `make test` must not affect this make.
    for variable in ["DATA", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        make.env_remove(variable);
    }
    let ended = run(&mut make);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| !line.starts_with("make: ")).collect();
    assert_eq!(
        errors,
        ["DATA is not set; wanted DATA=FILE, histories of drives as CSV, plain or gzip (docs/foresight.md)"]
    );
    assert_eq!(ended.stdout, "", "nothing is built");
}
