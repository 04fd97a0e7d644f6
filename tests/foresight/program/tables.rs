//! The figures as text tables.

use super::measures::{HORIZON_DAYS, LEADS};
use super::ratio::Estimate;
use super::{LEVELS, Options, RuleLevel, SourceResult};
use std::fmt::Write;

/// Widths of the columns: the level or rule, a lead of the recall, any other measure.
const LABEL: usize = 6;
const RECALL: usize = 12;
const MEASURE: usize = 13;

/// A measure: the estimate, its factor for percent or per thousand, and the width of the column.
type Cell = (Option<Estimate>, f64, usize);

pub(super) fn render(results: &[SourceResult], options: &Options) -> String {
    let mut text = String::from(
        "Verdicts of the rules of this version on drives that failed and on drives that were not seen to fail,\n\
         with 95 % confidence intervals. A level counts its own verdicts and worse ones. The columns are explained\n\
         in docs/foresight.md.\n",
    );
    for result in results {
        text.push('\n');
        source_heading(&mut text, result, options);
        level_table(&mut text, result);
        if result.failed > 0 && result.failed < result.drives && !result.has_followed_healthy {
            line(&mut text, &format!("P30 is of no use here: no healthy drive was followed for {HORIZON_DAYS} days."));
        }
        if options.by_rule {
            text.push('\n');
            rule_table(&mut text, &result.by_rule);
        }
    }
    text
}

fn source_heading(text: &mut String, result: &SourceResult, options: &Options) {
    line(
        text,
        &format!(
            "{}: {} drives, {} drive-days, {} failed, {} of them with {} days of history or more",
            result.name,
            grouped(u64::from(result.drives)),
            grouped(result.drive_days),
            grouped(u64::from(result.failed)),
            grouped(u64::from(result.failed_with_history)),
            options.history_days,
        ),
    );
}

fn level_table(text: &mut String, result: &SourceResult) {
    let mut head = format!("{:LABEL$}", "level");
    for lead in LEADS {
        let _ = write!(head, "{:>RECALL$}", format!(">={lead} d %"));
    }
    for name in ["healthy %", "days/1,000", "precision %", "P30 %"] {
        let _ = write!(head, "{name:>MEASURE$}");
    }
    line(text, &head);
    for ((_, name), measures) in LEVELS.iter().zip(&result.levels) {
        let mut cells: Vec<Cell> = Vec::new();
        for recall in measures.recall() {
            cells.push((recall, 100.0, RECALL));
        }
        cells.push((measures.healthy_ever(), 100.0, MEASURE));
        cells.push((measures.alarm_days(), 1000.0, MEASURE));
        cells.push((measures.precision(), 100.0, MEASURE));
        cells.push((measures.p30(), 100.0, MEASURE));
        two_lines(text, &format!("{name:LABEL$}"), &cells);
    }
}

fn rule_table(text: &mut String, rules: &[RuleLevel]) {
    let reporting: Vec<&RuleLevel> = rules.iter().filter(|rule| rule.is_used).collect();
    if reporting.is_empty() {
        line(text, "No rule reported anything.");
        return;
    }
    line(
        text,
        &format!(
            "{:10}{:LABEL$}{:>8}{:>9}{:>MEASURE$}{:>MEASURE$}",
            "rule", "level", "failed", "healthy", "healthy %", "P30 %"
        ),
    );
    for rule in reporting {
        let measures = &rule.measures;
        let label = format!(
            "{:10}{:LABEL$}{:>8}{:>9}",
            rule.code.as_str(),
            rule.level_name,
            grouped(u64::from(measures.alarmed_failed)),
            grouped(u64::from(measures.alarmed_healthy)),
        );
        two_lines(text, &label, &[(measures.healthy_ever(), 100.0, MEASURE), (measures.p30(), 100.0, MEASURE)]);
    }
}

/// Appends the estimates, and a line below them with their intervals.
fn two_lines(text: &mut String, label: &str, cells: &[Cell]) {
    let mut values = label.to_owned();
    let mut intervals = " ".repeat(label.len());
    for (estimate, factor, width) in cells {
        let (value, interval) = match estimate {
            Some(estimate) => {
                let [value, low, high] =
                    [estimate.value, estimate.low, estimate.high].map(|part| number(part * factor));
                (value, format!("[{low}-{high}]"))
            }
            None => ("-".to_owned(), String::new()),
        };
        let _ = write!(values, "{value:>width$}");
        let _ = write!(intervals, "{interval:>width$}");
    }
    line(text, &values);
    line(text, &intervals);
}

fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
}

/// About three significant digits: 0.42, 3.28, 57.4, 141.
fn number(value: f64) -> String {
    let decimals = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// `16,197`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
