//! Every header of an answer, whole: each kind of answer has those that are listed here, and no other.

use crate::support;

use std::collections::BTreeSet;
use support::daemon::Daemon;
use support::http::{Client, Response};
use support::redis::Redis;
use support::sim::Sim;

/// On every answer.
const ALWAYS: [(&str, &str); 5] = [
    ("cache-control", "no-cache"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
];
/// On every answer, with values of the moment.
const FRAME: [&str; 2] = ["date", "content-length"];
/// Of data: where it is from and how old it is.
const DATA: [&str; 5] = ["x-cache", "x-source", "age", "etag", "last-modified"];
const JSON: (&str, &str) = ("content-type", "application/json");
const PROBLEM: (&str, &str) = ("content-type", "application/problem+json");
const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const BY_CODING: (&str, &str) = ("vary", "Accept-Encoding");
const CLOSES: (&str, &str) = ("connection", "close");

/// The answer has the headers of all answers, `more`, and those named in `moving`, and no others.
#[track_caller]
fn assert_headers(what: &str, answer: &Response, more: &[(&str, &str)], moving: &[&str]) {
    for (name, value) in ALWAYS.iter().chain(more) {
        assert_eq!(answer.header(name), *value, "{what}: {name}");
    }
    let fixed = ALWAYS.iter().chain(more).map(|(name, _)| *name);
    let wanted: BTreeSet<&str> = fixed.chain(FRAME).chain(moving.iter().copied()).collect();
    let sent: BTreeSet<&str> = answer.headers.keys().map(String::as_str).collect();
    assert_eq!(sent, wanted, "{what}");
    for name in FRAME.iter().chain(moving) {
        assert!(!answer.header(name).is_empty(), "{what}: {name} is empty");
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
        // A small file is sent as it is.
        let coding: &[(&str, &str)] = if plain.body.len() < 1024 { &[] } else { &[GZIP] };
        assert_headers(path, &packed, &[&[kind, BY_CODING], coding].concat(), &["etag"]);
    }
}

#[test]
fn every_kind_of_answer_has_these_headers_and_no_others() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let get = |path: &str, headers: &[(&str, &str)]| daemon.request("GET", path, headers);

    let metrics = ("content-type", "text/plain; version=0.0.4; charset=utf-8");
    let by_form = ("vary", "Accept, Accept-Encoding");
    for (path, more, moving) in [
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
            let answer = daemon.request(method, path, &[]);
            assert_eq!(answer.status, 200, "{method} {path}");
            assert_headers(&format!("{method} {path}"), &answer, more, moving);
        }
    }
    let same = get("/api/overview", &[("If-None-Match", "*")]);
    assert_eq!(same.status, 304);
    assert_headers("304", &same, &[JSON, BY_CODING], &DATA);
    let packed = get("/api/overview", &[("Accept-Encoding", "gzip")]);
    assert_headers("gzip", &packed, &[JSON, BY_CODING, GZIP], &DATA);

    let refused = |method: &str, path: &str, status: u16, more: &[(&str, &str)]| {
        let answer = daemon.request(method, path, &[]);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_headers(&format!("{method} {path}"), &answer, &[&[PROBLEM], more].concat(), &[]);
    };
    refused("GET", "/api/overview?x=1", 400, &[]);
    refused("GET", "/nowhere", 404, &[]);
    refused("GET", "/api/drives/nosuch", 404, &[]);
    refused("POST", "/api/overview", 405, &[("allow", "GET, HEAD")]);

    // What the listener itself refuses, before a worker has the request.
    for (head, status, more) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, &[][..]),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, &[CLOSES]),
        ("GET / HTTP/1.2\r\nHost: localhost\r\n\r\n", 505, &[CLOSES]),
    ] {
        let mut client = Client::connect(daemon.port).expect("a connection");
        let answer = client.raw(head.as_bytes(), false).expect("an answer");
        assert_eq!(answer.status, status, "{head}");
        assert_headers(head, &answer, &[&[PROBLEM], more].concat(), &[]);
    }
}

#[test]
fn who_has_no_token_and_who_is_early_is_answered_with_these_headers() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    sim.set("all", &["hang=true"]);
    let file = sim.root().join("token");
    std::fs::write(&file, "s3cret-token\n").expect("a token");
    let daemon = Daemon::start(&sim, &redis, &[("JBOD_TOKEN_FILE", &file.to_string_lossy())]);
    let stranger = daemon.get("/api/overview");
    assert_eq!(stranger.status, 401);
    assert_headers("401", &stranger, &[PROBLEM, ("www-authenticate", "Bearer")], &[]);
    let early = daemon.request("GET", "/readyz", &[("Authorization", "Bearer s3cret-token")]);
    assert_eq!(early.status, 503);
    assert_headers("503", &early, &[PROBLEM], &["retry-after"]);
}
