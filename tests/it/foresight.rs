//! The program behind `make foresight`, on made-up histories: figures that can be calculated by hand, and errors.

mod errors;
mod made_up;

#[path = "../foresight/program/mod.rs"]
mod program;

use flate2::Compression;
use flate2::write::GzEncoder;
use jbod_monitor::domain::health::{RuleSettings, Verdict};
use made_up::{CLEAN, COLUMNS, CRIT, History, made_up};
use program::history::{self, Day};
use program::ratio::Ratio;
use program::replay::replay;
use program::{Options, run as foresight};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

fn options(data: &Path) -> Options {
    Options { data: data.to_owned(), json: None, by_rule: false, history_days: 30 }
}

fn json_of(history: &History, options: Options) -> Value {
    let path = history.file("figures.json");
    foresight(&Options { json: Some(path.clone()), ..options }).expect("tables");
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// The keys are the same, and numbers differ by rounding at most.
#[track_caller]
fn assert_close(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            assert!(found.keys().eq(expected.keys()), "{place}: {found:?}");
            for (key, value) in found {
                assert_close(value, &expected[key], &format!("{place}.{key}"));
            }
        }
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().expect("a number"), expected.as_f64().expect("a number"));
            assert!((found - expected).abs() < 1e-9, "{place}: {found}, expected {expected}");
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

fn recall(percent: [f64; 5]) -> Value {
    let [on_the_day, a_day, a_week, two_weeks, thirty_days] = percent;
    json!({ "0": on_the_day, "1": a_day, "7": a_week, "14": two_weeks, "30": thirty_days })
}

/// The figures of a level; `others` in the order of the tables.
fn figures_of_level(recall_percent: [f64; 5], others: [f64; 4]) -> Value {
    let [healthy_ever, alarm_days, precision, p30] = others;
    json!({
        "recall_percent": recall(recall_percent),
        "healthy_ever_percent": healthy_ever,
        "alarm_days_per_1000": alarm_days,
        "precision_percent": precision,
        "p30_percent": p30,
    })
}

#[test]
fn figures_agree_with_calculations_by_hand() {
    let history = made_up();
    let figures = json_of(&history, options(&history.write()));
    let third = 100.0 / 3.0;
    // In time for 14 days, one of them also for 30.
    let two_of_three = [2.0 * third, 2.0 * third, 2.0 * third, 2.0 * third, third];
    // Three failed drives have 30 days of history. Healthy drives: 6 by weight, 540 days by weight (3 x 100 of one).
    let expected = json!({
        // Only failing drives are in alarm, for 20 and 10 days without the days of failure.
        "crit": figures_of_level([third, third, third, third, 0.0], [0.0, 0.0, 100.0, 100.0]),
        // Healthy in alarm: 3 + 1 of 6; 3 x 10 + 20 days. Failed in alarm: 3. Days with a known future: 20 + 10 of
        // crit, 35 of the second drive, 30 of which are within 30 days of its failure, 10 of the drive with a gap,
        // seen to day 39.
        "warn": figures_of_level(
            two_of_three,
            [100.0 * 4.0 / 6.0, 1000.0 * 50.0 / 540.0, 100.0 * 3.0 / 7.0, 100.0 * 60.0 / 75.0],
        ),
        // In addition a healthy drive for 100 days, 70 of them with a known future.
        "watch": figures_of_level(
            two_of_three,
            [100.0 * 5.0 / 6.0, 1000.0 * 150.0 / 540.0, 100.0 * 3.0 / 8.0, 100.0 * 60.0 / 145.0],
        ),
    });
    assert_close(&figures["both"], &expected, "both");
}

#[test]
fn undefined_figures_are_null() {
    let history = made_up();
    let figures = json_of(&history, options(&history.write()));
    let failed = json!({
        "recall_percent": recall([100.0; 5]),
        "healthy_ever_percent": null,
        "alarm_days_per_1000": null,
        "precision_percent": null,
        "p30_percent": null,
    });
    assert_close(&figures["failed"], &json!({ "crit": failed, "warn": failed, "watch": failed }), "failed");
    let healthy = json!({
        "recall_percent": { "0": null, "1": null, "7": null, "14": null, "30": null },
        "healthy_ever_percent": 100.0,
        "alarm_days_per_1000": 1000.0,
        "precision_percent": null,
        "p30_percent": null,
    });
    assert_close(&figures["healthy"], &json!({ "crit": healthy, "warn": healthy, "watch": healthy }), "healthy");
    assert_eq!(figures.as_object().map(serde_json::Map::len), Some(3), "one entry for each source");
}

