//! Access checks: combinations of `Host`, `Origin`, method and path, of which only the documented ones are served.

use super::wire::{Answer, answers, sent};
use crate::support::daemon::Daemon;
use crate::support::redis::Redis;
use crate::support::sim::Sim;

/// Names of this host, as clients write them.
const KNOWN: [&str; 11] = [
    "localhost",
    "LOCALHOST:80",
    "localhost.:PORT",
    "127.0.0.1",
    "127.0.0.1:PORT",
    "[::1]",
    "[::1]:PORT",
    // DNS rebinding needs a name: a browser sends an address as `Host` only if the user entered it.
    "192.0.2.5:PORT",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
];
/// Names for DNS rebinding, and names that a careless parser takes for known ones.
const FOREIGN: [&str; 16] = [
    "evil.example",
    "evil.example:PORT",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "evil.example#localhost",
    "localhost@evil.example",
    "evil.example:localhost",
    "localhost:PORT:PORT",
    "localhost, evil.example",
    "localhost evil.example",
    "localhost/",
    "127.1",
    "2130706433",
    "0x7f000001",
    "localhost..",
    "",
];
const ORIGINS: [&str; 5] = [
    "",
    "Origin: http://localhost:PORT\r\n",
    "Origin: null\r\n",
    "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n",
    "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n",
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

const OPEN: [&str; 10] = [
    "/",
    "/healthz",
    "/readyz",
    "/api/overview",
    "/api/drives",
    "/api/drives?verdict=ok",
    "/api/enclosures",
    "/api/zfs",
    "/api/map.txt",
    "/%61pi/zfs",
];
const CLOSED: [(&str, u16); 30] = [
    ("/etc/passwd", 404),
    ("/../etc/passwd", 400),
    ("/api/../../etc/passwd", 400),
    ("/api/drives/../../../etc/passwd", 400),
    ("/api/drives/..", 400),
    ("/api/drives/.", 400),
    ("/%2e%2e/etc/passwd", 400),
    ("/%2e%2e%2fetc%2fpasswd", 404),
    ("/.%2e/etc/passwd", 400),
    ("/api/drives/..%2f..%2f..%2fetc%2fpasswd", 404),
    ("/api/drives/%252e%252e%252fetc", 404),
    ("/api/drives/..%5c..%5cetc", 400),
    ("/api/drives/%c0%ae%c0%ae%c0%afetc", 400),
    ("/api/drives/%e0%80%ae", 400),
    ("/api/drives/sda%00.json", 400),
    ("/api/drives//dev/sda", 404),
    ("/api/drives/%2Fdev%2Fsda/", 404),
    ("/api/drives/--set=x", 404),
    ("/api/drives/$(id)", 404),
    ("/api/drives/sda;id", 404),
    ("/api/enclosures/../drives", 400),
    ("/api/enclosures/%2e%2e", 400),
    ("/api/whereis/../../etc", 400),
    ("/api/whereis/%00", 400),
    ("/api//overview", 404),
    ("//api/overview", 404),
    ("/API/overview", 404),
    ("/api/overview%20", 404),
    ("/.git/config", 404),
    ("/api/overview/../../proc/self/environ", 400),
];

struct Requests {
    daemon: Daemon,
    sent: usize,
}

impl Requests {
    /// Sends a request and checks what every response must have or lack.
    fn send(&mut self, method: &str, path: &str, more: &str) -> Answer {
        let text = format!("{method} {path} HTTP/1.1\r\n{more}Connection: close\r\n\r\n");
        let text = text.replace("PORT", &self.daemon.port.to_string());
        self.sent += 1;
        let mut responses = answers(&sent(self.daemon.port, text.as_bytes()));
        assert_eq!(responses.len(), 1, "{text}");
        let answer = responses.remove(0);
        let policy =
            "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
        for line in ["Cross-Origin-Resource-Policy: same-origin", policy] {
            assert!(answer.head.contains(line), "{text}: {}", answer.head);
        }
        let body = String::from_utf8_lossy(&answer.body);
        assert!(answer.status == 200 || !body.contains("serial"), "{text}: {body}");
        assert!(!body.contains("root:"), "{text}: {body}");
        answer
    }
}

#[test]
fn only_listed_hosts_methods_and_paths_are_accepted() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let mut requests = Requests { daemon: Daemon::ready(&sim, &redis, &[]), sent: 0 };
    for host in KNOWN.into_iter().chain(FOREIGN) {
        for origin in ORIGINS {
            for method in METHODS {
                let answer = requests.send(method, "/api/overview", &format!("Host: {host}\r\n{origin}"));
                let expected = match (KNOWN.contains(&host), method) {
                    (false, _) => 421,
                    (true, "GET" | "HEAD") => 200,
                    (true, _) => 405,
                };
                assert_eq!(answer.status, expected, "{method} with Host {host:?} and {origin:?}");
            }
        }
    }
    for (path, status) in OPEN.map(|path| (path, 200)).into_iter().chain(CLOSED) {
        for method in ["GET", "HEAD", "POST"] {
            let status = if method == "POST" && status != 400 { 405 } else { status };
            let found = requests.send(method, path, "Host: localhost\r\n").status;
            // Of two errors, either may be reported.
            assert!(found == status || (method == "POST" && found == 405), "{method} {path}: {found}, not {status}");
            assert_eq!(requests.send(method, path, "Host: evil.example\r\n").status, 421, "{method} {path}");
        }
    }
    assert!(requests.sent > 1000, "{}", requests.sent);
}

/// RFC 9112, 3.2.2: the host in the request line replaces the header.
#[test]
fn the_host_in_the_request_line_takes_precedence() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let mut requests = Requests { daemon: Daemon::ready(&sim, &redis, &[]), sent: 0 };
    for (line, host, status) in [
        ("http://localhost/healthz", "localhost", 200),
        ("http://127.0.0.1:PORT/healthz", "localhost", 200),
        ("http://localhost/healthz", "evil.example", 200),
        ("http://evil.example/healthz", "localhost", 421),
        ("http://evil.example", "localhost", 421),
        ("http://localhost@evil.example/healthz", "localhost", 421),
        ("http://evil.example?/healthz", "localhost", 421),
        ("http://", "localhost", 421),
    ] {
        let answer = requests.send("GET", line, &format!("Host: {host}\r\n"));
        assert_eq!(answer.status, status, "{line} with Host {host}");
    }
}
