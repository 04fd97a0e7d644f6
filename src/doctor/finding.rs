//! The findings of `doctor`, and their form on a terminal.

use crate::domain::text::sanitize;
use crate::terminal::Screen;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// It works with restrictions.
    Warn,
    /// It does not work, or not as configured.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoctorFinding {
    pub(super) level: Level,
    pub(super) what: String,
    /// `None` if nothing is wrong.
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
    /// `warn  what  -- fix: …`, wrapped to the width of the screen.
    pub(super) fn text(&self, screen: Screen) -> String {
        let (word, sgr) = match self.level {
            Level::Ok => ("ok", "32"),
            Level::Warn => ("warn", "33"),
            Level::Fail => ("FAIL", "1;31"),
        };
        let mut rest = self.what.clone();
        if let Some(remedy) = &self.remedy {
            rest = format!("{rest}  -- fix: {remedy}");
        }
        let line = screen.wrap(&format!("{word:<6}{}", sanitize(&rest)), 6);
        let rest_of_line = line.strip_prefix(word).unwrap_or_default();
        format!("{}{rest_of_line}", screen.paint(word, sgr))
    }
}

/// The last line: the number of failed checks and of warnings.
pub(super) fn summary(findings: &[DoctorFinding]) -> String {
    match (count(findings, Level::Fail), count(findings, Level::Warn)) {
        (0, 0) => "all checks passed\n".to_owned(),
        (0, warn) => format!("no check failed, {warn} warn\n"),
        (fail, warn) => format!("{fail} FAIL, {warn} warn\n"),
    }
}

fn count(findings: &[DoctorFinding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}