#[test]
fn a_shorter_required_history_includes_more_failed_drives() {
    let history = made_up();
    let figures = json_of(&history, Options { history_days: 10, ..options(&history.write()) });
    // Two of four: the fourth one was in alarm on its first day, ten days before its failure.
    assert_close(&figures["both"]["crit"]["recall_percent"], &recall([50.0, 50.0, 50.0, 25.0, 0.0]), "crit");
}

fn words_of_lines(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn tables_show_the_figures_with_their_intervals() {
    let history = made_up();
    let text = foresight(&options(&history.write())).expect("tables");
    let lines = words_of_lines(&text);
    let heading = "both: 8 drives, 558 drive-days, 4 failed, 3 of them with 30 days of history or more";
    assert!(text.lines().any(|line| line == heading), "{text}");
    let warn = ["warn", "66.7", "66.7", "66.7", "66.7", "33.3", "66.7", "92.6", "42.9", "80.0"];
    let place = lines.iter().position(|line| *line == warn).unwrap_or_else(|| panic!("{text}"));
    // Wilson's intervals for 2 and 1 of 3.
    assert_eq!(lines[place + 1][0], "[20.8-93.9]", "{text}");
    assert_eq!(lines[place + 1][4], "[6.15-79.2]", "{text}");
    let nothing = ["crit", "100", "100", "100", "100", "100", "-", "-", "-", "-"];
    assert!(lines.iter().any(|line| *line == nothing), "{text}");
}

#[test]
fn figures_by_rule_are_optional() {
    let mut history = made_up();
    let text = foresight(&options(&history.write())).expect("tables");
    assert!(!text.contains("A9-10"), "{text}");
    let text = foresight(&Options { by_rule: true, ..options(&history.write()) }).expect("tables");
    let lines = words_of_lines(&text);
    // Numbers of failed and healthy drives; 4 of 6 by weight; 30 of 45 days.
    assert!(lines.contains(&vec!["A9-10", "warn", "1", "2", "66.7", "66.7"]), "{text}");
    assert!(lines.contains(&vec!["A3", "crit", "2", "0", "0.00", "100"]), "{text}");
    assert!(!text.contains("A13"), "a rule without findings has no row: {text}");
    // A level without findings has no row.
    assert!(!lines.iter().any(|line| line.starts_with(&["A9-10", "watch"])), "{text}");
    history.text = format!("{COLUMNS}\n");
    history.healthy("clean", "clean", "1").row(0..=9, CLEAN);
    let text = foresight(&Options { by_rule: true, ..options(&history.write()) }).expect("tables");
    assert!(text.ends_with("No rule reported anything.\n"), "{text}");
}

/// Attributes have the names that smartctl prints, and packed values are unpacked.
#[test]
fn every_column_is_used_by_its_rule() {
    // 150 timeouts are in the middle word of 188.
    for (column, value, code) in [
        ("r5", "5000", "A5"),
        ("r10", "1", "A9-10"),
        ("r187", "5000", "A6"),
        ("r188", "9830400", "A7"),
        ("r194", "65", "T1"),
        ("r196", "5000", "A9-196"),
        ("r197", "5000", "A3"),
        ("r198", "5000", "A4"),
        ("n22", "50", "A13"),
        ("n184", "50", "A9-184"),
    ] {
        let mut history = History::new();
        history.healthy("one", "drive", "1").row(0..=0, (column, value));
        let text = foresight(&Options { by_rule: true, ..options(&history.write()) }).expect("tables");
        let reported = text.lines().any(|line| line.starts_with(&format!("{code} ")));
        assert!(reported, "{column}: {text}");
    }
    // Placeholders, and counts that no rule judges by themselves.
    for (column, value) in
        [("r9", "60000"), ("r188", "7"), ("r194", "0"), ("r194", "141"), ("r199", "1000"), ("n5", "1")]
    {
        let mut history = History::new();
        history.healthy("one", "drive", "1").row(0..=0, (column, value));
        let text = foresight(&Options { by_rule: true, ..options(&history.write()) }).expect("tables");
        assert!(text.ends_with("No rule reported anything.\n"), "{column}: {text}");
    }
}

#[test]
fn a_note_explains_p30_without_healthy_drives_of_30_days() {
    let mut history = History::new();
    history.failed("short", "failed", 14).row(0..=14, CRIT);
    history.healthy("short", "healthy", "1").row(0..=14, CRIT);
    let text = foresight(&options(&history.write())).expect("tables");
    assert!(text.contains("no healthy drive was followed for 30 days"), "{text}");
    history.healthy("short", "longer", "1").row(0..=30, CRIT);
    let text = foresight(&options(&history.write())).expect("tables");
    assert!(!text.contains("no healthy drive was followed for 30 days"), "{text}");
}

#[test]
fn gzip_and_rows_in_order_of_dates_are_read() {
    let history = made_up();
    let plain = json_of(&history, options(&history.write()));
    let mut rows: Vec<&str> = history.text.lines().skip(1).collect();
    // Field 6 is the date. The sort is stable, so the rows of each drive remain in order.
    rows.sort_by_key(|row| row.split(',').nth(6));
    let path = history.file("history.csv.gz");
    let mut gzip = GzEncoder::new(std::fs::File::create(&path).expect("a file"), Compression::fast());
    write!(gzip, "{COLUMNS}\r\n{}\r\n", rows.join("\r\n")).expect("written");
    gzip.finish().expect("written");
    assert_close(&json_of(&history, options(&path)), &plain, "gzip");
}

fn verdicts_by_day(path: &Path, look_back_days: i32) -> Vec<(String, Day, Verdict)> {
    let mut verdicts = Vec::new();
    for drive in history::read(path).expect("sources").iter().flat_map(|source| &source.drives) {
        for stretch in replay(drive, &RuleSettings::default(), look_back_days) {
            verdicts.extend(stretch.days.map(|day| (drive.name.clone(), day, stretch.verdict)));
        }
    }
    verdicts
}

/// With `look_back_days` the days after a reading are judged one by one. None of the present rules looks back, so the
/// verdicts are the same.
#[test]
fn a_verdict_is_the_same_on_all_days_of_a_reading() {
    let history = made_up();
    let path = history.write();
    let verdicts = verdicts_by_day(&path, 0);
    assert_eq!(verdicts.len(), 558 + 41 + 41, "each day once");
    for look_back_days in [1, 7, 30, 90] {
        assert_eq!(verdicts_by_day(&path, look_back_days), verdicts, "{look_back_days}");
    }
}

#[test]
fn intervals_are_wilson_scores_of_independent_drives() {
    let mut drives = Ratio::default();
    let mut doubled = Ratio::default();
    let mut days = Ratio::default();
    for drive in 0..202 {
        let alarmed = if drive < 134 { 1.0 } else { 0.0 };
        drives.add(alarmed, 1.0);
        doubled.add(2.0 * alarmed, 2.0);
        days.add(100.0 * alarmed, 100.0);
    }
    let estimate = drives.estimate().expect("drives");
    let percent = [estimate.value, estimate.low, estimate.high].map(|part| format!("{:.1}", 100.0 * part));
    assert_eq!(percent, ["66.3", "59.6", "72.5"]);
    // A drive with many days, or with twice the weight, is still one independent drive.
    for same in [doubled, days] {
        let same = same.estimate().expect("drives");
        assert!((same.low - estimate.low).abs() < 1e-12 && (same.high - estimate.high).abs() < 1e-12, "{same:?}");
    }
    assert_eq!(Ratio::default().estimate(), None);
    let mut none = Ratio::default();
    for _ in 0..73 {
        none.add(0.0, 1.0);
    }
    let bounds = none.estimate().expect("drives");
    // None of 73 drives: at most 5.0 %.
    assert!(
        bounds.value.abs() < 1e-12 && bounds.low.abs() < 1e-12 && (bounds.high - 0.05).abs() < 0.0001,
        "{bounds:?}"
    );
}
