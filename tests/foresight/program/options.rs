//! Options of the program: its argument, and variables of the environment.

use super::ForesightError;
use std::ffi::OsString;
use std::path::PathBuf;

/// Failed drives with less history do not count in the recall.
const DEFAULT_HISTORY_DAYS: u16 = 30;

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The histories, CSV or gzip of it.
    pub data: PathBuf,
    /// Where the figures are written as JSON.
    pub json: Option<PathBuf>,
    /// Prints a table of the rules, too.
    pub by_rule: bool,
    /// Failed drives with less history do not count in the recall.
    pub history_days: u16,
}

impl Options {
    /// `variable`: the value of a variable of the environment. An empty one counts as not set.
    pub fn parse(data: Option<OsString>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ForesightError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let Some(data) = data else {
            return Err(error("the file with the histories", "nothing", "its path as the first argument"));
        };
        let by_rule = match text("FORESIGHT_RULES").as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(found) => return Err(error("FORESIGHT_RULES", &format!("{found:?}"), "0 or 1")),
        };
        let history_days = match text("FORESIGHT_HISTORY") {
            None => DEFAULT_HISTORY_DAYS,
            Some(found) => found
                .parse()
                .map_err(|_| error("FORESIGHT_HISTORY", &format!("{found:?}"), "days, a whole number from 0"))?,
        };
        Ok(Self {
            data: PathBuf::from(data),
            json: variable("FORESIGHT_JSON").map(PathBuf::from),
            by_rule,
            history_days,
        })
    }
}

fn error(option: &'static str, found: &str, wanted: &'static str) -> ForesightError {
    ForesightError::Option { option, found: found.to_owned(), wanted }
}
