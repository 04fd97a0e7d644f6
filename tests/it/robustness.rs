//! What the daemon says over HTTP, to clients that behave and to those that do not.

use crate::support;
use crate::wait::wait_until;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::daemon::{Daemon, command, run};
use support::eventually;
use support::http::{Client, Response};
use support::json::drive;
use support::redis::Redis;
use support::sim::Sim;

/// Paths that answer 200 with data, besides those of single drives and shelves.
const DATA: [&str; 5] = ["/api/overview", "/api/drives", "/api/drives?verdict=ok", "/api/enclosures", "/api/zfs"];

#[track_caller]
fn assert_always(response: &Response, what: &str) {
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
    assert!(response.headers.keys().all(|name| !name.starts_with("access-control-")), "{what}: no CORS");
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
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{what}: a strong tag, not {tag}");
    assert!(!response.body.is_empty());
    response.json();
}

#[track_caller]
fn assert_problem(response: &Response, status: u16, what: &str) {
    assert_eq!(response.status, status, "{what}: {}", response.text());
    assert_eq!(response.header("content-type"), "application/problem+json", "{what}");
    assert_always(response, what);
    if response.body.is_empty() {
        return;
    }
    let body = response.json();
    assert_eq!(body["status"], status, "{what}");
    for field in ["type", "title", "detail"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: {field} in {body}");
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
            let response = client.request("GET", path, &[]).expect("an answer");
            assert_data(&response, &what);
            assert_always(&response, &what);
            assert_eq!(response.header("connection"), "", "{what}: kept open, which goes without saying");
        }
        for (path, status) in [("/", 200), ("/healthz", 200), ("/readyz", 200), ("/nowhere", 404)] {
            let response = client.request("GET", path, &[]).expect("an answer");
            assert_eq!(response.status, status, "{path}");
            assert_always(&response, path);
        }
    }
}

#[test]
fn an_unchanged_answer_is_not_sent_again() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    let mut client = Client::connect(daemon.port).expect("a connection");
    let one_drive = format!("/api/drives/{serial}");
    for path in DATA.into_iter().chain([one_drive.as_str()]) {
        // The lists are made anew now and then: all of it within one life of the body.
        let mut ask = |form: &dyn Fn(&str) -> String| {
            eventually("the same body twice", || {
                let whole = client.request("GET", path, &[])?;
                let tag = whole.header("etag").to_owned();
                let again = client.request("GET", path, &[("If-None-Match", &form(&tag))])?;
                (again.header("etag") == tag).then_some((whole, again))
            })
        };
        for form in [
            &(|tag: &str| tag.to_owned()) as &dyn Fn(&str) -> String,
            &|tag| format!("W/{tag}"),
            &|tag| format!("\"other\", {tag}"),
            &|tag| format!("\"other\",W/\"another\" , W/{tag}"),
            &|_| "*".to_owned(),
        ] {
            let (whole, again) = ask(form);
            let what = format!("{path} {}", form("TAG"));
            assert_eq!((again.status, again.body.len()), (304, 0), "{what}");
            assert_always(&again, &what);
            for name in ["etag", "last-modified", "cache-control"] {
                assert_eq!(again.header(name), whole.header(name), "{what}: {name}");
            }
        }
        for form in [&(|_: &str| "\"other\"".to_owned()) as &dyn Fn(&str) -> String, &|_| String::new(), &|tag| {
            tag.trim_matches('"').to_owned()
        }] {
            let (_, again) = ask(form);
            assert_eq!(again.status, 200, "{path} {}", form("TAG"));
            assert_data(&again, path);
        }
    }
}

#[test]
fn a_changed_rack_changes_the_tag() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    let before = daemon.get("/api/overview");
    sim.pull(&[&serial]);
    daemon.overview_when("the drive is missing", |overview| drive(overview, &serial)["state"] == "missing");
    let after = daemon.request("GET", "/api/overview", &[("If-None-Match", before.header("etag"))]);
    assert_eq!(after.status, 200, "what the client has is not this");
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(drive(&after.json(), &serial)["state"], "missing");
}

#[test]
fn head_says_what_get_says_without_the_body() {
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
        let (get, head) = eventually("both of one body", || {
            let get = client.request("GET", &path, &[])?;
            let head = client.request("HEAD", &path, &[])?;
            (get.header("etag") == head.header("etag")).then_some((get, head))
        });
        assert_eq!((get.status, head.body.len()), (head.status, 0), "{path}");
        let names = |response: &Response| {
            let mut all: Vec<String> = response.headers.keys().cloned().collect();
            all.sort();
            all
        };
        assert_eq!(names(&get), names(&head), "{path}");
        for (name, value) in &get.headers {
            let moves_on = ["date", "age"].contains(&name.as_str());
            assert!(moves_on || head.header(name) == value, "{path}: {name}");
        }
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
    }
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
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
    // Nothing of the path comes back as markup or as a second line.
    let sent = daemon.get("/api/drives?%3Cscript%3E%0aX=1");
    assert_problem(&sent, 400, "markup in a parameter");
    assert!(!sent.text().trim_end().contains('\n'));
}

