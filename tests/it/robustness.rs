//! HTTP responses to well-behaved and to hostile clients.

use crate::support;
use crate::support::wait_until;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::daemon::{Daemon, command, run};
use support::eventually;
use support::http::{Client, Response};
use support::json::{drive, drives, text};
use support::redis::Redis;
use support::sim::Sim;

/// Paths with data, besides those of single drives and enclosures.
const DATA: [&str; 5] = ["/api/overview", "/api/drives", "/api/drives?verdict=ok", "/api/enclosures", "/api/zfs"];

#[track_caller]
fn assert_common_headers(response: &Response, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(response.header(name), value, "{what}: {name}");
    }
    let policy = response.header("content-security-policy");
    assert!(policy.contains("default-src 'self'"), "{what}: {policy}");
    assert!(!response.header("date").is_empty() && !response.header("content-length").is_empty(), "{what}");
    assert!(response.headers.keys().all(|name| !name.starts_with("access-control-")), "{what}: CORS header");
}

#[track_caller]
fn assert_data(response: &Response, what: &str) {
    assert_eq!(response.status, 200, "{what}: {}", response.text());
    assert_eq!(response.header("content-type"), "application/json", "{what}");
    assert_eq!(response.header("cache-control"), "no-cache", "{what}");
    assert!(["HIT", "STALE", "MISS"].contains(&response.cache()), "{what}: {}", response.cache());
    assert!(["redis", "memory", "smartctl"].contains(&response.source()), "{what}: {}", response.source());
    assert!(response.age() < 1000, "{what}: {}", response.age());
    assert!(response.header("last-modified").ends_with(" GMT"), "{what}: {}", response.header("last-modified"));
    let tag = response.header("etag");
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{what}: {tag} is not a strong tag");
    assert!(!response.body.is_empty());
    response.json();
}

#[track_caller]
fn assert_problem(response: &Response, status: u16, what: &str) {
    assert_eq!(response.status, status, "{what}: {}", response.text());
    assert_eq!(response.header("content-type"), "application/problem+json", "{what}");
    assert_common_headers(response, what);
    if response.body.is_empty() {
        return;
    }
    let body = response.json();
    assert_eq!(body["status"], status, "{what}");
    for field in ["type", "title", "detail"] {
        assert!(!["", "null"].contains(&text(&body[field])), "{what}: {field} in {body}");
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    let shelf = daemon.json("/api/enclosures")["enclosures"][0]["id"].as_str().expect("id").to_owned();
    let mut paths: Vec<String> = DATA.iter().map(|path| (*path).to_owned()).collect();
    paths.extend([format!("/api/drives/{serial}"), format!("/api/enclosures/{shelf}")]);
    let mut client = Client::connect(daemon.port).expect("a connection");
    for round in 0..20 {
        for path in &paths {
            let what = format!("round {round} {path}");
            let response = client.request("GET", path, &[]).expect("a response");
            assert_data(&response, &what);
            assert_common_headers(&response, &what);
            assert_eq!(
                response.header("connection"),
                "",
                "{what}: a connection of HTTP/1.1 is kept open without a header"
            );
        }
        for (path, status) in [("/", 200), ("/healthz", 200), ("/readyz", 200), ("/nowhere", 404)] {
            let response = client.request("GET", path, &[]).expect("a response");
            assert_eq!(response.status, status, "{path}");
            assert_common_headers(&response, path);
        }
    }
}

/// Requests a body, then the same body with `If-None-Match` as `form` makes it of the tag. Repeats both if the body has
/// changed in between.
#[track_caller]
fn ask_twice(client: &mut Client, path: &str, form: fn(&str) -> String) -> (Response, Response) {
    eventually("the body has not changed between two requests", || {
        let whole = client.request("GET", path, &[])?;
        let tag = whole.header("etag").to_owned();
        let again = client.request("GET", path, &[("If-None-Match", &form(&tag))])?;
        (again.header("etag") == tag).then_some((whole, again))
    })
}

fn header_names(response: &Response) -> Vec<&String> {
    let mut names: Vec<&String> = response.headers.keys().collect();
    names.sort();
    names
}

#[test]
fn an_unchanged_body_is_not_sent_again() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    let mut client = Client::connect(daemon.port).expect("a connection");
    let one_drive = format!("/api/drives/{serial}");
    for path in DATA.into_iter().chain([one_drive.as_str()]) {
        let matching: [fn(&str) -> String; 5] = [
            str::to_owned,
            |tag| format!("W/{tag}"),
            |tag| format!("\"other\", {tag}"),
            |tag| format!("\"other\",W/\"another\" , W/{tag}"),
            |_| "*".to_owned(),
        ];
        for form in matching {
            let (whole, again) = ask_twice(&mut client, path, form);
            let what = format!("{path} {}", form("TAG"));
            assert_eq!((again.status, again.body.len()), (304, 0), "{what}");
            assert_common_headers(&again, &what);
            for name in ["etag", "last-modified", "cache-control"] {
                assert_eq!(again.header(name), whole.header(name), "{what}: {name}");
            }
        }
        let other: [fn(&str) -> String; 3] =
            [|_| "\"other\"".to_owned(), |_| String::new(), |tag| tag.trim_matches('"').to_owned()];
        for form in other {
            let (_, again) = ask_twice(&mut client, path, form);
            assert_eq!(again.status, 200, "{path} {}", form("TAG"));
            assert_data(&again, path);
        }
    }
}

