//! The document of the API, put together: schemas from the types that are served, paths and headers
//! from here.

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
    schemas.values_mut().for_each(settle);
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

/// Makes a derived schema plain: descriptions on one line, enums as flat lists with what each value means.
fn settle(schema: &mut Value) {
    if let Value::Array(list) = schema {
        return list.iter_mut().for_each(settle);
    }
    let Value::Object(object) = schema else { return };
    flatten(object);
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    // Rust's widths are no formats, and what a value is where none is sent is never of use: all are sent.
    if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        object.remove("format");
    }
    object.remove("default");
    object.remove("title");
    for (name, value) in object.iter_mut() {
        if name == "properties" {
            value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(settle);
        } else if name != "enum" {
            settle(value);
        }
    }
}

fn flatten(object: &mut Map<String, Value>) {
    let Some(ways) = object.get("oneOf").and_then(Value::as_array) else { return };
    let (mut values, mut meanings) = (Vec::new(), Vec::new());
    for way in ways {
        match (way.get("const"), way.get("enum").and_then(Value::as_array)) {
            (Some(value), _) => {
                values.push(value.clone());
                if let (Some(name), Some(text)) = (value.as_str(), way["description"].as_str()) {
                    meanings.push(format!("`{name}`: {}", text.replace('\n', " ")));
                }
            }
            (None, Some(list)) => values.extend(list.iter().cloned()),
            (None, None) => return,
        }
    }
    object.remove("oneOf");
    let about = object.get("description").and_then(Value::as_str).unwrap_or_default();
    let about = std::iter::once(about.to_owned()).chain(meanings).collect::<Vec<_>>().join("\n\n");
    object.insert("type".into(), "string".into());
    object.insert("enum".into(), values.into());
    object.insert("description".into(), about.into());
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

/// What kind of answer a path gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Data with where it is from, how old it is, and a tag.
    Data,
    /// As data, in the form that `Accept` asks for.
    Told,
    /// The same for everybody, with a tag.
    File,
    /// Made anew each time.
    Now,
}

struct Operation<'a> {
    path: &'a str,
    id: &'a str,
    summary: &'a str,
    about: &'a str,
    parameters: &'a [&'a str],
    kind: Kind,
    content: Value,
    /// Besides those of all paths.
    refusals: &'a [&'a str],
}

