//! Masks, prints and compares bodies, as files that can be reviewed.

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// A value that fits into this number of columns is on one line.
const WIDTH: usize = 200;
/// Number of lines of a difference that are shown.
const SHOWN: usize = 120;
/// Unchanged lines around a changed one.
const AROUND: usize = 2;

/// Replaces what differs in each run: times, durations, the folder of the host.
pub fn masked(value: Value, root: &str) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|value| masked(value, root)).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key.clone(), masked_entry(&key, value, root)));
            Value::Object(entries.collect())
        }
        Value::String(text) => without_times(&text.replace(root, "ROOT")).into(),
        other => other,
    }
}

fn masked_entry(key: &str, value: Value, root: &str) -> Value {
    match &value {
        Value::Number(number) if key == "took_ms" && number.is_u64() => "MS".into(),
        // A content version is a hash of a body with its times.
        Value::String(text) if key == "version" && text.len() == 16 => "VERSION".into(),
        _ => masked(value, root),
    }
}

/// Replaces `2026-01-01T00:00:00Z` (RFC 3339) and `Thu Jan  1 00:00:00 2026` (zpool) by `TIME`.
fn without_times(text: &str) -> String {
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if let Some(form) = FORMS.iter().find(|form| has_form(rest, form)) {
            masked.push_str("TIME");
            rest = &rest[form.len()..];
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

/// Forms of times. `9` is a digit, `A` and `a` are letters, `_` is a blank or a digit.
const FORMS: [&str; 2] = ["9999-99-99T99:99:99Z", "Aaa Aaa _9 99:99:99 9999"];

fn has_form(text: &str, form: &str) -> bool {
    text.len() >= form.len() && form.bytes().zip(text.bytes()).all(|(form, byte)| byte_has_form(byte, form))
}

fn byte_has_form(byte: u8, form: u8) -> bool {
    match form {
        b'9' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        b'_' => byte == b' ' || byte.is_ascii_digit(),
        _ => form == byte,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One value on each line; small arrays and objects are on one line.
    Lines,
    /// In addition, entries of the outermost object whose key begins with `ok ` are on one line.
    HealthyDrivesOnOneLine,
}

pub fn print(value: &Value, layout: Layout) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) => {
            out.push_str("{\n");
            for (at, (key, value)) in entries.iter().enumerate() {
                let _ = write!(out, "  {}: ", Value::from(key.as_str()));
                if layout == Layout::HealthyDrivesOnOneLine && key.starts_with("ok ") {
                    out.push_str(&value.to_string());
                } else {
                    write(&mut out, value, 2);
                }
                out.push_str(if at + 1 < entries.len() { ",\n" } else { "\n" });
            }
            out.push('}');
        }
        other => write(&mut out, other, 0),
    }
    out.push('\n');
    out
}

fn write(out: &mut String, value: &Value, indent: usize) {
    let line = value.to_string();
    let (open, close, entries): (char, char, Vec<(Option<&String>, &Value)>) = match value {
        Value::Object(entries) if is_long(&line, indent) => {
            ('{', '}', entries.iter().map(|(key, value)| (Some(key), value)).collect())
        }
        Value::Array(list) if is_long(&line, indent) => ('[', ']', list.iter().map(|value| (None, value)).collect()),
        _ => return out.push_str(&line),
    };
    out.push(open);
    for (at, (key, value)) in entries.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        let _ = write!(out, "{:1$}", "", indent + 2);
        if let Some(key) = key {
            let _ = write!(out, "{}: ", Value::from(key.as_str()));
        }
        write(out, value, indent + 2);
    }
    let _ = write!(out, "\n{:indent$}{close}", "");
}

fn is_long(line: &str, indent: usize) -> bool {
    line.chars().count() + indent > WIDTH
}

