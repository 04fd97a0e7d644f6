//! What one run of smartctl prints: JSON with the part that smartctl adds itself, or text.

use crate::smartctl_args::Request;
use crate::version::{self, Version};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

#[derive(Debug, Default)]
pub struct SmartctlOutput {
    /// The top level of the JSON, without `smartctl`, `local_time` and `json_format_version`.
    pub body: Map<String, Value>,
    pub messages: Vec<Message>,
    /// Lines of the text output that have no JSON field.
    pub text: Vec<String>,
    pub exit_status: u8,
}

/// An element of `smartctl.messages`.
#[derive(Debug)]
pub struct Message {
    pub text: String,
    severity: &'static str,
}

impl SmartctlOutput {
    pub fn error(text: String, exit_status: u8) -> Self {
        Self { messages: vec![Message { text, severity: "error" }], exit_status, ..Self::default() }
    }

    pub fn information(text: String, exit_status: u8) -> Self {
        Self { messages: vec![Message { text, severity: "information" }], exit_status, ..Self::default() }
    }

    pub fn render(&self, request: &Request, arguments: &[String], version: Version) -> Vec<u8> {
        if !request.json {
            return self.plain(version).into_bytes();
        }
        let body = Value::Object(self.json(request, arguments, version));
        let text = if request.pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) };
        let mut text = text.unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Not the layout of smartctl, but the same first lines and messages.
    fn plain(&self, version: Version) -> String {
        let mut lines: Vec<String> = self.messages.iter().map(|message| message.text.clone()).collect();
        if self.exit_status == 1 {
            lines.push("\nUse smartctl -h to get a usage summary\n".to_owned());
        }
        lines.extend(self.body.iter().map(|(key, value)| format!("{key}: {value}")));
        lines.extend_from_slice(&self.text);
        format!("{}\n{}\n", version::head(version), lines.join("\n"))
    }

    fn json(&self, request: &Request, arguments: &[String], version: Version) -> Map<String, Value> {
        let mut body = self.body.clone();
        let mut argv = vec!["smartctl".to_owned()];
        argv.extend_from_slice(arguments);
        let mut smartctl = object(json!({
            "version": [version.0, version.1],
            "svn_revision": version::revision(version),
            "platform_info": version::PLATFORM,
            "build_info": "(local build)",
            "argv": argv,
            "exit_status": self.exit_status,
        }));
        if version >= (7, 4) {
            smartctl.insert("pre_release".to_owned(), json!(false));
        }
        if let Some(database) = body.remove("drive_database") {
            smartctl.insert("drive_database_version".to_owned(), database);
        }
        if !self.messages.is_empty() {
            let messages =
                self.messages.iter().map(|message| json!({"string": message.text, "severity": message.severity}));
            smartctl.insert("messages".to_owned(), messages.collect());
        }
        if request.output {
            smartctl.insert("output".to_owned(), json!(self.text));
        }
        let now = Timestamp::now();
        let asctime = now.strftime("%a %b %e %H:%M:%S %Y UTC").to_string();
        body.insert("json_format_version".to_owned(), json!([1, 0]));
        body.insert("smartctl".to_owned(), Value::Object(smartctl));
        body.insert("local_time".to_owned(), json!({"time_t": now.as_second(), "asctime": asctime}));
        body
    }
}

/// The map inside a `json!` object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