fn paths() -> Value {
    let mut all = Map::new();
    for operation in operations() {
        let mut responses = Map::new();
        let names: &[&str] = match operation.kind {
            Kind::Data | Kind::Told => {
                &["X-Cache", "X-Source", "Age", "ETag", "Last-Modified", "Cache-Control", "Vary"]
            }
            Kind::File => &["ETag", "Vary", "Cache-Control"],
            Kind::Now if operation.id == "metrics" => &["Cache-Control", "Vary"],
            Kind::Now => &["Cache-Control"],
        };
        let headers: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), reference("headers", name))).collect();
        let good = json!({ "description": "As asked for", "headers": headers, "content": operation.content });
        responses.insert("200".into(), good);
        let mut parameters: Vec<Value> =
            operation.parameters.iter().map(|parameter| reference("parameters", parameter)).collect();
        if operation.kind != Kind::Now {
            parameters.push(reference("parameters", "if_none_match"));
            let same = json!({ "description": "Not modified: `If-None-Match` lists the `ETag`", "headers": headers });
            responses.insert("304".into(), same);
        }
        for (status, name) in
            REFUSALS.iter().filter(|(status, _)| *status != "404" || operation.refusals.contains(status))
        {
            responses.insert((*status).to_owned(), reference("responses", name));
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

/// Every refusal, and its name below `components/responses`.
const REFUSALS: [(&str, &str); 9] = [
    ("400", "Bad"),
    ("401", "Token"),
    ("404", "NotFound"),
    ("405", "Method"),
    ("408", "TooSlow"),
    ("421", "Host"),
    ("431", "HeadTooLarge"),
    ("503", "NotReady"),
    ("505", "HttpVersion"),
];

fn refusals() -> Value {
    let about = |status: &str| match status {
        "400" => "Unknown or invalid parameter, or malformed HTTP request",
        "401" => "Bearer token missing or wrong",
        "404" => "No such path, drive or enclosure",
        "405" => "Method other than GET and HEAD",
        "408" => "Request header not received within 5 s",
        "421" => "Host name not allowed (`JBOD_ALLOWED_HOSTS`)",
        "431" => "Request header exceeds 16 KiB or 64 fields",
        "503" => "No data available yet, or too many concurrent connections or requests",
        _ => "Version other than HTTP/1.0 and HTTP/1.1",
    };
    let header = |status: &str| match status {
        "401" => &["Cache-Control", "WWW-Authenticate"][..],
        // Of `/api/whereis/{anything}`.
        "404" => &["Cache-Control", "Vary"],
        "405" => &["Cache-Control", "Allow"],
        "503" => &["Cache-Control", "Retry-After", "Vary"],
        _ => &["Cache-Control"],
    };
    let response = |(status, name): &(&str, &str)| {
        let headers: Map<String, Value> =
            header(status).iter().map(|name| ((*name).to_owned(), reference("headers", name))).collect();
        let content = json!({ "application/problem+json": { "schema": schema_of("ProblemBody") } });
        ((*name).to_owned(), json!({ "description": about(status), "headers": headers, "content": content }))
    };
    REFUSALS.iter().map(response).collect::<Map<_, _>>().into()
}

fn headers() -> Value {
    let header = |about: &str, schema: Value| json!({ "description": about, "required": true, "schema": schema });
    let text = || json!({ "type": "string" });
    let mut all = json!({
        "X-Cache": header(
            "`HIT`: live copy from Redis. `STALE`: last-known copy, a refresh has been requested. `MISS`: built for this \
             request, or Redis is unavailable.",
            json!({ "type": "string", "enum": ["HIT", "STALE", "MISS"] }),
        ),
        "X-Source": header(
            "Source of the data.",
            json!({ "type": "string", "enum": ["redis", "memory", "smartctl"] }),
        ),
        "Age": header(
            "Age of the data in seconds; for a list, the age of its oldest current reading.",
            json!({ "type": "integer", "minimum": 0 }),
        ),
        "ETag": header("Strong entity tag of the body, quoted.", json!({ "type": "string", "pattern": "^\"[0-9a-z-]+\"$" })),
        "Last-Modified": header("Time at which the body was built (RFC 9110).", text()),
        "Cache-Control": header("A stored response must be revalidated before use.", json!({ "type": "string", "const": "no-cache" })),
        "Vary": header("Request headers on which the response depends.", text()),
        "Retry-After": header("Seconds to wait before the next attempt.", json!({ "type": "integer", "minimum": 1 })),
        "Allow": header("Supported methods.", json!({ "type": "string", "const": "GET, HEAD" })),
        "WWW-Authenticate": header("Required authentication scheme.", json!({ "type": "string", "const": "Bearer" })),
    });
    // A response without a build time has no date; one that depends on no request header has no `Vary`.
    for name in ["Last-Modified", "Vary"] {
        all[name]["required"] = false.into();
    }
    all
}

fn parameters() -> Value {
    let asked = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "query", "description": about, "schema": schema });
    // No path or query of this API may contain these characters.
    let name = || json!({ "type": "string", "pattern": "^[^\\u0000\\\\]*$" });
    let part = |about: &str| {
        let schema = json!({ "type": "string", "minLength": 1, "pattern": "^(?!\\.{1,2}$)[^\\u0000\\\\]+$" });
        json!({ "in": "path", "required": true, "description": about, "schema": schema })
    };
    let mut drive = part(
        "Block device of any of its paths, serial number, WWN, or a name under `/dev/disk/by-id`. A `/` in it must be \
         encoded as `%2F`.",
    );
    let mut enclosure = part("Enclosure id, or a name under `/sys/class/enclosure`.");
    let mut anything = part(
        "Any name of the drive: block device, serial number or at least four characters of its beginning or end, WWN, a \
         link in `/dev`, or `ENCLOSURE/SLOT`. Slashes need not be encoded.",
    );
    drive["name"] = "id".into();
    enclosure["name"] = "id".into();
    anything["name"] = "anything".into();
    let verdict = schema_of("Verdict");
    json!({
        "fields": asked("fields", "`summary`: bays and drives without details, for hosts with thousands of drives.", json!({ "type": "string", "enum": ["summary"] })),
        "verdict": asked("verdict", "Only drives with this verdict.", verdict),
        "pool": asked("pool", "Only members of this ZFS pool.", name()),
        "enclosure": asked("enclosure", "Only drives in this enclosure: its id, or a name under `/sys/class/enclosure`.", name()),
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

#[rustfmt::skip]
fn operations() -> Vec<Operation<'static>> {
    let all = |path, id, summary, about, content| Operation { path, id, summary, about, parameters: &[], kind: Kind::Data, content, refusals: &[] };
    let now = |path, id, summary, about, content| Operation { kind: Kind::Now, ..all(path, id, summary, about, content) };
    let metrics = json!({ "text/plain": { "schema": { "type": "string" } }, "application/openmetrics-text": { "schema": { "type": "string" } } });
    let mut told = text("0x50030480baa4c03f  bay 7  sdh,sdch  9JGM3N4E  crit\n");
    told["application/json"] = json!({ "schema": schema_of("DriveSummary") });
    vec![
        Operation { parameters: &["fields"], ..all("/api/overview", "overview", "The overview", "Every enclosure with its bays and drives, drives in no bay, pools, totals, and the last sweep. In brief on request.", json!({ "application/json": { "schema": { "anyOf": [schema_of("Overview"), schema_of("Short")] } } })) },
        Operation { parameters: &["verdict", "pool", "enclosure"], ..all("/api/drives", "drives", "The drives", "All drives, or those that match the parameters. Each parameter may be given once; an unknown one is an error.", body("DrivesBody")) },
        Operation { parameters: &["drive"], refusals: &["404"], ..all("/api/drives/{id}", "drive", "One drive", "The summary and health data of the drive, and the JSON output of smartctl. A drive that is not known yet is read for the request.", body("DriveDoc")) },
        all("/api/enclosures", "enclosures", "The enclosures", "All enclosures with their bays and drives.", body("EnclosuresBody")),
        Operation { parameters: &["shelf"], refusals: &["404"], ..all("/api/enclosures/{id}", "enclosure", "One enclosure", "An enclosure with its bays and drives.", body("EnclosureView")) },
        all("/api/zfs", "zfs", "The pools", "Pools with their vdevs and leaves, leaves that are not on a drive of this host, and the memberships of each drive.", body("ZfsBody")),
        all("/api/map.txt", "map", "The bays as text", "One character per bay: `.` empty, `o` ok, `w` watch, `W` warn, `F` crit, `z` standby, `?` no data.", text("enclosure 0x50030480baa4c03f\n     0 1 2 3\n  0  o o W .\n")),
        Operation { parameters: &["anything"], kind: Kind::Told, refusals: &["404"], ..all("/api/whereis/{anything}", "whereis", "One drive by any name", "The location of the drive as a line of text, or its summary as JSON if `Accept` prefers that.", told) },
        now("/api/health", "health", "Status of the service", "The degraded components with time and reason.", body("ServiceBody")),
        now("/healthz", "healthz", "Liveness", "200 while the process serves: `ok`, then a line `degraded: …` for each degradation.", text("ok\n")),
        now("/readyz", "readyz", "Readiness", "200 once the first sweep has completed: `ready`, then a line `degraded: …` for each degradation. 503 until then.", text("ready\n")),
        now("/metrics", "metrics", "Metrics for Prometheus", "OpenMetrics if `Accept` prefers it, else the older text format of Prometheus.", metrics),
        Operation { kind: Kind::File, ..all("/openapi.json", "openapi", "This document", "OpenAPI 3.1.", json!({ "application/json": { "schema": { "type": "object" } } })) },
    ]
}