/// Compares each body with its file. `GOLDEN=accept` writes the files first.
#[track_caller]
pub fn assert_golden(bodies: &[(&str, String)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let accept = std::env::var("GOLDEN").as_deref() == Ok("accept");
    let mut differences = String::new();
    for (name, body) in bodies {
        let path = folder.join(name);
        if accept {
            std::fs::write(&path, body).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if golden != *body {
            let _ = writeln!(differences, "\ntests/golden/{name} (-) and the response (+):");
            differences.push_str(&difference(&golden, body));
        }
    }
    let remedy = "If the change is intended: GOLDEN=accept cargo test --test it golden, then review git diff.";
    assert!(differences.is_empty(), "responses have changed\n{differences}\n{remedy}");
}

/// Removed and added lines with their context. Each place has the name of the entry that it is in.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut shown = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    while old_at < old.len() || new_at < new.len() {
        if old.get(old_at) == new.get(new_at) {
            (old_at, new_at) = (old_at + 1, new_at + 1);
            continue;
        }
        let (removed, added) = step(&old[old_at..], &new[new_at..]);
        shown.push(format!("@@ line {}{} @@", new_at + 1, entry(&new, new_at)));
        shown.extend(new[new_at.saturating_sub(AROUND)..new_at].iter().map(|line| format!("  {line}")));
        shown.extend(old[old_at..old_at + removed].iter().map(|line| format!("- {line}")));
        shown.extend(new[new_at..new_at + added].iter().map(|line| format!("+ {line}")));
        (old_at, new_at) = (old_at + removed, new_at + added);
        shown.extend(new[new_at..].iter().take(AROUND).map(|line| format!("  {line}")));
    }
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    if more > 0 {
        shown.push(format!("… and {more} more lines"));
    }
    shown.join("\n") + "\n"
}

/// How many lines are removed and added up to the nearest place where two lines agree.
fn step(old: &[&str], new: &[&str]) -> (usize, usize) {
    for distance in 1..old.len() + new.len() {
        for removed in 0..=distance.min(old.len()) {
            let added = distance - removed;
            let (old, new) = (old.get(removed..).unwrap_or_default(), new.get(added..).unwrap_or_default());
            if !old.is_empty() && !new.is_empty() && old[0] == new[0] && old.get(1) == new.get(1) {
                return (removed, added);
            }
        }
    }
    (old.len(), new.len())
}

/// The entry of the outermost object that a line is in, as `, in KEY`.
fn entry(lines: &[&str], at: usize) -> String {
    for line in lines[..at.min(lines.len())].iter().rev() {
        if let Some(rest) = line.strip_prefix("  \"") {
            return format!(", in {}", rest.split("\": ").next().unwrap_or_default());
        }
    }
    String::new()
}

#[test]
fn times_are_masked_and_other_numbers_are_not() {
    for (text, expected) in [
        ("observed 2026-11-25T08:26:36Z", "observed TIME"),
        ("since Wed Nov  5 02:26:36 2026; 10.7T", "since TIME; 10.7T"),
        ("on Wed Nov 25 02:26:36 2026", "on TIME"),
        ("11:06:52, 0x5000cca05b806640, ä", "11:06:52, 0x5000cca05b806640, ä"),
    ] {
        assert_eq!(without_times(text), expected);
    }
}

#[test]
fn a_difference_is_shown_with_its_place() {
    let old = "{\n  \"one\": {\n    \"a\": 1,\n    \"b\": 2\n  },\n  \"two\": {\n    \"a\": 1,\n    \"b\": 2,\n    \"c\": 3\n  }\n}\n";
    let new = old.replacen("2,\n", "4,\n    \"new\": null,\n", 1);
    let shown = difference(old, &new);
    assert_eq!(
        shown,
        "@@ line 8, in two @@\n    \"two\": {\n      \"a\": 1,\n-     \"b\": 2,\n+     \"b\": 4,\n+     \"new\": null,\n      \"c\": 3\n    }\n"
    );
    assert_eq!(difference(old, old), "\n");
}