#[test]
fn only_reading_is_offered() {
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
    let response = client.raw(post.as_bytes(), false).expect("an answer");
    assert_problem(&response, 405, "POST with a body");
}

/// A body never becomes the next request of its connection.
#[test]
fn a_body_is_refused_and_never_read_as_a_request() {
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
            let response = client.raw(request.as_bytes(), method == "HEAD").expect("an answer");
            if method == "POST" {
                assert!([400, 405].contains(&response.status), "{what}: {}", response.status);
            } else {
                assert_problem(&response, 400, &what);
            }
            // Either the connection ends here, or the next answer is that to the next request.
            match client.request("GET", "/nowhere", &[]) {
                Some(next) => assert_eq!(next.status, 404, "{what}: {}", next.text()),
                None => assert_eq!(response.header("connection"), "close", "{what}: the end is announced"),
            }
        }
    }
    let empty = daemon.request("GET", "/healthz", &[("Content-Length", "0")]);
    assert_eq!(empty.status, 200, "a body of no length is none");
}

#[test]
fn before_the_first_sweep_is_whole_clients_are_told_when_to_come_back() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    sim.set("all", &["hang=true"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    let response = daemon.get("/readyz");
    assert_problem(&response, 503, "not ready");
    assert!(response.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{response:?}");
    assert_eq!(daemon.get("/healthz").status, 200);
    assert_data(&daemon.get("/api/overview"), "the bays are there");
}

#[test]
fn who_has_no_token_is_not_let_in() {
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
    // A browser cannot send it with the files of the page, which hold no data; for those who may come here at all.
    for path in ["/", "/page.css", "/page.js", "/icon.svg"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(daemon.request(method, path, &[]).status, 200, "{method} {path}");
        }
        assert_problem(&daemon.request("POST", path, &[]), 401, path);
        let stranger = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        let mut client = Client::connect(daemon.port).expect("a connection");
        assert_eq!(client.raw(stranger.as_bytes(), false).map(|response| response.status), Some(421), "{path}");
    }
    assert_eq!(daemon.logged("s3cret"), 0, "no token in the log");
}

fn host_lines(hosts: &[&str]) -> String {
    let lines: Vec<String> = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    lines.concat()
}

#[test]
fn only_known_host_names_are_served() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::start(&sim, &redis, &[("JBOD_ALLOWED_HOSTS", "rack.example, nas2")]);
    let mut client = Client::connect(daemon.port).expect("a connection");
    let mut ask = |hosts: &[&str]| {
        let hosts = host_lines(hosts);
        client.raw(format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n").as_bytes(), false).expect("an answer")
    };
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
        // An address cannot be rebound by DNS.
        "192.0.2.5:9780",
        "127.0.0.2",
        "[2001:db8::5]:9780",
    ] {
        assert_eq!(ask(&[host]).status, 200, "{host}");
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
        let response = ask(&[host]);
        assert_problem(&response, 421, host);
    }
    for hosts in [&[][..], &["localhost", "localhost"], &["localhost", "evil.example"]] {
        let mut client = Client::connect(daemon.port).expect("a connection");
        let lines = host_lines(hosts);
        let response =
            client.raw(format!("GET /healthz HTTP/1.1\r\n{lines}\r\n").as_bytes(), false).expect("an answer");
        assert_problem(&response, 400, &format!("{hosts:?}"));
    }
}

#[test]
fn connections_end_when_they_should_and_say_so() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let ask = |client: &mut Client, version: &str, more: &str| {
        let host = if version == "1.1" { "Host: localhost\r\n" } else { "" };
        client.raw(format!("GET /api/overview HTTP/{version}\r\n{host}{more}\r\n").as_bytes(), false)
    };
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
        let first = ask(&mut client, version, more).expect("an answer");
        assert_data(&first, &what);
        let said = first.header("connection").to_ascii_lowercase();
        match (version, kept) {
            (_, false) => assert_eq!(said, "close", "{what}"),
            ("1.0", true) => assert_eq!(said, "keep-alive", "{what}"),
            _ => assert_ne!(said, "close", "{what}"),
        }
        let second = ask(&mut client, version, more);
        assert_eq!(second.is_some(), kept, "{what}: kept open or not, as it said");
    }
    for junk in [
        &b"\r\n\r\n"[..],
        b"GARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).expect("a connection");
        stream.write_all(junk).expect("it is sent");
        drop(stream);
    }
    assert_eq!(daemon.get("/healthz").status, 200, "and it goes on");
}