#[test]
fn a_changed_body_has_another_tag() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    let before = daemon.get("/api/overview");
    sim.pull(&[&serial]);
    daemon.overview_when("the drive is missing", |overview| drive(overview, &serial)["state"] == "missing");
    let after = daemon.request("GET", "/api/overview", &[("If-None-Match", before.header("etag"))]);
    assert_eq!(after.status, 200, "the body has changed");
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(drive(&after.json(), &serial)["state"], "missing");
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let mut client = Client::connect(daemon.port).expect("a connection");
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    let mut paths: Vec<String> = DATA.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(
        ["/", "/healthz", "/readyz", "/nowhere", "/api/drives/nosuch", "/api/enclosures/nosuch"].map(Into::into),
    );
    paths.push(format!("/api/drives/{serial}"));
    for path in paths {
        let (get, head) = eventually("the body has not changed between two requests", || {
            let get = client.request("GET", &path, &[])?;
            let head = client.request("HEAD", &path, &[])?;
            (get.header("etag") == head.header("etag")).then_some((get, head))
        });
        assert_eq!((get.status, head.body.len()), (head.status, 0), "{path}");
        assert_eq!(header_names(&get), header_names(&head), "{path}");
        for (name, value) in &get.headers {
            let changes = ["date", "age"].contains(&name.as_str());
            assert!(changes || head.header(name) == value, "{path}: {name}");
        }
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
    }
}

#[test]
fn invalid_requests_are_answered_with_the_reason() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    for path in ["/nowhere", "/api", "/api/", "//metrics", "/api/drives//", "/api/drives/nosuch", "/api/drives/sda/x"] {
        assert_problem(&daemon.get(path), 404, path);
    }
    for path in ["/api/enclosures/nosuch", "/api/overview//", "//", "/etc/passwd", "/api/drives/sda%20"] {
        assert_problem(&daemon.get(path), 404, path);
    }
    for path in [
        "/api/drives/%",
        "/api/drives/%2",
        "/api/drives/%zz",
        "/api/drives/a%00b",
        "/api/drives/a%5cb",
        "/api/drives/a%5Cb",
        "/api/drives/a\\b",
        "/api/drives/%ff",
        "/api/drives/%c0%af",
        "/api/drives/..",
        "/api/drives/%2e%2e",
        "/api/drives/../../etc/passwd",
        "/api/overview?x=1",
        "/api/zfs?pool=tank",
        "/api/drives?color=red",
        "/api/drives?verdict=broken",
        "/api/drives?verdict=",
        "/api/drives?pool=a&pool=b",
        "/api/drives?pool=%",
        "/api/drives?pool=%00",
    ] {
        assert_problem(&daemon.get(path), 400, path);
    }
    // No part of the path is returned as markup or as a second line.
    let sent = daemon.get("/api/drives?%3Cscript%3E%0aX=1");
    assert_problem(&sent, 400, "markup in a parameter");
    assert!(!sent.text().trim_end().contains('\n'));
}

#[test]
fn only_get_and_head_are_allowed() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"] {
        for path in ["/api/overview", "/", "/healthz"] {
            let response = daemon.request(method, path, &[]);
            assert_problem(&response, 405, &format!("{method} {path}"));
            assert_eq!(response.header("allow"), "GET, HEAD", "{method} {path}");
        }
    }
    let host = format!("Host: 127.0.0.1:{}\r\n", daemon.port);
    let mut client = Client::connect(daemon.port).expect("a connection");
    let post = format!("POST /api/overview HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello");
    let response = client.raw(post.as_bytes(), false).expect("a response");
    assert_problem(&response, 405, "POST with a body");
}

