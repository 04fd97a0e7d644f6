//! Answers of the daemon, held against the document; and what of the document they have shown.

use super::support::daemon::Daemon;
use super::support::http::Response;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub struct Answers {
    document: Value,
    /// By schema, as text.
    validators: BTreeMap<String, Validator>,
    /// `Overview.host`: fields that had a value, or entries.
    seen: BTreeSet<String>,
    /// `/api/overview 200`
    given: BTreeSet<String>,
}

/// Of an answer that is not as it should be, so many characters.
const SHOWN: usize = 2_000;

/// Sent by HTTP itself or with every answer; the document says so in words.
const EVERYWHERE: [&str; 9] = [
    "date",
    "content-type",
    "content-length",
    "content-encoding",
    "connection",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-resource-policy",
    "content-security-policy",
];

impl Answers {
    pub fn new(document: Value) -> Self {
        Self { document, validators: BTreeMap::new(), seen: BTreeSet::new(), given: BTreeSet::new() }
    }

    /// Every path as the document writes it.
    pub fn paths(&self) -> Vec<String> {
        self.document["paths"].as_object().expect("paths").keys().cloned().collect()
    }

    /// Asks, and holds the answer against the document.
    #[track_caller]
    pub fn look(&mut self, daemon: &Daemon, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let response = daemon.request(method, path, headers);
        self.hold(method, path, &response);
        response
    }

    /// Every path, in each of its forms, by names that are there and by one that is not.
    #[track_caller]
    pub fn look_everywhere(&mut self, daemon: &Daemon) {
        for path in self.paths() {
            for name in Self::names(daemon, &path) {
                let path = path.replace("{id}", &name).replace("{anything}", &name);
                for accept in ["*/*", "application/json", "application/openmetrics-text"] {
                    let response = self.look(daemon, "GET", &path, &[("Accept", accept)]);
                    let tag = response.header("etag").to_owned();
                    if !tag.is_empty() {
                        // It may have changed in between; either answer is held.
                        self.look(daemon, "GET", &path, &[("Accept", accept), ("If-None-Match", &tag)]);
                        self.look(daemon, "HEAD", &path, &[("Accept", accept)]);
                    }
                }
            }
        }
    }

    fn names(daemon: &Daemon, path: &str) -> Vec<String> {
        if !path.contains('{') {
            return vec![String::new()];
        }
        let mut names = vec!["nosuch".to_owned()];
        let overview = daemon.get("/api/overview");
        if overview.status == 200 {
            let overview = overview.json();
            let shelf = overview["enclosures"][0]["id"].as_str().map(str::to_owned);
            let drive = super::support::json::drives(&overview)
                .next()
                .map(|drive| drive["device"].as_str().expect("a name").to_owned());
            names.extend(if path.contains("enclosures") { shelf } else { drive });
        }
        names
    }

    /// Holds an answer against the document.
    #[track_caller]
    pub fn hold(&mut self, method: &str, path: &str, response: &Response) {
        let begin: String = response.text().chars().take(SHOWN).collect();
        let what = format!("{method} {path}: {} {begin}", response.status);
        let pattern = pattern(path.split('?').next().unwrap_or_default());
        let status = response.status.to_string();
        let stated = &self.document["paths"][&pattern]["get"]["responses"][&status];
        assert!(stated.is_object(), "{pattern} has no {status} in the document: {what}");
        let stated = self.resolved(stated);
        for (name, header) in stated["headers"].as_object().into_iter().flatten() {
            let header = self.resolved(header);
            let sent = response.headers.get(&name.to_ascii_lowercase());
            assert!(sent.is_some() || header["required"] == false, "{name} is missing: {what}");
            if let Some(sent) = sent {
                let is_number = header["schema"]["type"] == "integer";
                let value = if is_number { json!(sent.parse::<u64>().expect("a number")) } else { json!(sent) };
                self.check(&header["schema"], &value, &format!("{name} of {what}"));
            }
        }
        for name in response.headers.keys() {
            let mut known = stated["headers"].as_object().into_iter().flat_map(Map::keys);
            let is_known = EVERYWHERE.contains(&name.as_str()) || known.any(|header| header.eq_ignore_ascii_case(name));
            assert!(is_known, "{name} is not in the document: {what}");
        }
        self.given.insert(format!("{pattern} {status}"));
        if response.status == 304 || method == "HEAD" || !response.header("content-encoding").is_empty() {
            return;
        }
        let media = response.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let content = &stated["content"][&media];
        assert!(content.is_object(), "{media} is not in the document: {what}");
        let schema = content["schema"].clone();
        if media.ends_with("json") {
            let body = response.json();
            self.check(&schema, &body, &what);
            self.see(&schema, &body);
        }
    }

