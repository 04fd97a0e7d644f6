//! The page behind a reverse proxy that serves it below a prefix: `location /jbod/ { proxy_pass …/; }` in nginx.

use super::browser;
use super::support::daemon::Daemon;
use super::support::fake_redis::FakeRedis;
use super::support::json::text;
use super::support::redis::Redis;
use super::support::sim::Sim;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const PREFIX: &str = "/jbod";

/// Forwards one request without the prefix and with `Host: localhost`; responds with 404 outside the prefix.
fn proxy(mut stream: TcpStream, daemon: u16) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let Some((first, fields)) = head.split_first() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default();
    let Some(inner) = path.strip_prefix(PREFIX).filter(|inner| inner.starts_with('/')) else {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let mut request = format!("GET {inner} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for field in fields {
        let name = field.split(':').next().unwrap_or_default();
        if !name.eq_ignore_ascii_case("host") && !name.eq_ignore_ascii_case("connection") {
            request += &format!("{field}\r\n");
        }
    }
    request += "\r\n";
    let mut answer = Vec::new();
    let mut upstream = TcpStream::connect(("127.0.0.1", daemon)).expect("the daemon accepts");
    upstream.write_all(request.as_bytes()).expect("the daemon reads");
    upstream.read_to_end(&mut answer).expect("the daemon answers");
    let _ = stream.write_all(&answer);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn the_page_works_below_a_prefix() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let file = sim.root().join("token");
    std::fs::write(&file, "s3cret-token\n").expect("a token file");
    let token = file.to_string_lossy().into_owned();
    let daemon = Daemon::start(&sim, &redis, &[super::STILL.as_slice(), &[("JBOD_TOKEN_FILE", &token)]].concat());
    let port = daemon.port;
    let front = FakeRedis::at(0, move |stream| proxy(stream, port));
    let base = format!("http://127.0.0.1:{}{PREFIX}/", front.port);
    let mut browser = browser::acquire();
    browser.open(&format!("{base}?utm_source=mail"), json!({}));
    browser.run(
        "await see('Token required');
        await page.getByRole('textbox', { name: 'Token' }).fill('s3cret-token');
        await press('Enter');
        await see('No problems: 4 drives are healthy');
        await bay(/^Bay 0, /).click();
        await see('No problems.');
        await until(async () => page.url().includes('/jbod/') && page.url().includes('#/drive/'));
        await page.reload();
        await see('No problems.');
        await press('Escape');
        await until(async () => !page.url().includes('drive'));",
    );
    // Another daemon behind the same proxy has another token.
    let kept = browser.run("return await page.evaluate(() => Object.keys(localStorage))");
    assert_eq!(kept, json!(["jbod-monitor-token/jbod/"]));
    // Every URL in the page is below the prefix, and exists.
    let named = browser.run(
        "return await page.evaluate(() => [
            ...[...document.querySelectorAll('a[href]:not([href^=\"#\"]), link')].map((element) => element.href),
            ...[...document.scripts].map((script) => script.src),
            ...performance.getEntriesByType('resource').map((entry) => entry.name),
        ])",
    );
    let named: Vec<&str> = named.as_array().expect("a list").iter().map(text).collect();
    for path in ["page.css", "page.js", "icon.svg", "api/overview", "api/health", "api/map.txt", "metrics"] {
        let is_named = named.contains(&format!("{base}{path}").as_str());
        assert_eq!(is_named, path != "metrics", "{path}: {named:#?}");
    }
    for url in named {
        let path = url.strip_prefix(&base).unwrap_or_else(|| panic!("{url} is outside the prefix"));
        let answer = daemon.request("GET", &format!("/{path}"), &[("Authorization", "Bearer s3cret-token")]);
        assert_eq!(answer.status, 200, "{url}");
    }
    // Chromium reports the responses with status 401, before the token was entered.
    browser.nothing_else_happened(&["401"]);
}
