//! docs/logging.md: every event, from its definition in `src/events` and its entry in the journal catalog.

use super::pages::{self, code};
use crate::helpers::{in_repository, read_file};
use jbod_monitor::events::{EVENT_REFERENCE, EventReference};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One row for each event.
pub fn table() -> String {
    let catalog = read_file(&in_repository("packaging/journal/jbod-monitor.catalog"));
    let remedies: BTreeMap<&str, String> = catalog.split("\n-- ").skip(1).map(catalog_entry).collect();
    let mut rows = Vec::new();
    for event in EVENT_REFERENCE {
        let texts: Vec<String> = event.texts.iter().map(|text| code(text)).collect();
        let levels: Vec<&str> = event.levels.iter().map(log::Level::as_str).collect();
        let fields: Vec<String> = event.fields.iter().map(|field| code(field)).collect();
        let id = event.kind.message_id();
        rows.push(vec![texts.join(", "), levels.join(", "), fields.join(" "), code(id), remedies[id].clone()]);
    }
    pages::table(&["event", "level", "fields", "`MESSAGE_ID`", "meaning and remedy"], &rows)
}

/// The id and the text of an entry of the catalog, its paragraphs in one line.
fn catalog_entry(entry: &str) -> (&str, String) {
    let (id, rest) = entry.split_once('\n').expect("an id");
    let (_, text) = rest.split_once("\n\n").expect("headers, then the text");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain = String::new();
    // Every second piece, between two @, is the name of a field.
    for (index, piece) in text.split('@').enumerate() {
        plain.push_str(&if index % 2 == 0 { piece.to_owned() } else { code(piece) });
    }
    (id, plain)
}

/// A use of `event!` in the source.
struct Call {
    place: String,
    kind: String,
    /// `None` if it is not a constant.
    level: Option<String>,
    /// Up to its first placeholder.
    text: String,
}

/// Compares levels and texts that are constants in the source.
#[test]
fn reference_of_events_agrees_with_the_source() {
    let mut calls = Vec::new();
    for source in sources() {
        calls.append(&mut calls_in(&source));
    }
    assert!(calls.len() > 20, "too few uses of event! were found: {}", calls.len());
    let mut wrong = Vec::new();
    for Call { place, kind, level, text } in &calls {
        let Some(event) = EVENT_REFERENCE.iter().find(|event| format!("{:?}", event.kind) == *kind) else { continue };
        if let Some(level) = level
            && !has_level(event, level)
        {
            wrong.push(format!("{place}: {kind} has level {level:?}"));
        }
        if !text.is_empty() && !event.texts.iter().any(|start| text.starts_with(start)) {
            wrong.push(format!("{place}: {kind} is {text:?}, not one of {:?}", event.texts));
        }
    }
    assert!(wrong.is_empty(), "src/events/reference.rs differs from the source:\n{}", wrong.join("\n"));
}

/// Each text is the beginning of a literal, or a word followed by a literal: `drive {predicate}`, `pool {verdict}`.
#[test]
fn texts_of_events_are_in_the_source() {
    let mut source = String::new();
    for file in sources() {
        if !file.path.ends_with("events/reference.rs") {
            source.push_str(&file.code);
        }
    }
    let mut unknown = Vec::new();
    for event in EVENT_REFERENCE {
        for text in event.texts {
            let is_literal = source.contains(&format!("\"{text}"));
            let (_, rest) = text.split_once(' ').unwrap_or_default();
            let is_composed = !rest.is_empty() && source.contains(&format!("\"{rest}\""));
            // The text of that event begins with a placeholder.
            if !is_literal && !is_composed && *text != "smartctl" {
                unknown.push(format!("{:?}: {text:?}", event.kind));
            }
        }
    }
    assert!(unknown.is_empty(), "src/events/reference.rs has texts that no event has:\n{}", unknown.join("\n"));
}

/// A source file of the daemon without its tests.
struct Source {
    path: PathBuf,
    code: String,
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![in_repository("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the source").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("rs".as_ref()) {
                let text = read_file(&path);
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                sources.push(Source { path, code });
            }
        }
    }
    sources
}

fn has_level(event: &EventReference, level: &str) -> bool {
    event.levels.iter().any(|known| format!("{known:?}") == level)
}

fn calls_in(source: &Source) -> Vec<Call> {
    let code = &source.code;
    let mut calls = Vec::new();
    for (at, _) in code.match_indices(" event!(").chain(code.match_indices("(event!(")) {
        let arguments = in_parentheses(&code[at + 1..]);
        // The kind may be in a variable that is assigned before.
        let function = &code[code[..at].rfind("fn ").unwrap_or(0)..at];
        let Some(kind) = word_after(arguments, "EventKind::").or_else(|| last_kind(function)) else { continue };
        let Some(literal) = arguments.split('"').nth(1) else { continue };
        let mut text = literal.split('{').next().unwrap_or_default();
        // `drive {predicate}` has no constant text.
        if text == "drive " || text == "drives " {
            text = "";
        }
        calls.push(Call {
            place: source.path.display().to_string(),
            kind,
            level: word_after(arguments, "Level::"),
            text: text.trim_end().to_owned(),
        });
    }
    calls
}

fn last_kind(code: &str) -> Option<String> {
    let last = code.rfind("EventKind::")?;
    word_after(&code[last..], "EventKind::")
}

fn word_after(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    Some(word)
}

/// The text up to the parenthesis that closes the first one.
fn in_parentheses(text: &str) -> &str {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}
