//! The document of the API: the schemas are derived from the types that are served; paths and headers are defined here.

use jbod_monitor::api::{SCHEMA, schema};
use serde_json::{Map, Value, json};

const ABOUT: &str = "\
The API of `jbod-monitor`: the bays of the enclosures of a host, the drives in them with their health, and their \
memberships in pools.

- An unknown value is `null`, never 0. Every field that is described is sent.
- The name of a field ends with its unit: `_celsius`, `_hours`, `_bytes`, `_ms`, `_percent`. Times are RFC 3339, UTC.
- Names are those of the JSON of smartmontools, the enclosure class of the kernel (SES) and OpenZFS.
- The methods are GET and HEAD. A response to HEAD is that to GET without the body. No request changes anything.
- Lists are sorted by enclosure id, slot number, and device name in the order of the kernel.
- Bodies of 1 KiB and more are sent in gzip to clients that accept it (`Accept-Encoding`), with a separate `ETag`.
- Fields may be added. If a field changes its meaning, `schema` gets another number.
- All responses have `X-Content-Type-Options: nosniff`, `Referrer-Policy: no-referrer`, \
`Cross-Origin-Resource-Policy: same-origin` and `Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; \
base-uri 'none'; form-action 'self'`: pages of other sites cannot show a response in a frame. There are no CORS headers.";

/// The complete document.
pub fn document() -> Value {
    let mut schemas = schema::components();
    schemas.values_mut().for_each(simplify);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "jbod-monitor",
            "summary": "Bay, health and pool membership of every drive",
            "description": ABOUT,
            "version": SCHEMA.to_string(),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The daemon that serves this document" }],
        // A token is required only if one is configured.
        "security": [{}, { "bearer": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token in the file that `JBOD_TOKEN_FILE` names; required if that is set.",
            } },
            "parameters": parameters(),
            "headers": headers(),
            "responses": refusals(),
            "schemas": schemas,
        },
    })
}

/// Simplifies a derived schema: paragraphs of descriptions on one line, enums as lists whose description has the
/// meaning of each value.
fn simplify(schema: &mut Value) {
    if let Value::Array(list) = schema {
        return list.iter_mut().for_each(simplify);
    }
    let Value::Object(object) = schema else { return };
    flatten(object);
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    // The integer types of Rust are not formats of JSON Schema.
    if let Some(Value::String(format)) = object.get("format")
        && format.starts_with("uint")
    {
        object.remove("format");
    }
    // All fields are sent, so none has a default.
    object.remove("default");
    object.remove("title");
    for (name, value) in object.iter_mut() {
        if name == "properties" {
            value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(simplify);
        } else if name != "enum" {
            simplify(value);
        }
    }
}

/// Turns the alternatives of an enum with descriptions into a list of values.
fn flatten(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get("oneOf") else { return };
    let (mut values, mut meanings) = (Vec::new(), Vec::new());
    for alternative in alternatives {
        if let Some(value) = alternative.get("const") {
            values.push(value.clone());
            if let (Some(name), Some(text)) = (value.as_str(), alternative["description"].as_str()) {
                meanings.push(format!("`{name}`: {}", text.replace('\n', " ")));
            }
        } else if let Some(Value::Array(list)) = alternative.get("enum") {
            values.extend(list.iter().cloned());
        } else {
            return;
        }
    }
    object.remove("oneOf");
    let mut description = match object.get("description") {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    for meaning in meanings {
        description.push_str("\n\n");
        description.push_str(&meaning);
    }
    object.insert("type".into(), "string".into());
    object.insert("enum".into(), values.into());
    object.insert("description".into(), description.into());
}

fn schema_of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn text(example: &str) -> Value {
    json!({ "text/plain": { "schema": { "type": "string" }, "example": example } })
}

fn body(name: &str) -> Value {
    json!({ "application/json": { "schema": schema_of(name) } })
}

/// The kind of response of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Data with its source, its age and an entity tag.
    Data,
    /// Data in a format that `Accept` selects.
    Negotiated,
    /// A constant file with an entity tag.
    File,
    /// Built for each request.
    Current,
}

struct Operation<'a> {
    path: &'a str,
    id: &'a str,
    summary: &'a str,
    about: &'a str,
    parameters: &'a [&'a str],
    kind: Kind,
    content: Value,
    /// Statuses in addition to those of all paths.
    refusals: &'a [&'a str],
}

