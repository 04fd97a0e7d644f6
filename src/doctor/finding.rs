//! A finding of `doctor`, and its form on a terminal.

use crate::domain::text::sanitize;
use crate::terminal::Screen;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// It works, with less than there could be.
    Warn,
    /// It does not work, or not as it is set.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoctorFinding {
    pub(super) level: Level,
    /// What was found.
    pub(super) what: String,
    /// The remedy; none if nothing is wrong.
    pub(super) remedy: Option<String>,
}

pub(super) fn ok(what: impl Into<String>) -> DoctorFinding {
    DoctorFinding { level: Level::Ok, what: what.into(), remedy: None }
}

pub(super) fn warn(what: impl Into<String>, remedy: impl Into<String>) -> DoctorFinding {
    DoctorFinding { level: Level::Warn, what: what.into(), remedy: Some(remedy.into()) }
}

pub(super) fn fail(what: impl Into<String>, remedy: impl Into<String>) -> DoctorFinding {
    DoctorFinding { level: Level::Fail, what: what.into(), remedy: Some(remedy.into()) }
}

impl DoctorFinding {
    /// `warn  what  -- mended by: …`, one line, or more on a screen that is narrower.
    pub(super) fn text(&self, screen: Screen) -> String {
        let (word, sgr) = match self.level {
            Level::Ok => ("ok", "32"),
            Level::Warn => ("warn", "33"),
            Level::Fail => ("FAIL", "1;31"),
        };
        let mut rest = self.what.clone();
        if let Some(remedy) = &self.remedy {
            rest = format!("{rest}  -- mended by: {remedy}");
        }
        let line = screen.wrap(&format!("{word:<6}{}", sanitize(&rest)), 6);
        let behind = line.strip_prefix(word).unwrap_or_default();
        format!("{}{behind}", screen.paint(word, sgr))
    }
}

/// How many of each, for the last line.
pub(super) fn summary(findings: &[DoctorFinding]) -> String {
    let count = |level| findings.iter().filter(|f| f.level == level).count();
    match (count(Level::Fail), count(Level::Warn)) {
        (0, 0) => "nothing is missing\n".to_owned(),
        (0, warn) => format!("{warn} warn, nothing fails\n"),
        (fail, warn) => format!("{fail} FAIL, {warn} warn\n"),
    }
}
