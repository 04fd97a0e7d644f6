//! The headers of responses: each kind of response has those that are listed here, and no others.

use crate::support;

use std::collections::BTreeSet;
use support::daemon::Daemon;
use support::http::{Client, Response};
use support::redis::Redis;
use support::sim::Sim;

/// In every response.
const ALWAYS: [(&str, &str); 5] = [
    ("cache-control", "no-cache"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
];
/// In every response, with varying values.
const VARYING: [&str; 2] = ["date", "content-length"];
/// Of data: its source, its age and its version.
const DATA: [&str; 5] = ["x-cache", "x-source", "age", "etag", "last-modified"];
const JSON: (&str, &str) = ("content-type", "application/json");
const PROBLEM: (&str, &str) = ("content-type", "application/problem+json");
const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const BY_CODING: (&str, &str) = ("vary", "Accept-Encoding");
const CLOSES: (&str, &str) = ("connection", "close");

/// The response has the headers of all responses, `more`, and those named in `varying`, and no others.
#[track_caller]
fn assert_headers(what: &str, response: &Response, more: &[(&str, &str)], varying: &[&str]) {
    for (name, value) in ALWAYS.iter().chain(more) {
        assert_eq!(response.header(name), *value, "{what}: {name}");
    }
    let fixed = ALWAYS.iter().chain(more).map(|(name, _)| *name);
    let wanted: BTreeSet<&str> = fixed.chain(VARYING).chain(varying.iter().copied()).collect();
    let sent: BTreeSet<&str> = response.headers.keys().map(String::as_str).collect();
    assert_eq!(sent, wanted, "{what}");
    for name in VARYING.iter().chain(varying) {
        assert!(!response.header(name).is_empty(), "{what}: {name} is empty");
    }
}

#[test]
fn every_file_of_the_page_has_these_headers_and_no_others() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::start(&sim, &redis, &[]);
    for (path, kind) in crate::page::files_of_the_page(&daemon) {
        let (path, kind) = (path.as_str(), ("content-type", kind));
        let plain = daemon.get(path);
        assert_eq!(plain.status, 200, "{path}");
        assert_headers(path, &plain, &[kind, BY_CODING], &["etag"]);
        assert_headers(path, &daemon.request("HEAD", path, &[]), &[kind, BY_CODING], &["etag"]);
        let same = daemon.request("GET", path, &[("If-None-Match", plain.header("etag"))]);
        assert_eq!(same.status, 304, "{path}");
        assert_headers(path, &same, &[kind, BY_CODING], &["etag"]);
        let packed = daemon.request("GET", path, &[("Accept-Encoding", "gzip")]);
        // Files below 1 KiB are not compressed.
        let coding: &[(&str, &str)] = if plain.body.len() < 1024 { &[] } else { &[GZIP] };
        assert_headers(path, &packed, &[&[kind, BY_CODING], coding].concat(), &["etag"]);
    }
}

#[test]
fn every_kind_of_response_has_these_headers_and_no_others() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let metrics = ("content-type", "text/plain; version=0.0.4; charset=utf-8");
    let by_form = ("vary", "Accept, Accept-Encoding");
    for (path, more, varying) in [
        ("/api/overview", &[JSON, BY_CODING][..], &DATA[..]),
        ("/api/drives/sda", &[JSON, BY_CODING], &DATA),
        ("/api/map.txt", &[TEXT, BY_CODING], &DATA),
        ("/api/whereis/sda", &[TEXT, by_form], &DATA),
        ("/api/health", &[JSON], &[]),
        ("/healthz", &[TEXT], &[]),
        ("/readyz", &[TEXT], &[]),
        ("/openapi.json", &[JSON, BY_CODING], &["etag"]),
        ("/metrics", &[metrics, ("vary", "Accept")], &[]),
    ] {
        for method in ["GET", "HEAD"] {
            let response = daemon.request(method, path, &[]);
            assert_eq!(response.status, 200, "{method} {path}");
            assert_headers(&format!("{method} {path}"), &response, more, varying);
        }
    }
    let same = daemon.request("GET", "/api/overview", &[("If-None-Match", "*")]);
    assert_eq!(same.status, 304);
    assert_headers("304", &same, &[JSON, BY_CODING], &DATA);
    let packed = daemon.request("GET", "/api/overview", &[("Accept-Encoding", "gzip")]);
    assert_headers("gzip", &packed, &[JSON, BY_CODING, GZIP], &DATA);

    for (method, path, status, more) in [
        ("GET", "/api/overview?x=1", 400, &[][..]),
        ("GET", "/nowhere", 404, &[]),
        ("GET", "/api/drives/nosuch", 404, &[]),
        ("POST", "/api/overview", 405, &[("allow", "GET, HEAD")]),
    ] {
        let response = daemon.request(method, path, &[]);
        assert_eq!(response.status, status, "{method} {path}");
        assert_headers(&format!("{method} {path}"), &response, &[&[PROBLEM], more].concat(), &[]);
    }

    // Requests that the event loop refuses before a worker gets them.
    for (head, status, more) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, &[][..]),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, &[CLOSES]),
        ("GET / HTTP/1.2\r\nHost: localhost\r\n\r\n", 505, &[CLOSES]),
    ] {
        let mut client = Client::connect(daemon.port).expect("a connection");
        let response = client.raw(head.as_bytes(), false).expect("an response");
        assert_eq!(response.status, status, "{head}");
        assert_headers(head, &response, &[&[PROBLEM], more].concat(), &[]);
    }
}

#[test]
fn responses_without_a_token_and_before_the_first_sweep_have_these_headers() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    sim.set("all", &["hang=true"]);
    let file = sim.root().join("token");
    std::fs::write(&file, "s3cret-token\n").expect("a token");
    let daemon = Daemon::start(&sim, &redis, &[("JBOD_TOKEN_FILE", &file.to_string_lossy())]);
    let unauthorized = daemon.get("/api/overview");
    assert_eq!(unauthorized.status, 401);
    assert_headers("401", &unauthorized, &[PROBLEM, ("www-authenticate", "Bearer")], &[]);
    let early = daemon.request("GET", "/readyz", &[("Authorization", "Bearer s3cret-token")]);
    assert_eq!(early.status, 503);
    assert_headers("503", &early, &[PROBLEM], &["retry-after"]);
}
