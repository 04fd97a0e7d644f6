//! Options of the program: its argument, and environment variables.

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
    /// Whether a table of the rules is printed, too.
    pub by_rule: bool,
    /// Failed drives with less history do not count in the recall.
    pub history_days: u16,
}

impl Options {
    /// `variable` returns the value of an environment variable. An empty value counts as not set.
    pub fn parse(data: Option<OsString>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ForesightError> {
        let [by_rule, history_days, json] = ["FORESIGHT_RULES", "FORESIGHT_HISTORY", "FORESIGHT_JSON"]
            .map(|name| variable(name).filter(|value| !value.is_empty()));
        let Some(data) = data else {
            return Err(error("the file with the histories", "nothing", "its path as the first argument"));
        };
        let by_rule = match by_rule.as_ref().map(|value| value.to_string_lossy()).as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(found) => return Err(error("FORESIGHT_RULES", &format!("{found:?}"), "0 or 1")),
        };
        let history_days = match history_days.as_ref().map(|value| value.to_string_lossy()) {
            None => DEFAULT_HISTORY_DAYS,
            Some(found) => found
                .parse()
                .map_err(|_| error("FORESIGHT_HISTORY", &format!("{found:?}"), "days, a whole number from 0"))?,
        };
        Ok(Self { data: PathBuf::from(data), json: json.map(PathBuf::from), by_rule, history_days })
    }
}

fn error(option: &'static str, found: &str, wanted: &'static str) -> ForesightError {
    ForesightError::Option { option, found: found.to_owned(), wanted }
}