#[test]
fn a_body_is_rejected_and_not_read_as_a_request() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let host = format!("Host: 127.0.0.1:{}\r\n", daemon.port);
    let inner = format!("GET /healthz HTTP/1.1\r\n{host}\r\n");
    let length = format!("Content-Length: {}\r\n\r\n{inner}", inner.len());
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    for method in ["GET", "HEAD", "POST"] {
        for body in [&length, &chunked] {
            let what = format!("{method} {}", body.lines().next().unwrap_or_default());
            let mut client = Client::connect(daemon.port).expect("a connection");
            let request = format!("{method} /api/overview HTTP/1.1\r\n{host}{body}");
            let response = client.raw(request.as_bytes(), method == "HEAD").expect("a response");
            if method == "POST" {
                assert!([400, 405].contains(&response.status), "{what}: {}", response.status);
            } else {
                assert_problem(&response, 400, &what);
            }
            // The connection ends, or the next response is that to the next request.
            match client.request("GET", "/nowhere", &[]) {
                Some(next) => assert_eq!(next.status, 404, "{what}: {}", next.text()),
                None => assert_eq!(response.header("connection"), "close", "{what}: closed without announcement"),
            }
        }
    }
    let empty = daemon.request("GET", "/healthz", &[("Content-Length", "0")]);
    assert_eq!(empty.status, 200, "a body of length 0");
}

#[track_caller]
fn retry_after(response: &Response) -> u32 {
    response.header("retry-after").parse().expect("a number of seconds")
}

#[test]
fn before_the_end_of_the_first_sweep_readyz_has_retry_after() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    sim.set("all", &["hang=true"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    let response = daemon.get("/readyz");
    assert_problem(&response, 503, "not ready");
    assert!(retry_after(&response) > 0, "{response:?}");
    assert_eq!(daemon.get("/healthz").status, 200);
    assert_data(&daemon.get("/api/overview"), "before the first reading");
}

#[test]
fn a_request_without_the_token_is_rejected() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let file = sim.root().join("token");
    std::fs::write(&file, "s3cret-token\n").expect("a token");
    let file = file.to_string_lossy().into_owned();
    let daemon = Daemon::start(&sim, &redis, &[("JBOD_TOKEN_FILE", &file)]);
    for path in ["/healthz", "/readyz", "/metrics", "/api/overview", "/api/map.txt", "/nowhere", "/api/drives/%"] {
        for token in
            [None, Some("Bearer wrong"), Some("Bearer s3cret-toke"), Some("Basic s3cret-token"), Some("s3cret-token")]
        {
            let headers: Vec<(&str, &str)> = token.map(|token| ("Authorization", token)).into_iter().collect();
            let response = daemon.request("GET", path, &headers);
            assert_problem(&response, 401, &format!("{path} {token:?}"));
            assert!(response.header("www-authenticate").starts_with("Bearer"), "{path}");
            assert!(!response.text().contains("s3cret"));
        }
    }
    let right = [("Authorization", "Bearer s3cret-token")];
    assert_eq!(daemon.request("GET", "/healthz", &right).status, 200);
    assert_data(&daemon.request("GET", "/api/overview", &right), "with the token");
    // A browser cannot send the token for the files of the page, which contain no data. `Host` is checked for them, too.
    for path in ["/", "/page.css", "/page.js", "/icon.svg"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(daemon.request(method, path, &[]).status, 200, "{method} {path}");
        }
        assert_problem(&daemon.request("POST", path, &[]), 401, path);
        let foreign = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        let mut client = Client::connect(daemon.port).expect("a connection");
        assert_eq!(client.raw(foreign.as_bytes(), false).map(|response| response.status), Some(421), "{path}");
    }
    assert_eq!(daemon.logged("s3cret"), 0, "the token is in the log");
}

/// A request with these `Host` headers.
fn ask_with_hosts(client: &mut Client, hosts: &[&str]) -> Response {
    let lines = hosts.iter().fold(String::new(), |lines, host| lines + "Host: " + host + "\r\n");
    client.raw(format!("GET /healthz HTTP/1.1\r\n{lines}\r\n").as_bytes(), false).expect("a response")
}