    fn resolved(&self, value: &Value) -> Value {
        match value["$ref"].as_str() {
            Some(at) => self.document.pointer(&at[1..]).unwrap_or_else(|| panic!("{at} is in the document")).clone(),
            None => value.clone(),
        }
    }

    #[track_caller]
    fn check(&mut self, schema: &Value, value: &Value, what: &str) {
        let document = &self.document;
        let validator = self.validators.entry(schema.to_string()).or_insert_with(|| {
            let mut components = document["components"]["schemas"].clone();
            close(&mut components);
            let mut whole = schema.clone();
            whole["components"] = json!({ "schemas": components });
            whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
            jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
        });
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .take(5)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}\n{what}", wrong.join("\n"));
    }

    /// Marks what has a value.
    fn see(&mut self, schema: &Value, value: &Value) {
        if value.is_null() {
            return;
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
            let of = self.document["components"]["schemas"][name].clone();
            for (field, schema) in of["properties"].as_object().into_iter().flatten() {
                let has_value = match &value[field] {
                    Value::Null => false,
                    Value::Array(list) => !list.is_empty(),
                    _ => true,
                };
                if has_value {
                    self.seen.insert(format!("{name}.{field}"));
                    self.see(schema, &value[field]);
                }
            }
        }
        for way in schema["anyOf"].as_array().into_iter().flatten() {
            self.see(way, value);
        }
        for entry in value.as_array().into_iter().flatten() {
            self.see(&schema["items"], entry);
        }
        for each in schema["patternProperties"].as_object().into_iter().flat_map(Map::values) {
            for entry in value.as_object().into_iter().flat_map(Map::values) {
                self.see(each, entry);
            }
        }
    }

    /// Fields of the document that had a value in no answer.
    pub fn unseen(&self) -> Vec<String> {
        let schemas = self.document["components"]["schemas"].as_object().expect("schemas");
        let fields = schemas.iter().flat_map(|(name, schema)| {
            schema["properties"].as_object().into_iter().flat_map(Map::keys).map(move |field| format!("{name}.{field}"))
        });
        fields.filter(|field| !self.seen.contains(field)).collect()
    }

    /// Good answers, and refusals that only some paths have, that nobody gave.
    pub fn silent(&self) -> Vec<String> {
        let paths = self.document["paths"].as_object().expect("paths").iter();
        let stated = paths.flat_map(|(path, operations)| {
            let statuses = operations["get"]["responses"].as_object().expect("responses").keys();
            statuses
                .filter(|status| ["200", "304", "404"].contains(&status.as_str()))
                .map(move |status| format!("{path} {status}"))
        });
        stated.filter(|answer| !self.given.contains(answer)).collect()
    }
}

/// Nothing is let pass that is not described.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(close),
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) {
                object.insert("additionalProperties".into(), false.into());
            }
            object.values_mut().for_each(close);
        }
        _ => {}
    }
}

/// The path as the document writes it.
fn pattern(path: &str) -> String {
    for (start, pattern) in [
        ("/api/drives/", "/api/drives/{id}"),
        ("/api/enclosures/", "/api/enclosures/{id}"),
        ("/api/whereis/", "/api/whereis/{anything}"),
    ] {
        if path.starts_with(start) {
            return pattern.to_owned();
        }
    }
    path.to_owned()
}
