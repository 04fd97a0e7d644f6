//! Compares responses of the daemon with the document, and records which parts of the document occurred.

use super::support::daemon::Daemon;
use super::support::http::Response;
use super::support::json::{drives, list};
use crate::helpers::string;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub struct Responses {
    document: Value,
    /// By the text of the schema.
    validators: BTreeMap<String, Validator>,
    /// Fields that had a value or entries, such as `Overview.host`.
    seen: BTreeSet<String>,
    /// Paths with statuses, such as `/api/overview 200`.
    received: BTreeSet<String>,
}

/// Number of characters of a body that a message shows.
const SHOWN: usize = 2_000;

/// Headers of all responses, which the document describes in words.
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

impl Responses {
    pub fn new(document: Value) -> Self {
        Self { document, validators: BTreeMap::new(), seen: BTreeSet::new(), received: BTreeSet::new() }
    }

    /// All paths of the document.
    pub fn paths(&self) -> Vec<String> {
        self.document["paths"].as_object().expect("paths").keys().cloned().collect()
    }

    /// Sends a request and checks the response.
    #[track_caller]
    pub fn request(&mut self, daemon: &Daemon, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let response = daemon.request(method, path, headers);
        self.check(method, path, &response);
        response
    }

    /// Checks every path with several `Accept` headers, for a name that exists and for one that does not.
    #[track_caller]
    pub fn check_all_paths(&mut self, daemon: &Daemon) {
        for path in self.paths() {
            for name in Self::names(daemon, &path) {
                let path = path.replace("{id}", &name).replace("{anything}", &name);
                for accept in ["*/*", "application/json", "application/openmetrics-text"] {
                    let response = self.request(daemon, "GET", &path, &[("Accept", accept)]);
                    let tag = response.header("etag").to_owned();
                    if !tag.is_empty() {
                        // 200 if the entity tag has changed meanwhile, else 304; both are checked.
                        self.request(daemon, "GET", &path, &[("Accept", accept), ("If-None-Match", &tag)]);
                        self.request(daemon, "HEAD", &path, &[("Accept", accept)]);
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
        let response = daemon.get("/api/overview");
        if response.status != 200 {
            return names;
        }
        let overview = response.json();
        if path.contains("enclosures") {
            names.extend(overview["enclosures"][0]["id"].as_str().map(str::to_owned));
        } else if let Some(drive) = drives(&overview).next() {
            names.push(string(drive, "device").to_owned());
        }
        names
    }

    /// Checks a response.
    #[track_caller]
    pub fn check(&mut self, method: &str, path: &str, response: &Response) {
        let begin: String = response.text().chars().take(SHOWN).collect();
        let what = format!("{method} {path}: {} {begin}", response.status);
        let pattern = pattern(path.split('?').next().unwrap_or_default());
        let status = response.status.to_string();
        let stated = &self.document["paths"][&pattern]["get"]["responses"][&status];
        assert!(stated.is_object(), "{pattern} has no {status} in the document: {what}");
        let stated = self.resolved(stated);
        for (name, header) in fields(&stated["headers"]) {
            let header = self.resolved(header);
            let Some(sent) = response.headers.get(&name.to_ascii_lowercase()) else {
                assert_eq!(header["required"], false, "{name} is missing: {what}");
                continue;
            };
            let is_number = header["schema"]["type"] == "integer";
            let value = if is_number { json!(sent.parse::<u64>().expect("a number")) } else { json!(sent) };
            self.validate(&header["schema"], &value, &format!("{name} of {what}"));
        }
        for name in response.headers.keys() {
            let mut described = fields(&stated["headers"]).map(|(header, _)| header);
            let is_known =
                EVERYWHERE.contains(&name.as_str()) || described.any(|header| header.eq_ignore_ascii_case(name));
            assert!(is_known, "{name} is not in the document: {what}");
        }
        self.received.insert(format!("{pattern} {status}"));
        if response.status == 304 || method == "HEAD" || !response.header("content-encoding").is_empty() {
            return;
        }
        let media = response.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let content = &stated["content"][&media];
        assert!(content.is_object(), "{media} is not in the document: {what}");
        let schema = content["schema"].clone();
        if media.ends_with("json") {
            let body = response.json();
            self.validate(&schema, &body, &what);
            self.see(&schema, &body);
        }
    }

    fn resolved(&self, value: &Value) -> Value {
        match value["$ref"].as_str() {
            Some(at) => {
                self.document.pointer(&at[1..]).unwrap_or_else(|| panic!("{at} is not in the document")).clone()
            }
            None => value.clone(),
        }
    }

    #[track_caller]
    fn validate(&mut self, schema: &Value, value: &Value, what: &str) {
        let document = &self.document;
        let validator = self.validators.entry(schema.to_string()).or_insert_with(|| validator(document, schema));
        let errors = validator.iter_errors(value).take(5);
        let errors: Vec<String> = errors.map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}\n{what}", errors.join("\n"));
    }

    /// Records the fields that have a value.
    fn see(&mut self, schema: &Value, value: &Value) {
        if value.is_null() {
            return;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let described = self.document["components"]["schemas"][name].clone();
            for (field, schema) in fields(&described["properties"]) {
                if has_value(&value[field]) {
                    self.seen.insert(format!("{name}.{field}"));
                    self.see(schema, &value[field]);
                }
            }
        }
        for alternative in list(schema, "anyOf") {
            self.see(alternative, value);
        }
        for entry in value.as_array().into_iter().flatten() {
            self.see(&schema["items"], entry);
        }
        for (_, described) in fields(&schema["patternProperties"]) {
            for (_, entry) in fields(value) {
                self.see(described, entry);
            }
        }
    }

    /// Fields of the document that had a value in no response.
    pub fn unseen(&self) -> Vec<String> {
        let mut unseen = Vec::new();
        for (name, schema) in fields(&self.document["components"]["schemas"]) {
            for (field, _) in fields(&schema["properties"]) {
                let field = format!("{name}.{field}");
                if !self.seen.contains(&field) {
                    unseen.push(field);
                }
            }
        }
        unseen
    }

    /// Responses of the document with statuses 200, 304 and 404 that did not occur.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (path, operations) in fields(&self.document["paths"]) {
            for (status, _) in fields(&operations["get"]["responses"]) {
                let response = format!("{path} {status}");
                if ["200", "304", "404"].contains(&status.as_str()) && !self.received.contains(&response) {
                    missing.push(response);
                }
            }
        }
        missing
    }
}

/// The fields of an object; none for another value.
fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

/// A validator that rejects fields that are not in the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut components = document["components"]["schemas"].clone();
    close(&mut components);
    let mut whole = schema.clone();
    whole["components"] = json!({ "schemas": components });
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

/// Forbids fields that are not described.
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