#[test]
fn only_known_host_names_are_served() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::start(&sim, &redis, &[("JBOD_ALLOWED_HOSTS", "rack.example, nas2")]);
    let mut client = Client::connect(daemon.port).expect("a connection");
    let here = format!("127.0.0.1:{}", daemon.port);
    for host in [
        "localhost",
        "LocalHost:1234",
        "127.0.0.1",
        &here,
        "[::1]",
        "[::1]:80",
        "localhost.",
        "localhost.:9780",
        "rack.example",
        "RACK.example:443",
        "rack.example.",
        "nas2",
        // DNS rebinding does not affect addresses.
        "192.0.2.5:9780",
        "127.0.0.2",
        "[2001:db8::5]:9780",
    ] {
        assert_eq!(ask_with_hosts(&mut client, &[host]).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "rack.example.evil.example",
        "evil.localhost",
        "127.1",
        "localhost..",
        "localhost:1:2",
        "nas2:x",
        "",
    ] {
        let response = ask_with_hosts(&mut client, &[host]);
        assert_problem(&response, 421, host);
    }
    for hosts in [&[][..], &["localhost", "localhost"], &["localhost", "evil.example"]] {
        let mut client = Client::connect(daemon.port).expect("a connection");
        let response = ask_with_hosts(&mut client, hosts);
        assert_problem(&response, 400, &format!("{hosts:?}"));
    }
}

#[test]
fn the_connection_header_says_whether_a_connection_is_kept_open() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    for (version, more, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: close\r\n", false),
    ] {
        let what = format!("HTTP/{version} {more:?}");
        let mut client = Client::connect(daemon.port).expect("a connection");
        let host = if version == "1.1" { "Host: localhost\r\n" } else { "" };
        let request = format!("GET /api/overview HTTP/{version}\r\n{host}{more}\r\n");
        let first = client.raw(request.as_bytes(), false).expect("a response");
        assert_data(&first, &what);
        let announced = first.header("connection").to_ascii_lowercase();
        match (version, kept) {
            (_, false) => assert_eq!(announced, "close", "{what}"),
            ("1.0", true) => assert_eq!(announced, "keep-alive", "{what}"),
            _ => assert_ne!(announced, "close", "{what}"),
        }
        let second = client.raw(request.as_bytes(), false);
        assert_eq!(second.is_some(), kept, "{what}: the connection is open");
    }
    for junk in [
        &b"\r\n\r\n"[..],
        b"GARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).expect("a connection");
        stream.write_all(junk).expect("the request is sent");
        drop(stream);
    }
    assert_eq!(daemon.get("/healthz").status, 200, "after invalid requests");
}

#[test]
fn other_versions_of_http_are_refused_at_once() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(8))).expect("a limit");
    stream.write_all(b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n").expect("the request is sent");
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    assert!(read.is_ok() && line.starts_with("HTTP/1.1 505 "), "{read:?} {line:?}");
}

#[test]
fn an_invalid_or_too_long_head_is_rejected() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let long = "x".repeat(20_000);
    for (request, status, what) in [
        (format!("GET /api/drives/{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 431, "a long path"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"), 431, "a long header"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(4_000)), 431, "many headers"),
        ("GARBAGE\r\n\r\n".to_owned(), 400, "no request line"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n".to_owned(), 400, "no header line"),
    ] {
        let mut client = Client::connect(daemon.port).expect("a connection");
        let response = client.raw(request.as_bytes(), false).unwrap_or_else(|| panic!("{what}: no response"));
        assert_problem(&response, status, what);
        assert_eq!(response.header("connection"), "close", "{what}");
        assert!(client.request("GET", "/healthz", &[]).is_none(), "{what}: the connection is open");
    }
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn an_incomplete_head_is_rejected_after_the_timeout() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let mut client = Client::connect(daemon.port).expect("a connection");
    let response = client.raw(b"GET /healthz HTTP/1.1\r\nHost: local", false).expect("a response");
    assert_problem(&response, 408, "half a head");
    assert!(client.request("GET", "/healthz", &[]).is_none(), "the connection is open");
}

#[test]
fn connections_beyond_the_limit_are_answered_with_503() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_MAX_CONNECTIONS", "6")]);
    // Connections of `Daemon::ready` may still be open.
    let mut kept: Vec<Client> = Vec::new();
    eventually("as many as allowed are open", || {
        let mut client = Client::connect(daemon.port)?;
        let response = client.request("GET", "/healthz", &[])?;
        if response.status == 200 {
            kept.push(client);
        }
        (kept.len() == 6).then_some(())
    });
    let mut one_more = Client::connect(daemon.port).expect("a connection");
    let response = one_more.request("GET", "/healthz", &[]).expect("a response");
    assert_problem(&response, 503, "a connection beyond the limit");
    assert!(retry_after(&response) > 0, "{response:?}");
    assert_eq!(response.header("connection"), "close");
    for client in &mut kept {
        assert_eq!(
            client.request("GET", "/healthz", &[]).map(|response| response.status),
            Some(200),
            "a connection within the limit"
        );
    }
    drop(kept);
    wait_until("connections are accepted again", || daemon.get("/healthz").status == 200);
}

