//! `docs/api.md`: the document of the API as tables.

use serde_json::Value;
use std::fmt::Write as _;

/// The bodies, in the order of their paths. The other types follow.
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
        let mut names = Vec::new();
        for parameter in get["parameters"].as_array().expect("parameters") {
            let parameter = &document["components"]["parameters"][name_of(parameter)];
            if parameter["in"] != "header" {
                names.push(format!("`{}`", text(&parameter["name"])));
            }
        }
        let statuses: Vec<&str> = get["responses"].as_object().expect("responses").keys().map(String::as_str).collect();
        let mut bodies = Vec::new();
        for (media, content) in get["responses"]["200"]["content"].as_object().expect("content") {
            let schema = &content["schema"];
            bodies.push(if schema["type"].is_string() { format!("`{media}`") } else { kind(schema) });
        }
        let (bodies, names, statuses) = (bodies.join(", "), names.join(", "), statuses.join(" "));
        let _ = writeln!(out, "| `{path}` | {bodies}: {} | {names} | {statuses} |", cell(&get["description"]));
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
            for (field, schema) in properties {
                let _ = writeln!(out, "| `{field}` | {} | {} |", kind(schema), cell(&schema["description"]));
            }
        }
    }
    out
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The text of a cell of a table.
fn cell(value: &Value) -> String {
    text(value).replace('\n', " ").replace('|', "\\|")
}

fn name_of(value: &Value) -> &str {
    text(&value["$ref"]).rsplit('/').next().unwrap_or_default()
}

/// The type of a field, in words.
fn kind(schema: &Value) -> String {
    let linked = name_of(schema);
    if !linked.is_empty() {
        return format!("[{linked}](#{})", linked.to_lowercase());
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(enum_value).collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::Array(names) => names.iter().map(|name| named_kind(text(name), schema)).collect::<Vec<_>>().join(" or "),
        name => named_kind(text(name), schema),
    }
}

fn enum_value(value: &Value) -> String {
    match value.as_str() {
        Some(value) => format!("`{value}`"),
        None => "null".to_owned(),
    }
}

fn named_kind(name: &str, schema: &Value) -> String {
    match (name, text(&schema["format"])) {
        ("array", _) => format!("list of {}", kind(&schema["items"])),
        ("string", "date-time") => "time".to_owned(),
        ("object", _) => object_kind(schema),
        (name, _) => name.to_owned(),
    }
}

fn object_kind(schema: &Value) -> String {
    let Some(patterns) = schema["patternProperties"].as_object() else { return "object".to_owned() };
    match patterns.values().next() {
        Some(entry) => format!("object of {}", kind(entry)),
        None => "object".to_owned(),
    }
}
