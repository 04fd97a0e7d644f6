//! Generates malformed requests: from the grammar of HTTP/1.1, where each part may be an invalid one, and with random
//! damage of some bytes.

use crate::support::rng::Rng;

const METHODS: [&str; 16] = [
    "GET", "GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "", "G\0ET",
    "GET\t", "\u{7f}",
];
const TARGETS: [&str; 28] = [
    "/",
    "/api/overview",
    "/api/drives?verdict=crit",
    "/healthz",
    "/api/drives/sda",
    "*",
    "",
    "api/overview",
    "//",
    "/../../etc/passwd",
    "/api/drives/..%2f..%2fetc%2fpasswd",
    "/api/drives/%2e%2e/%2e%2e",
    "/api/drives/%",
    "/api/drives/%zz",
    "/api/drives/a%00b",
    "/api/drives/a\0b",
    "/api/drives/a\\b",
    "/api/drives/a b",
    "/api/drives/%c0%ae%c0%ae/",
    "/api/drives/\u{e9}",
    "/api/drives?verdict=crit&verdict=ok",
    "/api/drives?%3Cscript%3E=1",
    "/api/whereis/%0d%0aX-Injected:%201",
    "/api/whereis/;rm%20-rf%20~",
    "http://localhost/api/zfs",
    "http://evil.example/",
    "ftp://localhost/",
    "localhost:443",
];
const VERSIONS: [&str; 14] = [
    " HTTP/1.1",
    " HTTP/1.1",
    " HTTP/1.1",
    " HTTP/1.1",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    " HTTP/1.2",
    " HTTP/0.9",
    " HTTP/1.",
    "  HTTP/1.1",
    " http/1.1",
    "",
    " HTTP/1.1 x",
];
const ENDS: [&str; 8] = ["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"];
/// Includes known attacks: huge lengths, two lengths, a length with chunks, spaces before the colon, folded lines.
const FIELDS: [&str; 46] = [
    "Host: localhost",
    "Host: 127.0.0.1:9780",
    "Host : localhost",
    "Host: evil.example",
    "Host:",
    "Host: localhost\0",
    "Host: a, b",
    " Host: localhost",
    "host:localhost",
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: 5000",
    "Content-Length: 107374182400",
    "Content-Length: 9223372036854775807",
    "Content-Length: 18446744073709551615",
    "Content-Length: 18446744073709551616",
    "Content-Length: -1",
    "Content-Length: +5",
    "Content-Length: 0x10",
    "Content-Length: 5, 5",
    "Content-Length : 5",
    "Content-Length: 1e9",
    "Content-Length:",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: gzip, chunked",
    "transfer-encoding: identity",
    "Expect: 100-continue",
    "Upgrade: h2c",
    "Connection: Upgrade, HTTP2-Settings",
    "Connection: close",
    "Connection: keep-alive",
    "Authorization: Bearer \u{ff}",
    "If-None-Match: \"",
    "If-None-Match: W/*,,,\"\",",
    "Accept: ;;,/,q=1",
    "Accept-Encoding: gzip;q=nan",
    "Range: bytes=0-18446744073709551615",
    "no colon",
    ": no name",
    "\u{1b}[31m: red",
    "X-Nul: a\0b",
    " folded",
    "Cookie: a=b; c",
];
const BODIES: [&str; 7] = [
    "hello",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "\0\0\0\0",
    "SM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
];

/// One to three requests, as bytes for one connection.
pub fn requests(rng: &mut Rng) -> Vec<u8> {
    let count = if rng.once_in(4) { 2 + rng.below(2) } else { 1 };
    let mut bytes = (0..count).flat_map(|_| request(rng)).collect();
    if rng.once_in(3) {
        damage(rng, &mut bytes);
    }
    bytes
}

fn request(rng: &mut Rng) -> Vec<u8> {
    if rng.once_in(40) {
        return other_protocol(rng);
    }
    let mut text = String::new();
    text += *rng.one(&METHODS);
    text += if rng.once_in(20) { *rng.one(&["", "\t", "  "]) } else { " " };
    text += *rng.one(&TARGETS);
    if rng.once_in(30) {
        let long = 1 << rng.below(16);
        text += &rng.one(&["a", "%41", "/", "../"]).repeat(long);
    }
    text += *rng.one(&VERSIONS);
    text += *rng.one(&ENDS);
    // Most have a known host, so that the rest is parsed, too.
    if !rng.once_in(5) {
        text += "Host: localhost\r\n";
    }
    for _ in 0..rng.below(5) {
        text += *rng.one(&FIELDS);
        text += *rng.one(&ENDS);
    }
    if rng.once_in(30) {
        let many = 1 << rng.below(13);
        text += &rng.one(&["X: y\r\n", "Content-Length: 0\r\n", "Cookie: a\r\n", "\n"]).repeat(many);
    }
    if !rng.once_in(8) {
        text += *rng.one(&ENDS);
    }
    if rng.once_in(3) {
        text += *rng.one(&BODIES);
    }
    text.into_bytes()
}

/// The start of another protocol.
fn other_protocol(rng: &mut Rng) -> Vec<u8> {
    const OTHERS: [&[u8]; 8] = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"*1\r\n$4\r\nPING\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO localhost\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
        b"GET / \r\n\r\n",
    ];
    rng.one(&OTHERS).to_vec()
}

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(5) {
            0 if at < bytes.len() => bytes[at] = rng.byte(),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, *rng.one(b"\0\r\n \t:\x80\xff%")),
            3 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => {
                let part = bytes[at..].iter().take(1 + rng.below(40)).copied().collect::<Vec<_>>();
                bytes.splice(at..at, part);
            }
        }
    }
}
