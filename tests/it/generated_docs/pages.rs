//! Generated blocks in pages of `docs/`. A block is between two comments.

use crate::helpers::{in_repository, read_file};
use jbod_monitor::config::settings::{SETTINGS, Setting, SettingKind};
use jbod_monitor::domain::health::all_rules;

/// The page with this text in the block of that name.
#[track_caller]
pub fn with_block(page: &str, name: &str, block: &str) -> String {
    let text = read_file(&in_repository(page));
    let begin = format!("<!-- generated: {name}, by tests/it/generated_docs -->\n");
    let end = format!("<!-- end of generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no line {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{page} has no line {end}"));
    format!("{before}{begin}\n{}\n\n{end}{after}", block.trim())
}

/// A table in Markdown; `|` in cells is escaped.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines = vec![row(head.iter().map(|cell| (*cell).to_owned())), row(head.iter().map(|_| "---".to_owned()))];
    for cells in rows {
        assert_eq!(cells.len(), head.len(), "{cells:?}");
        lines.push(row(cells.iter().map(|cell| cell.replace('|', "\\|"))));
    }
    lines.join("\n") + "\n"
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let mut line = "|".to_owned();
    for cell in cells {
        line.push(' ');
        line.push_str(&cell);
        line.push_str(if cell.is_empty() { "|" } else { " |" });
    }
    line
}

/// Inline code.
pub fn code(text: &str) -> String {
    format!("`{text}`")
}

/// docs/configuration.md: one row for each setting.
pub fn settings() -> String {
    let rows: Vec<Vec<String>> = SETTINGS.iter().map(setting_row).collect();
    table(&["variable", "option", "default", "accepted values", "meaning"], &rows)
}

fn setting_row(setting: &Setting) -> Vec<String> {
    let option = match setting.option {
        Some(option) => code(&format!("--{option} {}", setting.value_name)),
        None => String::new(),
    };
    let default = match (setting.default(), &setting.kind) {
        (Some(default), _) => code(&default),
        (None, SettingKind::Program(_)) => "searched for".to_owned(),
        (None, _) => "none".to_owned(),
    };
    let accepted = setting.accepted_values().unwrap_or_default();
    vec![code(setting.name), option, default, accepted, setting.help.to_owned()]
}

/// docs/rules.md: one row for each rule.
pub fn rules() -> String {
    let mut rows = Vec::new();
    for rule in all_rules() {
        let class = rule.class.as_str().to_owned();
        let (levels, source) = (rule.thresholds.to_string(), rule.source.to_owned());
        rows.push(vec![rule.code.to_string(), class, rule.condition.to_owned(), levels, source]);
    }
    table(&["code", "class", "condition", "watch / warn / crit", "source"], &rows)
}
