//! docs/logging.md: every event, from its definition in `src/events` and its entry in the catalog of the journal.

use super::in_repository;
use super::pages::{self, code};
use jbod_monitor::events::{EVENT_REFERENCE, EventReference};
use std::collections::BTreeMap;
use std::path::Path;

/// One row for each event.
pub fn table() -> String {
    let catalog =
        std::fs::read_to_string(in_repository("packaging/journal/jbod-monitor.catalog")).expect("the catalog");
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
    // Every other piece is the name of a field.
    for (index, piece) in text.split('@').enumerate() {
        plain.push_str(&if index % 2 == 0 { piece.to_owned() } else { code(piece) });
    }
    (id, plain)
}

/// A call of `event!` in the source that states its level, its kind or its text.
struct Call {
    place: String,
    kind: String,
    level: Option<String>,
    /// Up to its first placeholder.
    text: String,
}

/// Compares the reference with the source, as far as that states levels and texts itself.
#[test]
fn reference_of_events_agrees_with_the_source() {
    let mut calls = Vec::new();
    collect_calls(&in_repository("src"), &mut calls);
    assert!(calls.len() > 20, "calls of event! are found: {}", calls.len());
    let mut wrong = Vec::new();
    for Call { place, kind, level, text } in &calls {
        let Some(event) = EVENT_REFERENCE.iter().find(|event| format!("{:?}", event.kind) == *kind) else { continue };
        if level.as_ref().is_some_and(|level| !has_level(event, level)) {
            wrong.push(format!("{place}: {kind} has level {level:?}"));
        }
        if !text.is_empty() && !event.texts.iter().any(|start| text.starts_with(start)) {
            wrong.push(format!("{place}: {kind} is {text:?}, not one of {:?}", event.texts));
        }
    }
    assert!(wrong.is_empty(), "src/events/reference.rs differs from the source:\n{}", wrong.join("\n"));
}

/// Each text is the beginning of a literal, or a word and then a literal: `drive {predicate}`, `pool {verdict}`.
#[test]
fn texts_of_events_are_in_the_source() {
    let mut source = String::new();
    read_source(&in_repository("src"), &mut source);
    let mut unknown = Vec::new();
    for event in EVENT_REFERENCE {
        for text in event.texts {
            let is_literal = source.contains(&format!("\"{text}"));
            let is_composed = text.split_once(' ').is_some_and(|(_, rest)| source.contains(&format!("\"{rest}\"")));
            // The path and version of the program come first.
            if !is_literal && !is_composed && *text != "smartctl" {
                unknown.push(format!("{:?}: {text:?}", event.kind));
            }
        }
    }
    assert!(unknown.is_empty(), "src/events/reference.rs has texts that no event has:\n{}", unknown.join("\n"));
}

/// Every source file of the daemon without its tests, except the reference itself.
fn read_source(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of the source").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_source(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("events/reference.rs")
        {
            let source = std::fs::read_to_string(&path).expect("a source file");
            all.push_str(source.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

fn has_level(event: &EventReference, level: &str) -> bool {
    event.levels.iter().any(|known| format!("{known:?}") == level)
}

fn collect_calls(folder: &Path, calls: &mut Vec<Call>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the source").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_calls(&path, calls);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source file");
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            let place = path.display().to_string();
            calls.extend(code.match_indices(" event!(").chain(code.match_indices("(event!(")).filter_map(|(at, _)| {
                let arguments = in_parentheses(&code[at + 1..]);
                // The kind may be in a variable that is assigned before.
                let kind = word_after(arguments, "EventKind::").or_else(|| {
                    let function = &code[code[..at].rfind("fn ").unwrap_or(0)..at];
                    function.rfind("EventKind::").and_then(|last| word_after(&function[last..], "EventKind::"))
                })?;
                let text = arguments.split('"').nth(1)?.split('{').next().unwrap_or_default();
                // `drive {predicate}`
                let text = if text == "drive " || text == "drives " { "" } else { text }.trim_end();
                let level = word_after(arguments, "Level::");
                Some(Call { place: place.clone(), kind, level, text: text.to_owned() })
            }));
        }
    }
}

fn word_after(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    Some(word)
}

/// The text up to the parenthesis that closes the first one.
fn in_parentheses(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}