fn ask_once(port: u16, path: &str) -> Response {
    let mut client = Client::connect(port).expect("a connection");
    client.request("GET", path, &[]).expect("a response")
}

#[test]
fn requests_for_a_hanging_drive_do_not_delay_others() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    sim.set(&serial, &["hang=true"]);
    let (waiting, port, path) = (AtomicBool::new(true), daemon.port, format!("/api/drives/{serial}"));
    let (answers, overviews) = std::thread::scope(|scope| {
        let slow: Vec<_> = (0..8).map(|_| scope.spawn(|| ask_once(port, &path))).collect();
        let quick = scope.spawn(|| {
            let (mut client, mut count) = (Client::connect(port).expect("a connection"), 0);
            while waiting.load(Ordering::Acquire) {
                let response = client.request("GET", "/api/overview", &[]).expect("a response");
                assert_data(&response, "the overview while others wait");
                assert_eq!((response.cache(), response.source()), ("MISS", "memory"));
                count += 1;
            }
            count
        });
        let answers: Vec<Response> = slow.into_iter().map(|thread| thread.join().expect("a client")).collect();
        waiting.store(false, Ordering::Release);
        (answers, quick.join().expect("a client"))
    });
    assert!(overviews > 30, "only {overviews} responses while others waited for a drive");
    for answer in answers {
        assert_data(&answer, "the hanging drive");
        assert_eq!(answer.json()["serial_number"], serial.as_str());
        assert!(!answer.json()["temperature_celsius"].is_null(), "the last-known values");
    }
    assert_eq!(sim.starts_of(&serial), 2, "starts of smartctl: one for the sweep, one for all requests");
}

#[test]
fn many_requests_for_a_drive_cause_one_reading() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    assert_eq!(sim.starts_of(&serial), 1, "the reading of the sweep");
    sim.set(&serial, &["latency_ms=1500", "temperature=47"]);
    let (path, port) = (format!("/api/drives/{serial}"), daemon.port);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20).map(|_| scope.spawn(|| ask_once(port, &path))).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    for answer in &answers {
        assert_data(answer, "one of twenty");
        assert_eq!((answer.cache(), &answer.json()["serial_number"]), ("MISS", &serial.as_str().into()));
    }
    let fresh: Vec<&Response> = answers.iter().filter(|answer| answer.source() == "smartctl").collect();
    assert!(!fresh.is_empty());
    for answer in fresh {
        assert_eq!(answer.json()["temperature_celsius"], 47, "a client that waited has the new reading");
    }
    assert_eq!(sim.starts_of(&serial), 2, "one reading for all twenty");

    // Requests read a drive at most once in 10 s.
    sim.set(&serial, &["latency_ms="]);
    wait_until("a request has the drive read again", || {
        assert_eq!(daemon.json(&path)["temperature_celsius"], 47);
        sim.starts_of(&serial) == 3
    });
    let started: Vec<u64> = sim.runs().iter().filter(|run| run.serial == serial).map(|run| run.started_ms).collect();
    // The simulator logs the start a little later than the daemon.
    assert!(started[2] - started[1] > 9_000, "{started:?}");
}

#[test]
fn connections_that_are_reset_do_no_harm() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let before = daemon.logged("WARN");
    let request = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3);
    for round in 0..300 {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).expect("the daemon accepts");
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("the connection is reset when it is closed");
        // All of the requests, a part, or nothing.
        let part = [request.len(), 20, 0, request.len() / 3][round % 4];
        let _ = stream.write_all(&request.as_bytes()[..part]);
    }
    // Until the daemon notices that they are closed, they count as open.
    wait_until("the connections are closed", || daemon.get("/healthz").status == 200);
    for _ in 0..20 {
        assert_data(&daemon.get("/api/overview"), "after the resets");
    }
    let warnings = daemon.logged("WARN") + daemon.logged("ERROR") - before;
    assert!(warnings <= 1, "{warnings} warnings: {}", daemon.log());
}

/// The name as it is shown: without control characters, and at most `most` characters of it.
fn shown(name: &str, most: usize) -> String {
    name.chars().filter(|character| !character.is_control()).take(most).collect()
}

