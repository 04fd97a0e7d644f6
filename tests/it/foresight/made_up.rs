//! Histories of drives that are made up. The verdicts on them do not depend on the limits of the rules: 5,000 pending
//! sectors are crit, a spin retry is warn, one reallocated sector from the first day on is watch.

use jiff::ToSpan;
use jiff::civil::Date;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use tempfile::TempDir;

pub const COLUMNS: &str = "source,half,drive,maker,model,weight,date,until,days,days_to_failure,\
    r5,r9,r10,r187,r188,r194,r196,r197,r198,r199,n5,n22,n184,n187,n188,n197";
pub const CRIT: (&str, &str) = ("r197", "5000");
pub const WARN: (&str, &str) = ("r10", "1");
pub const WATCH: (&str, &str) = ("r5", "1");
pub const CLEAN: (&str, &str) = ("r197", "0");

/// A file with histories, in a temporary folder.
pub struct History {
    pub folder: TempDir,
    pub text: String,
}

/// Adds the rows of a drive.
pub struct Rows<'a> {
    history: &'a mut History,
    source: &'a str,
    drive: &'a str,
    weight: &'a str,
    failure: Option<i32>,
}

impl History {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), text: format!("{COLUMNS}\n") }
    }

    pub fn failed<'a>(&'a mut self, source: &'a str, drive: &'a str, day: i32) -> Rows<'a> {
        Rows { history: self, source, drive, weight: "1", failure: Some(day) }
    }

    pub fn healthy<'a>(&'a mut self, source: &'a str, drive: &'a str, weight: &'a str) -> Rows<'a> {
        Rows { history: self, source, drive, weight, failure: None }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self) -> PathBuf {
        let path = self.file("history.csv");
        std::fs::write(&path, &self.text).expect("a file");
        path
    }
}

impl Rows<'_> {
    /// Adds a row. Days count from 2020-01-01.
    pub fn row(self, days: RangeInclusive<i32>, (name, value): (&str, &str)) -> Self {
        let first = Date::constant(2020, 1, 1);
        let [date, until] = [days.start(), days.end()].map(|day| first.checked_add(day.days()).expect("a date"));
        let days_to_failure = self.failure.map(|day| (day - days.start()).to_string()).unwrap_or_default();
        let mut fields = Vec::new();
        for column in COLUMNS.split(',') {
            fields.push(match column {
                "source" => self.source.to_owned(),
                "drive" => self.drive.to_owned(),
                "model" => "ST4000DM000".to_owned(),
                "weight" => self.weight.to_owned(),
                "date" => date.to_string(),
                "until" => until.to_string(),
                "days_to_failure" => days_to_failure.clone(),
                column if column == name => value.to_owned(),
                _ => String::new(),
            });
        }
        self.history.text.push_str(&fields.join(","));
        self.history.text.push('\n');
        self
    }
}

/// Three sources: four failed and four healthy drives, a failed drive only, a healthy drive only.
pub fn made_up() -> History {
    let mut history = History::new();
    history.failed("both", "crit-20-days-ahead", 80).row(0..=59, CLEAN).row(60..=80, CRIT);
    history.failed("both", "warn-35-days-ahead", 75).row(0..=39, CLEAN).row(40..=75, WARN);
    history.failed("both", "never-in-alarm", 49).row(0..=49, CLEAN);
    history.failed("both", "ten-days-of-history", 80).row(70..=80, CRIT);
    history.healthy("both", "clean", "1").row(0..=99, CLEAN);
    history.healthy("both", "watch", "1").row(0..=99, WATCH);
    history.healthy("both", "one-of-three", "3").row(0..=89, CLEAN).row(90..=99, WARN);
    // There is no row for days 10 to 19, on which the first row remains valid.
    history.healthy("both", "a-gap", "1").row(0..=9, WARN).row(20..=39, CLEAN);
    history.failed("failed", "crit-all-along", 40).row(0..=40, CRIT);
    history.healthy("healthy", "crit-all-along", "1").row(0..=40, CRIT);
    history
}