#[test]
fn other_versions_of_http_are_refused_at_once() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(8))).expect("a limit");
    stream.write_all(b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n").expect("it is sent");
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    assert!(read.is_ok() && line.starts_with("HTTP/1.1 505 "), "{read:?} {line:?}");
}

#[test]
fn a_head_that_is_too_long_or_no_request_is_told_so() {
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
        let response = client.raw(request.as_bytes(), false).unwrap_or_else(|| panic!("{what}: no answer"));
        assert_problem(&response, status, what);
        assert_eq!(response.header("connection"), "close", "{what}");
        assert!(client.request("GET", "/healthz", &[]).is_none(), "{what}: the connection ends");
    }
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn a_head_that_never_ends_is_not_waited_for() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let mut client = Client::connect(daemon.port).expect("a connection");
    let response = client.raw(b"GET /healthz HTTP/1.1\r\nHost: local", false).expect("an answer");
    assert_problem(&response, 408, "half a head");
    assert!(client.request("GET", "/healthz", &[]).is_none(), "and the connection ends");
}

#[test]
fn more_connections_than_allowed_are_turned_away_politely() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_MAX_CONNECTIONS", "6")]);
    // Those of the waiting for readiness may still be ending.
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
    let response = one_more.request("GET", "/healthz", &[]).expect("an answer");
    assert_problem(&response, 503, "one too many");
    assert!(response.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{response:?}");
    assert_eq!(response.header("connection"), "close");
    for client in &mut kept {
        assert_eq!(
            client.request("GET", "/healthz", &[]).map(|response| response.status),
            Some(200),
            "those that are in stay in"
        );
    }
    drop(kept);
    wait_until("there is room again", || daemon.get("/healthz").status == 200);
}

/// A client that waits for a drive that hangs keeps nobody from the overview.
#[test]
fn requests_for_a_hanging_drive_starve_nobody() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    sim.set(&serial, &["hang=true"]);
    let (waiting, port) = (AtomicBool::new(true), daemon.port);
    let (answers, overviews) = std::thread::scope(|scope| {
        let slow: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(port).expect("a connection");
                    client.request("GET", &format!("/api/drives/{serial}"), &[]).expect("an answer")
                })
            })
            .collect();
        let quick = scope.spawn(|| {
            let (mut client, mut count) = (Client::connect(port).expect("a connection"), 0);
            while waiting.load(Ordering::Acquire) {
                let response = client.request("GET", "/api/overview", &[]).expect("an answer");
                assert_data(&response, "the overview meanwhile");
                assert_eq!((response.cache(), response.source()), ("MISS", "memory"));
                count += 1;
            }
            count
        });
        let answers: Vec<Response> = slow.into_iter().map(|thread| thread.join().expect("a client")).collect();
        waiting.store(false, Ordering::Release);
        (answers, quick.join().expect("a client"))
    });
    assert!(overviews > 30, "only {overviews} answers while others waited for a drive");
    for answer in answers {
        assert_data(&answer, "the drive that hangs");
        assert_eq!(answer.json()["serial_number"], serial.as_str());
        assert!(!answer.json()["temperature_celsius"].is_null(), "its last values");
    }
    assert_eq!(sim.starts_of(&serial), 2, "one for the sweep, one for all that asked");
}

#[test]
fn many_requests_for_a_drive_are_one_read() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    assert_eq!(sim.starts_of(&serial), 1, "the sweep's own");
    sim.set(&serial, &["latency_ms=1500", "temperature=47"]);
    let (path, port) = (format!("/api/drives/{serial}"), daemon.port);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let ask = || Client::connect(port).expect("a connection").request("GET", &path, &[]).expect("an answer");
        let clients: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    for answer in &answers {
        assert_data(answer, "one of twenty");
        assert_eq!((answer.cache(), &answer.json()["serial_number"]), ("MISS", &serial.as_str().into()));
    }
    let fresh: Vec<&Response> = answers.iter().filter(|answer| answer.source() == "smartctl").collect();
    assert!(!fresh.is_empty());
    for answer in fresh {
        assert_eq!(answer.json()["temperature_celsius"], 47, "who waited has the new reading");
    }
    assert_eq!(sim.starts_of(&serial), 2, "one read for all twenty");

    // And for requests no more than one in 10 s.
    sim.set(&serial, &["latency_ms="]);
    wait_until("it is read again for a request", || {
        assert_eq!(daemon.json(&path)["temperature_celsius"], 47);
        sim.starts_of(&serial) == 3
    });
    let started: Vec<u64> = sim.runs().iter().filter(|run| run.serial == serial).map(|run| run.started_ms).collect();
    // What the simulator writes down is a little later than what the daemon counts from.
    assert!(started[2] - started[1] > 9_000, "{started:?}");
}

