//! The figures as JSON, for programs that compare two versions of the rules.

use super::measures::Measures;
use super::ratio::Estimate;
use super::{ForesightError, SourceResult};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Serialize)]
struct Levels {
    watch: Figures,
    warn: Figures,
    crit: Figures,
}

/// `null`: undefined, as without failed drives or without healthy ones.
#[derive(Serialize)]
struct Figures {
    recall_percent: Recall,
    healthy_ever_percent: Option<f64>,
    alarm_days_per_1000: Option<f64>,
    precision_percent: Option<f64>,
    p30_percent: Option<f64>,
}

/// By lead in days.
#[derive(Serialize)]
struct Recall {
    #[serde(rename = "0")]
    on_the_day: Option<f64>,
    #[serde(rename = "1")]
    a_day: Option<f64>,
    #[serde(rename = "7")]
    a_week: Option<f64>,
    #[serde(rename = "14")]
    two_weeks: Option<f64>,
    #[serde(rename = "30")]
    thirty_days: Option<f64>,
}

pub(super) fn write(path: &Path, results: &[SourceResult]) -> Result<(), ForesightError> {
    let by_source: BTreeMap<&str, Levels> =
        results.iter().map(|result| (result.name.as_str(), levels(&result.levels))).collect();
    let text = serde_json::to_string_pretty(&by_source).map_err(|error| unwritable(path, error.into()))?;
    std::fs::write(path, text + "\n").map_err(|cause| unwritable(path, cause))
}

fn unwritable(path: &Path, cause: std::io::Error) -> ForesightError {
    ForesightError::Unwritable { file: path.display().to_string(), cause }
}

fn levels([watch, warn, crit]: &[Measures; 3]) -> Levels {
    Levels { watch: figures(watch), warn: figures(warn), crit: figures(crit) }
}

fn percent(estimate: Option<Estimate>) -> Option<f64> {
    Some(100.0 * estimate?.value)
}

fn figures(measures: &Measures) -> Figures {
    let [on_the_day, a_day, a_week, two_weeks, thirty_days] = measures.recall().map(percent);
    Figures {
        recall_percent: Recall { on_the_day, a_day, a_week, two_weeks, thirty_days },
        healthy_ever_percent: percent(measures.healthy_ever()),
        alarm_days_per_1000: measures.alarm_days().map(|estimate| 1000.0 * estimate.value),
        precision_percent: percent(measures.precision()),
        p30_percent: percent(measures.p30()),
    }
}
