//! Bodies as files that people can review: masked, printed, compared.

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// A value that fits into so many columns stands on one line.
const WIDTH: usize = 200;
/// Of a difference, so many lines are shown.
const SHOWN: usize = 120;
/// Unchanged lines around a changed one.
const AROUND: usize = 2;

/// What differs from run to run by nature is replaced: moments, durations, the host's folder.
pub fn masked(value: Value, root: &str) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|value| masked(value, root)).collect(),
        Value::Object(entries) => {
            let mask = |(key, value): (String, Value)| {
                let value = match key.as_str() {
                    "took_ms" if value.is_u64() => "MS".into(),
                    // A hash over all of it, times as well.
                    "version" if value.as_str().is_some_and(|text| text.len() == 16) => "VERSION".into(),
                    _ => masked(value, root),
                };
                (key, value)
            };
            Value::Object(entries.into_iter().map(mask).collect())
        }
        Value::String(text) => moments(&text.replace(root, "ROOT")).into(),
        other => other,
    }
}

/// `2026-01-01T00:00:00Z` (RFC 3339) and `Thu Jan  1 00:00:00 2026` (as zpool writes them). `9` is
/// any digit, `a` any letter, `_` a blank or a digit.
fn moments(text: &str) -> String {
    const FORMS: [&str; 2] = ["9999-99-99T99:99:99Z", "Aaa Aaa _9 99:99:99 9999"];
    let is = |form: &str, at: &str| {
        let fits = |(form, byte): (u8, u8)| match form {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            b'_' => byte == b' ' || byte.is_ascii_digit(),
            _ => form == byte,
        };
        at.len() >= form.len() && form.bytes().zip(at.bytes()).all(fits)
    };
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        match FORMS.iter().find(|form| is(form, rest)) {
            Some(form) => {
                masked.push_str("TIME");
                rest = &rest[form.len()..];
            }
            None => {
                masked.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    masked
}

/// JSON, a value a line, small ones whole. `on_one_line` tells the entries of the outermost object
/// that stand on one line however long they are.
pub fn print(value: &Value, on_one_line: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) => {
            out.push_str("{\n");
            for (at, (key, value)) in entries.iter().enumerate() {
                let _ = write!(out, "  {}: ", Value::from(key.as_str()));
                if on_one_line(key) {
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

/// Compares every body with its file; writes the files where that is asked for.
#[track_caller]
pub fn settle(bodies: &[(&str, String)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let accept = std::env::var("GOLDEN").is_ok_and(|word| word == "accept");
    let mut differ = String::new();
    for (name, now) in bodies {
        let path = folder.join(name);
        if accept {
            std::fs::write(&path, now).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let held = std::fs::read_to_string(&path).unwrap_or_default();
        if held != *now {
            let _ = writeln!(differ, "\ntests/golden/{name} (-), and what is said now (+):");
            differ.push_str(&difference(&held, now));
        }
    }
    let how = "If that is meant: GOLDEN=accept cargo test --test it golden, then review git diff.";
    assert!(differ.is_empty(), "the API says something else than it did.\n{differ}\n{how}");
}

/// Lines that are gone and that came, each place with the entry that it is in.
fn difference(held: &str, now: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (held.lines().collect(), now.lines().collect());
    let mut shown = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if a.get(i) == b.get(j) {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (gone, came) = step(&a[i..], &b[j..]);
        shown.push(format!("@@ line {}{} @@", j + 1, entry(&b, j)));
        shown.extend(b[j.saturating_sub(AROUND)..j].iter().map(|line| format!("  {line}")));
        shown.extend(a[i..i + gone].iter().map(|line| format!("- {line}")));
        shown.extend(b[j..j + came].iter().map(|line| format!("+ {line}")));
        (i, j) = (i + gone, j + came);
        shown.extend(b[j..].iter().take(AROUND).map(|line| format!("  {line}")));
    }
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    if more > 0 {
        shown.push(format!("… and {more} more lines"));
    }
    shown.join("\n") + "\n"
}

/// How many lines are gone and came until both go on alike: the nearest place where two lines agree.
fn step(a: &[&str], b: &[&str]) -> (usize, usize) {
    let alike = |i: usize, j: usize| a[i] == b[j] && a.get(i + 1) == b.get(j + 1);
    for distance in 1..a.len() + b.len() {
        for i in distance.saturating_sub(b.len().saturating_sub(1))..=distance.min(a.len().saturating_sub(1)) {
            let j = distance - i;
            if i < a.len() && j < b.len() && alike(i, j) {
                return (i, j);
            }
        }
    }
    (a.len(), b.len())
}

/// The entry of the outermost object that a line is in.
fn entry(lines: &[&str], at: usize) -> String {
    let starts = |line: &&&str| line.starts_with("  \"");
    let found = lines[..at.min(lines.len())].iter().rev().find(starts);
    found
        .map(|line| format!(", in {}", line.trim().split("\": ").next().unwrap_or_default().trim_start_matches('"')))
        .unwrap_or_default()
}

#[test]
fn moments_are_masked_and_other_numbers_are_not() {
    for (text, expected) in [
        ("observed 2026-11-25T08:26:36Z", "observed TIME"),
        ("since Wed Nov  5 02:26:36 2026; 10.7T", "since TIME; 10.7T"),
        ("on Wed Nov 25 02:26:36 2026", "on TIME"),
        ("11:06:52, 0x5000cca05b806640, ä", "11:06:52, 0x5000cca05b806640, ä"),
    ] {
        assert_eq!(moments(text), expected);
    }
}

#[test]
fn a_difference_is_shown_where_it_is() {
    let held = "{\n  \"one\": {\n    \"a\": 1,\n    \"b\": 2\n  },\n  \"two\": {\n    \"a\": 1,\n    \"b\": 2,\n    \"c\": 3\n  }\n}\n";
    let now = held.replacen("2,\n", "4,\n    \"new\": null,\n", 1);
    let shown = difference(held, &now);
    assert_eq!(
        shown,
        "@@ line 8, in two @@\n    \"two\": {\n      \"a\": 1,\n-     \"b\": 2,\n+     \"b\": 4,\n+     \"new\": null,\n      \"c\": 3\n    }\n"
    );
    assert_eq!(difference(held, held), "\n");
}