#[test]
fn clients_that_reset_do_no_harm() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let before = daemon.logged("WARN");
    let request = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3);
    for round in 0..300 {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).expect("the daemon accepts");
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a reset at the end");
        // Whole, in part, or nothing at all.
        let part = [request.len(), 20, 0, request.len() / 3][round % 4];
        let _ = stream.write_all(&request.as_bytes()[..part]);
    }
    // Until it has seen that they are gone, they count among the connections it allows.
    wait_until("they are forgotten", || daemon.get("/healthz").status == 200);
    for _ in 0..20 {
        assert_data(&daemon.get("/api/overview"), "after the resets");
    }
    let warnings = daemon.logged("WARN") + daemon.logged("ERROR") - before;
    assert!(warnings <= 1, "{warnings} warnings: {}", daemon.log());
}

/// What a drive calls itself reaches people as text and nothing else.
#[test]
fn hostile_names_stay_text() {
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
    // A name is shown without control characters, and no more of it than anybody reads.
    let shown = |name: &str, most: usize| -> String {
        name.chars().filter(|character| !character.is_control()).take(most).collect()
    };
    let is_shown = |overview: &Value, name: &str| {
        let name = shown(name, 200);
        support::json::drives(overview).any(|drive| {
            // SAS drives: vendor and product in one.
            drive["model_name"].as_str().is_some_and(|model| model.ends_with(name.trim()) && model.len() < 300)
                && drive["verdict"] == "crit"
        })
    };
    let response = daemon.get("/api/overview");
    assert!(response.body.iter().all(|byte| *byte >= 0x20), "control characters are escaped in JSON");
    for name in hostile {
        assert!(is_shown(&response.json(), name), "{:.60} is shown", name.escape_debug().to_string());
    }
    for (listed, name) in all.iter().zip(hostile) {
        let path = format!("/api/drives/{}", listed["devices"][0].as_str().expect("device"));
        let response = daemon.get(&path);
        assert!(response.body.iter().all(|byte| *byte >= 0x20), "{path}");
        assert_eq!(response.json()["serial_number"], shown(&format!("S{name}"), 256).trim(), "{path}");
        let own = response.json()["smartctl"].clone();
        let own = ["model_name", "scsi_model_name"].iter().find_map(|field| own[field].as_str().map(str::to_owned));
        assert!(own.is_some_and(|model| model.ends_with(name)), "{path}: smartctl's own word");
    }
    // Then they talk nonsense as well.
    sim.set(names[0], &["junk=\u{1b}[31mforged\r\nERROR forged"]);
    daemon.overview_when("the nonsense is told of", |overview| {
        support::json::drives(overview)
            .any(|drive| drive["error"].as_str().is_some_and(|error| error.contains("no JSON")))
    });
    daemon.after_sweeps(1);
    for line in daemon.log().lines() {
        assert!(line.starts_with("20") && line.contains("Z "), "a line of its own: {line:.200}");
        assert!(!line.chars().any(char::is_control), "{:.200}", line.escape_debug().to_string());
    }
    assert!(daemon.logged("drive crit") >= 4, "each is told of");

    let ended = run(command(&sim, redis.port).arg("scan"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        !ended.stdout.chars().any(|character| character.is_control() && character != '\n'),
        "no control characters on a terminal"
    );
    assert!(ended.stdout.lines().all(|line| !line.starts_with("ERROR")), "no forged line");
    let json = run(command(&sim, redis.port).args(["scan", "--json"]));
    let overview: Value = serde_json::from_str(&json.stdout).expect("scan --json gives JSON");
    assert!(is_shown(&overview, hostile[1]));
}

/// Bytes that are no text cost characters, not the drive.
#[test]
fn a_name_that_is_no_text_is_shown_all_the_same() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let smartctl = sim.script(
        "odd-smartctl",
        "#!/bin/sh\nprintf '{\"smartctl\":{\"version\":[7,4],\"exit_status\":0},\"device\":{\"type\":\"scsi\",\"protocol\":\"SCSI\"},\
         \"serial_number\":\"A\\377B\",\"model_name\":\"M\\303\\050\",\"temperature\":{\"current\":31},\"smart_status\":{\"passed\":true}}'\n",
    );
    let smartctl = smartctl.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &redis, &[("SMARTCTL_PATH", &smartctl)]);
    let overview = daemon.json("/api/overview");
    let sas = support::json::drives(&overview).find(|drive| drive["protocol"] == "SCSI").expect("a SAS drive");
    assert_eq!((&sas["serial_number"], &sas["model_name"]), (&"A\u{fffd}B".into(), &"M\u{fffd}(".into()));
    assert_eq!(sas["temperature_celsius"], 31);
}