/// A critical drive has this model. For SAS drives, the vendor is in front of it.
fn is_shown(overview: &Value, name: &str) -> bool {
    let name = shown(name, 200);
    drives(overview).any(|drive| {
        let model = text(&drive["model_name"]);
        model.ends_with(name.trim()) && model.len() < 300 && drive["verdict"] == "crit"
    })
}

#[test]
fn hostile_names_remain_text() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let all = sim.list();
    let names: Vec<&str> = all.iter().map(|drive| drive["serial"].as_str().expect("serial")).collect();
    let long = "L".repeat(10_000);
    let hostile = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}\nERROR forged line\r\n2026-01-01T00:00:00Z ERROR forged",
        "\"},{\"verdict\":\"ok\",\\\"<script>alert(1)</script>&amp;'\u{2028}\u{9b}31m",
        &long,
        "%s%n ../../etc/passwd \u{202e}\u{0085}é漢",
    ];
    for (serial, name) in names.iter().zip(hostile) {
        sim.set(serial, &[&format!("model={name}"), &format!("serial=S{name}"), "failed=true"]);
    }
    let daemon = Daemon::ready(&sim, &redis, &[("RUST_LOG", "debug"), ("SMART_POLL_INTERVAL", "1")]);
    let response = daemon.get("/api/overview");
    assert!(response.body.iter().all(|byte| *byte >= 0x20), "control characters are escaped in JSON");
    for name in hostile {
        assert!(is_shown(&response.json(), name), "{:.60} is not shown", name.escape_debug().to_string());
    }
    for (listed, name) in all.iter().zip(hostile) {
        let path = format!("/api/drives/{}", listed["devices"][0].as_str().expect("device"));
        let response = daemon.get(&path);
        assert!(response.body.iter().all(|byte| *byte >= 0x20), "{path}");
        assert_eq!(response.json()["serial_number"], shown(&format!("S{name}"), 256).trim(), "{path}");
        let own = response.json()["smartctl"].clone();
        let model = if own["model_name"].is_string() { &own["model_name"] } else { &own["scsi_model_name"] };
        assert!(text(model).ends_with(name), "{path}: the model in smartctl's JSON is unchanged: {model}");
    }
    // Hostile text in place of JSON.
    sim.set(names[0], &["junk=\u{1b}[31mforged\r\nERROR forged"]);
    daemon.overview_when("the output is reported", |overview| {
        drives(overview).any(|drive| text(&drive["error"]).contains("no JSON"))
    });
    daemon.after_sweeps(1);
    for line in daemon.log().lines() {
        assert!(line.starts_with("20") && line.contains("Z "), "not a line of the daemon: {line:.200}");
        assert!(!line.chars().any(char::is_control), "{:.200}", line.escape_debug().to_string());
    }
    assert!(daemon.logged("drive crit") >= 4, "an event for each drive");

    let ended = run(command(&sim, redis.port).arg("scan"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        !ended.stdout.chars().any(|character| character.is_control() && character != '\n'),
        "control characters in the output of scan"
    );
    assert!(ended.stdout.lines().all(|line| !line.starts_with("ERROR")), "a forged line");
    let json = run(command(&sim, redis.port).args(["scan", "--json"]));
    let overview: Value = serde_json::from_str(&json.stdout).expect("scan --json gives JSON");
    assert!(is_shown(&overview, hostile[1]));
}

/// Invalid bytes are replaced by U+FFFD.
#[test]
fn a_name_that_is_not_utf_8_is_shown() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let smartctl = sim.script(
        "odd-smartctl",
        "#!/bin/sh\nprintf '{\"smartctl\":{\"version\":[7,4],\"exit_status\":0},\"device\":{\"type\":\"scsi\",\"protocol\":\"SCSI\"},\
         \"serial_number\":\"A\\377B\",\"model_name\":\"M\\303\\050\",\"temperature\":{\"current\":31},\"smart_status\":{\"passed\":true}}'\n",
    );
    let smartctl = smartctl.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &redis, &[("SMARTCTL_PATH", &smartctl)]);
    let overview = daemon.json("/api/overview");
    let sas = drives(&overview).find(|drive| drive["protocol"] == "SCSI").expect("a SAS drive");
    assert_eq!((&sas["serial_number"], &sas["model_name"]), (&"A\u{fffd}B".into(), &"M\u{fffd}(".into()));
    assert_eq!(sas["temperature_celsius"], 31);
}
