//! `docs/api.md`: the document of the API as tables for people.

use serde_json::Value;
use std::fmt::Write as _;

/// The bodies come first, in the order of their paths; the types in them follow.
const FIRST: [&str; 9] = [
    "Overview",
    "Short",
    "DrivesBody",
    "DriveSummary",
    "DriveDoc",
    "EnclosuresBody",
    "EnclosureView",
    "ZfsBody",
    "ServiceBody",
];

pub fn reference(document: &Value) -> String {
    let mut out = "# API reference\n\nGenerated from the same definitions as `/openapi.json`.\n\n".to_owned();
    let about = document["info"]["description"].as_str().expect("a description");
    let (_, rules) = about.split_once("\n\n").expect("rules below the first sentence");
    let _ = writeln!(out, "{rules}\n\n## Paths\n\n| path | response | parameters | statuses |\n|---|---|---|---|");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let get = &operations["get"];
        let parameters = get["parameters"].as_array().expect("parameters").iter();
        let parameters = parameters.map(|parameter| &document["components"]["parameters"][name_of(parameter)]);
        let asked: Vec<String> = parameters
            .filter(|parameter| parameter["in"] != "header")
            .map(|parameter| format!("`{}`", text(&parameter["name"])))
            .collect();
        let statuses: Vec<&str> = get["responses"].as_object().expect("responses").keys().map(String::as_str).collect();
        let content = get["responses"]["200"]["content"].as_object().expect("content");
        let bodies: Vec<String> = content
            .iter()
            .map(|(media, content)| match &content["schema"] {
                schema if schema["type"].is_string() => format!("`{media}`"),
                schema => kind(schema),
            })
            .collect();
        let (bodies, asked, statuses) = (bodies.join(", "), asked.join(", "), statuses.join(" "));
        let _ = writeln!(out, "| `{path}` | {bodies}: {} | {asked} | {statuses} |", cell(&get["description"]));
    }
    out.push_str("\nThe path `/` and its files are for browsers; they are not part of the API and may change.\n\n## Parameters\n\n");
    out.push_str("| name | where | meaning |\n|---|---|---|\n");
    for parameter in document["components"]["parameters"].as_object().expect("parameters").values() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let _ = writeln!(out, "| `{name}` | {place} | {} |", cell(&parameter["description"]));
    }
    out.push_str("\n## Headers\n\n| header | meaning |\n|---|---|\n");
    for (name, header) in document["components"]["headers"].as_object().expect("headers") {
        let _ = writeln!(out, "| `{name}` | {} |", cell(&header["description"]));
    }
    out.push_str("\n## Bodies\n");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let rest = schemas.keys().map(String::as_str).filter(|name| !FIRST.contains(name));
    for name in FIRST.into_iter().chain(rest) {
        let schema = &schemas[name];
        let _ = write!(out, "\n### {name}\n\n{}\n", text(&schema["description"]).trim());
        if let Some(properties) = schema["properties"].as_object() {
            out.push_str("\n| field | type | meaning |\n|---|---|---|\n");
            for (field, of) in properties {
                let _ = writeln!(out, "| `{field}` | {} | {} |", kind(of), cell(&of["description"]));
            }
        }
    }
    out
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// On one line, and no end of a cell in it.
fn cell(value: &Value) -> String {
    text(value).replace('\n', " ").replace('|', "\\|")
}

fn name_of(value: &Value) -> &str {
    text(&value["$ref"]).rsplit('/').next().unwrap_or_default()
}

/// A type in words.
fn kind(of: &Value) -> String {
    let linked = name_of(of);
    if !linked.is_empty() {
        return format!("[{linked}](#{})", linked.to_lowercase());
    }
    if let Some(ways) = of["anyOf"].as_array() {
        return ways.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = of["enum"].as_array() {
        return values
            .iter()
            .map(|value| value.as_str().map_or("null".to_owned(), |value| format!("`{value}`")))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let one = |name: &str| match (name, text(&of["format"])) {
        ("array", _) => format!("list of {}", kind(&of["items"])),
        ("string", "date-time") => "time".to_owned(),
        ("object", _) => of["patternProperties"]
            .as_object()
            .and_then(|patterns| patterns.values().next())
            .map_or("object".to_owned(), |each| format!("object of {}", kind(each))),
        (name, _) => name.to_owned(),
    };
    match &of["type"] {
        Value::Array(names) => names.iter().map(|name| one(text(name))).collect::<Vec<_>>().join(" or "),
        name => one(text(name)),
    }
}