fn paths() -> Value {
    let mut all = Map::new();
    for operation in operations() {
        let mut responses = Map::new();
        let names: &[&str] = match operation.kind {
            Kind::Data | Kind::Negotiated => {
                &["X-Cache", "X-Source", "Age", "ETag", "Last-Modified", "Cache-Control", "Vary"]
            }
            Kind::File => &["ETag", "Vary", "Cache-Control"],
            Kind::Current if operation.id == "metrics" => &["Cache-Control", "Vary"],
            Kind::Current => &["Cache-Control"],
        };
        let headers = header_references(names);
        let good = json!({ "description": "As asked for", "headers": headers, "content": operation.content });
        responses.insert("200".into(), good);
        let mut parameters: Vec<Value> =
            operation.parameters.iter().map(|parameter| reference("parameters", parameter)).collect();
        if operation.kind != Kind::Current {
            parameters.push(reference("parameters", "if_none_match"));
            let same = json!({ "description": "Not modified: `If-None-Match` lists the `ETag`", "headers": headers });
            responses.insert("304".into(), same);
        }
        for Refusal { status, name, .. } in REFUSALS {
            if status != "404" || operation.refusals.contains(&status) {
                responses.insert(status.to_owned(), reference("responses", name));
            }
        }
        let get = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "description": operation.about,
            "parameters": parameters,
            "responses": responses,
        });
        all.insert(operation.path.to_owned(), json!({ "get": get }));
    }
    all.into()
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The references of these headers by their names.
fn header_references(names: &[&str]) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in names {
        headers.insert((*name).to_owned(), reference("headers", name));
    }
    headers
}

/// A response other than 200 and 304.
struct Refusal {
    status: &'static str,
    /// Its name below `components/responses`.
    name: &'static str,
    about: &'static str,
    /// Headers in addition to `Cache-Control`.
    headers: &'static [&'static str],
}

#[rustfmt::skip]
const REFUSALS: [Refusal; 9] = [
    Refusal { status: "400", name: "Bad", about: "Unknown or invalid parameter, or malformed HTTP request", headers: &[] },
    Refusal { status: "401", name: "Token", about: "Bearer token missing or wrong", headers: &["WWW-Authenticate"] },
    // `Vary` only from `/api/whereis/{anything}`.
    Refusal { status: "404", name: "NotFound", about: "No such path, drive or enclosure", headers: &["Vary"] },
    Refusal { status: "405", name: "Method", about: "Method other than GET and HEAD", headers: &["Allow"] },
    Refusal { status: "408", name: "TooSlow", about: "Request header not received within 5 s", headers: &[] },
    Refusal { status: "421", name: "Host", about: "Host name not allowed (`JBOD_ALLOWED_HOSTS`)", headers: &[] },
    Refusal { status: "431", name: "HeadTooLarge", about: "Request header exceeds 16 KiB or 64 fields", headers: &[] },
    Refusal { status: "503", name: "NotReady", about: "No data available yet, or too many concurrent connections or requests", headers: &["Retry-After", "Vary"] },
    Refusal { status: "505", name: "HttpVersion", about: "Version other than HTTP/1.0 and HTTP/1.1", headers: &[] },
];

fn refusals() -> Map<String, Value> {
    let mut responses = Map::new();
    for Refusal { name, about, headers, .. } in REFUSALS {
        let headers = header_references(&[&["Cache-Control"], headers].concat());
        let content = json!({ "application/problem+json": { "schema": schema_of("ProblemBody") } });
        let response = json!({ "description": about, "headers": headers, "content": content });
        responses.insert(name.to_owned(), response);
    }
    responses
}

fn header(about: &str, schema: &Value) -> Value {
    json!({ "description": about, "required": true, "schema": schema })
}

fn headers() -> Value {
    let string = json!({ "type": "string" });
    let mut all = json!({
        "X-Cache": header(
            "`HIT`: live copy from Redis. `STALE`: last-known copy, a refresh has been requested. `MISS`: built for this \
             request, or Redis is unavailable.",
            &json!({ "type": "string", "enum": ["HIT", "STALE", "MISS"] }),
        ),
        "X-Source": header(
            "Source of the data.",
            &json!({ "type": "string", "enum": ["redis", "memory", "smartctl"] }),
        ),
        "Age": header(
            "Age of the data in seconds; for a list, the age of its oldest current reading.",
            &json!({ "type": "integer", "minimum": 0 }),
        ),
        "ETag": header("Strong entity tag of the body, quoted.", &json!({ "type": "string", "pattern": "^\"[0-9a-z-]+\"$" })),
        "Last-Modified": header("Time at which the body was built (RFC 9110).", &string),
        "Cache-Control": header("A stored response must be revalidated before use.", &json!({ "type": "string", "const": "no-cache" })),
        "Vary": header("Request headers on which the response depends.", &string),
        "Retry-After": header("Seconds to wait before the next attempt.", &json!({ "type": "integer", "minimum": 1 })),
        "Allow": header("Supported methods.", &json!({ "type": "string", "const": "GET, HEAD" })),
        "WWW-Authenticate": header("Required authentication scheme.", &json!({ "type": "string", "const": "Bearer" })),
    });
    // A response without a build time has no date; one that depends on no request header has no `Vary`.
    for name in ["Last-Modified", "Vary"] {
        all[name]["required"] = false.into();
    }
    all
}

