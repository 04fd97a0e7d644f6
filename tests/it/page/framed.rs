//! The content security policy: no other site can show the page in a frame, and the page works under it.

use super::browser;
use super::support::daemon::Daemon;
use super::support::fake_redis::FakeRedis;
use super::support::redis::Redis;
use super::support::sim::Sim;
use super::url;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// Serves one request of another site: at `/plain` a page without a policy, elsewhere a page with a frame for `framed`.
fn answer(mut stream: TcpStream, framed: &str) {
    let mut line = String::new();
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle"));
    let _ = lines.read_line(&mut line);
    let body = if line.starts_with("GET /plain ") {
        "<h1>A plain page</h1>".to_owned()
    } else {
        format!("<h1>Another site</h1><iframe src='{framed}' width='800' height='500'></iframe>")
    };
    while line.trim() != "" {
        line.clear();
        if lines.read_line(&mut line).is_err() {
            return;
        }
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", body.len());
    let _ = write!(stream, "{head}Connection: close\r\n\r\n{body}");
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn no_other_site_can_show_the_page_in_a_frame() {
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &super::STILL);
    for path in ["", "page.css", "page.js", "icon.svg", "api/map.txt", "api/overview"] {
        let framed = url(&daemon, path);
        let site = FakeRedis::at(0, move |stream| answer(stream, &framed));
        browser.open(&format!("http://localhost:{}/", site.port), json!({}));
        let refused = browser.run(
            "await see('Another site');
            const [failed] = await Promise.all([page.waitForEvent('requestfailed'), page.reload()]);
            return [failed.url(), failed.failure().errorText];",
        );
        assert_eq!(refused, json!([url(&daemon, path), "net::ERR_BLOCKED_BY_RESPONSE"]));
        browser.nothing_else_happened(&["frame-ancestors 'none'", "a request to http://127.0.0.1", "chrome-error"]);
    }
    // A page without the policy is shown in a frame.
    let site = FakeRedis::at(0, |stream| {
        let own = stream.local_addr().expect("its address");
        answer(stream, &format!("http://{own}/plain"));
    });
    browser.open(&format!("http://localhost:{}/", site.port), json!({}));
    browser.run("await page.frameLocator('iframe').getByText('A plain page').waitFor()");
    browser.nothing_else_happened(&["a request to http://127.0.0.1", "favicon.ico", "404"]);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn the_page_works_under_its_policy() {
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::small(), Redis::start());
    let file = sim.root().join("token");
    std::fs::write(&file, "s3cret-token\n").expect("a token file");
    let token = file.to_string_lossy().into_owned();
    let settings = [super::STILL.as_slice(), &[("JBOD_TOKEN_FILE", &token)]].concat();
    let daemon = Daemon::start(&sim, &redis, &settings);
    // The form by its button and by Enter, the dialog of a drive, the clipboard, the bay sheet.
    browser.open(&url(&daemon, ""), json!({}));
    browser.run(
        "await see('Token required');
        await page.getByRole('textbox', { name: 'Token' }).fill('s3cret-token');
        await page.getByRole('button', { name: 'Continue' }).click();
        await see('No problems: 4 drives are healthy');
        await page.getByRole('button', { name: 'Sign out' }).click();
        await see('Token required');
        await page.getByRole('textbox', { name: 'Token' }).fill('s3cret-token');
        await press('Enter');
        await see('No problems: 4 drives are healthy');
        await bay(/^Bay 0, /).click();
        await see('No problems.');
        await page.getByRole('button', { name: /Copy serial number/ }).click();
        await see('Copied serial number');
        await press('Escape');
        await page.emulateMedia({ media: 'print' });
        await page.getByRole('heading', { name: 'Bays of nas1' }).waitFor();",
    );
    // What the policy forbids is refused in the page, too.
    let refused = browser.run(
        "return await page.evaluate(async () => {
            const refused = [];
            addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective));
            const form = Object.assign(document.createElement('form'), { action: 'http://localhost:1/', method: 'post' });
            const base = Object.assign(document.createElement('base'), { href: 'http://localhost:1/' });
            document.body.append(form);
            document.head.append(base);
            form.submit();
            while (refused.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
            return refused.sort();
        })",
    );
    assert_eq!(refused, json!(["base-uri", "form-action"]));
    browser.nothing_else_happened(&["Failed to load resource", "base-uri", "form-action"]);
}