fn query_parameter(name: &str, about: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

fn path_parameter(name: &str, about: &str) -> Value {
    let schema = json!({ "type": "string", "minLength": 1, "pattern": "^(?!\\.{1,2}$)[^\\u0000\\\\]+$" });
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

fn parameters() -> Value {
    // No path or query of this API may contain NUL or a backslash.
    let name = json!({ "type": "string", "pattern": "^[^\\u0000\\\\]*$" });
    let drive = path_parameter(
        "id",
        "Block device of any of its paths, serial number, WWN, or a name under `/dev/disk/by-id`. A `/` in it must be \
         encoded as `%2F`.",
    );
    let enclosure = path_parameter("id", "Enclosure id, or a name under `/sys/class/enclosure`.");
    let anything = path_parameter(
        "anything",
        "Any name of the drive: block device, serial number or at least four characters of its beginning or end, WWN, a \
         link in `/dev`, or `ENCLOSURE/SLOT`. Slashes need not be encoded.",
    );
    json!({
        "fields": query_parameter("fields", "`summary`: bays and drives without details, for hosts with thousands of drives.", &json!({ "type": "string", "enum": ["summary"] })),
        "verdict": query_parameter("verdict", "Only drives with this verdict.", &schema_of("Verdict")),
        "pool": query_parameter("pool", "Only members of this ZFS pool.", &name),
        "enclosure": query_parameter("enclosure", "Only drives in this enclosure: its id, or a name under `/sys/class/enclosure`.", &name),
        "drive": drive,
        "shelf": enclosure,
        "anything": anything,
        "if_none_match": {
            "name": "If-None-Match",
            "in": "header",
            "description": "Entity tags that the client has; if one of them is that of the body, the response is 304.",
            "schema": { "type": "string" },
        },
    })
}

/// An operation without parameters that returns data.
fn data(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    about: &'static str,
    content: Value,
) -> Operation<'static> {
    Operation { path, id, summary, about, parameters: &[], kind: Kind::Data, content, refusals: &[] }
}

#[rustfmt::skip]
fn operations() -> Vec<Operation<'static>> {
    let metrics = json!({ "text/plain": { "schema": { "type": "string" } }, "application/openmetrics-text": { "schema": { "type": "string" } } });
    let mut location = text("0x50030480baa4c03f  bay 7  sdh,sdch  9JGM3N4E  crit\n");
    location["application/json"] = json!({ "schema": schema_of("DriveSummary") });
    vec![
        Operation { parameters: &["fields"], ..data("/api/overview", "overview", "The overview", "Every enclosure with its bays and drives, drives in no bay, pools, totals, and the last sweep. In brief on request.", json!({ "application/json": { "schema": { "anyOf": [schema_of("Overview"), schema_of("Short")] } } })) },
        Operation { parameters: &["verdict", "pool", "enclosure"], ..data("/api/drives", "drives", "The drives", "All drives, or those that match the parameters. Each parameter may be given once; an unknown one is an error.", body("DrivesBody")) },
        Operation { parameters: &["drive"], refusals: &["404"], ..data("/api/drives/{id}", "drive", "One drive", "The summary and health data of the drive, and the JSON output of smartctl. A drive that is not known yet is read for the request.", body("DriveDoc")) },
        data("/api/enclosures", "enclosures", "The enclosures", "All enclosures with their bays and drives.", body("EnclosuresBody")),
        Operation { parameters: &["shelf"], refusals: &["404"], ..data("/api/enclosures/{id}", "enclosure", "One enclosure", "An enclosure with its bays and drives.", body("EnclosureView")) },
        data("/api/zfs", "zfs", "The pools", "Pools with their vdevs and leaves, leaves that are not on a drive of this host, and the memberships of each drive.", body("ZfsBody")),
        data("/api/map.txt", "map", "The bays as text", "One character per bay: `.` empty, `o` ok, `w` watch, `W` warn, `F` crit, `z` standby, `?` no data.", text("enclosure 0x50030480baa4c03f\n     0 1 2 3\n  0  o o W .\n")),
        Operation { parameters: &["anything"], kind: Kind::Negotiated, refusals: &["404"], ..data("/api/whereis/{anything}", "whereis", "One drive by any name", "The location of the drive as a line of text, or its summary as JSON if `Accept` prefers that.", location) },
        Operation { kind: Kind::Current, ..data("/api/health", "health", "Status of the service", "The degraded components with time and reason.", body("ServiceBody")) },
        Operation { kind: Kind::Current, ..data("/healthz", "healthz", "Liveness", "200 while the process serves: `ok`, then a line `degraded: …` for each degradation.", text("ok\n")) },
        Operation { kind: Kind::Current, ..data("/readyz", "readyz", "Readiness", "200 once the first sweep has completed: `ready`, then a line `degraded: …` for each degradation. 503 until then.", text("ready\n")) },
        Operation { kind: Kind::Current, ..data("/metrics", "metrics", "Metrics for Prometheus", "OpenMetrics if `Accept` prefers it, else the older text format of Prometheus.", metrics) },
        Operation { kind: Kind::File, ..data("/openapi.json", "openapi", "This document", "OpenAPI 3.1.", json!({ "application/json": { "schema": { "type": "object" } } })) },
    ]
}
