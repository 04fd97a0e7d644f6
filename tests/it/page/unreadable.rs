//! Responses of unexpected shapes: an unreadable value is marked in its place, and everything else is drawn.

use super::support::daemon::Daemon;
use super::support::fake_redis::FakeRedis;
use super::support::json::{list, text};
use super::support::redis::Redis;
use super::support::sim::Sim;
use super::{STILL, browser, url};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// The seed of the batches with many unreadable values at once.
const SEED: u32 = 1;
/// The page warns of unreadable values in the console, which is not an error.
const WARNING: &str = "warning: unreadable: ";

/// The block device of the first drive with this protocol.
#[track_caller]
fn device_with(daemon: &Daemon, protocol: &str) -> String {
    let body = daemon.json("/api/drives");
    let drive = list(&body, "drives").find(|drive| drive["protocol"] == protocol);
    text(&drive.unwrap_or_else(|| panic!("no {protocol} drive"))["device"]).to_owned()
}

/// Two shelves with a drive of each kind, one of them failing, a drive that is not in a bay, a pool with a running scrub, and
/// Redis unavailable.
fn mixed_host() -> (Sim, Redis, Daemon, Vec<String>) {
    let options = "--enclosures 2 --bays 4 --drives 6 --sata 3 --nvme 1 --paths 2 --pools 1 --vdev-width 2";
    let sim = Sim::host(&options.split(' ').collect::<Vec<_>>());
    let mut redis = Redis::start();
    sim.set("bay/0/0", &["failed=true", "self_test_result=7"]);
    sim.set("bay/1/1", &["locate=1"]);
    sim.set("pool/tank", &["scan=scrubbing", "progress=42.5"]);
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    let devices = ["ATA", "SCSI", "NVMe"].map(|protocol| device_with(&daemon, protocol)).to_vec();
    redis.kill();
    daemon.wait_logged("redis unavailable");
    (sim, redis, daemon, devices)
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn an_unreadable_value_changes_only_its_own_part_of_the_page() {
    let mut browser = browser::acquire();
    let (_sim, _redis, daemon, devices) = mixed_host();
    browser.open(&url(&daemon, ""), json!({}));
    let given = json!({ "seed": SEED, "devices": devices });
    browser.run(&format!(
        "await see(/is critical/);
        await page.evaluate((given) => (globalThis.given = {{ ...given, fetch: globalThis.fetch.bind(globalThis) }}), {given});"
    ));
    let report = browser.run(&format!("return await page.evaluate({})", json!(include_str!("unreadable.js"))));
    assert_eq!(report["problems"], json!([]), "{report:#}");
    assert!(report["rounds"].as_u64() > Some(1000), "{}", report["rounds"]);
    eprintln!("{} rounds in {} ms", report["rounds"], report["milliseconds"]);
    browser.nothing_else_happened(&[WARNING]);
}

/// Scripts that change a response of the daemon before the page receives it: `change('/api/overview', 'it.pools = {}')`.
const CHANGE: &str = "
    let tags = 0;
    globalThis.intercept = async (path, edit) => {
        await page.unrouteAll({ behavior: 'wait' });
        await page.route(`**${path}`, async (route) => {
            const headers = { ...route.request().headers() };
            delete headers['if-none-match'];
            const response = await route.fetch({ headers }).catch(() => null);
            // The daemon has been stopped at the end of the test.
            if (!response) return route.abort();
            const it = await response.json();
            const changed = new Function('it', `${edit}; return it;`)(it);
            tags += 1;
            await route.fulfill({ response, headers: { ...response.headers(), etag: `\"changed-${tags}\"` }, json: changed });
        });
    };
    globalThis.change = async (path, edit) => {
        await intercept(path, edit);
        const answered = page.waitForResponse((response) => response.url().includes(path));
        await page.getByRole('button', { name: 'Refresh', includeHidden: true }).dispatchEvent('click');
        await answered;
    };
    globalThis.says = (place, words) => until(async () => (await page.locator(place).first().textContent()).includes(words));";

#[test]
#[ignore = "needs chromium, node and npm"]
fn unreadable_values_are_marked_in_their_place() {
    let mut browser = browser::acquire();
    let (_sim, _redis, daemon, devices) = mixed_host();
    browser.open(&url(&daemon, ""), json!({}));
    browser.run("await see(/is critical/)");
    browser.run(CHANGE);
    let first = "const shelf = it.enclosures[0]; const slot = shelf.slots.find((slot) => slot.drive);";
    for (edit, texts) in [
        (
            "it.pools = {}",
            &[("#pools", "Pools unreadable"), ("#status", "The pools are unreadable"), ("#status", "is critical")][..],
        ),
        ("it.pools[0].scan = 7", &[("#pools", "tank"), ("#pools", "scan unreadable")]),
        ("it.pools[0].activities = 7", &[("#pools", "tank"), ("#pools", "activities unreadable")]),
        ("delete it.pools[0].activities", &[("#pools", "scrub running, 42.5 %")]),
        ("it.pools[0].state = []", &[("#pools", "tank unreadable"), ("#status", "Pool tank is unreadable")]),
        ("it.host = {}", &[("#host", "unreadable")]),
        ("it.totals = null", &[("#counts", "unreadable drives"), ("#status", "is critical")]),
        ("it.totals.hottest_celsius = {}", &[("#counts", "hottest unreadable")]),
        ("it.sweep = 'x'", &[("#counts", "last sweep took unreadable")]),
        (
            "it.enclosures = 7",
            &[("#shelves", "unreadable"), ("#status", "The shelves are unreadable"), ("#pools", "tank")],
        ),
        (
            "it.unslotted = 'x'",
            &[("#unslotted", "unreadable"), ("#status", "The drives that are not in a bay are unreadable")],
        ),
        ("SHELF shelf.slots = 'x'", &[("#shelves .shelf", "bays unreadable"), ("#status", "its bays are unreadable")]),
        ("SHELF shelf.id = []", &[("#shelves .shelf .id", "unreadable")]),
        ("SHELF shelf.layout = { rows: 1e9, columns: 1e9 }", &[("#shelves .shelf", "of 4 bays occupied")]),
        ("SHELF shelf.layout = { rows: 1, columns: 1 }", &[("#shelves .shelf", "of 4 bays occupied")]),
        (
            "SHELF shelf.slots[shelf.slots.indexOf(slot)] = []",
            &[("#status", "Bay unreadable of shelf 1 is unreadable")],
        ),
        ("SHELF slot.drive = 7", &[("#status", "has no verdict: The drive is unreadable"), ("#chips", "Unknown 1")]),
        ("SHELF slot.drive.verdict = 7; slot.drive.findings = {}", &[("#status", "The verdict is unreadable")]),
        (
            "it.enclosures[1].slots.find((slot) => slot.drive).drive.state = 7",
            &[("#status", "The state is unreadable")],
        ),
    ] {
        let edit = edit.replace("SHELF", first);
        browser.run(&format!("await change('/api/overview', {})", json!(edit)));
        for (place, words) in texts {
            browser.run(&format!("await says({}, {})", json!(place), json!(words)));
        }
    }
    let cold = format!("{first} slot.drive.temperature_celsius = 'x'; slot.drive.model_name = 7;");
    browser.run(&format!("await change('/api/overview', {})", json!(cold)));
    browser.run("await bay(/temperature unreadable/).first().waitFor()");
    browser.run("await change('/api/health', \"it.degraded = 'x'\"); await says('#service', 'The list of degraded components is unreadable.')");
    browser.run("await change('/api/health', 'it = 7'); await says('#service', 'The list of degraded components is unreadable.')");
    browser.run("await change('/api/health', 'it.degraded[0].since = {}'); await says('#service', 'since unreadable')");

    for (device, edit) in [
        (&devices[0], "it.ata.attributes = {}; it.self_test = 7; it.exit_status = []"),
        (&devices[1], "it.scsi.read = 'x'; it.scsi.start_stop_cycles = 7; it.findings = 'x'; it.by_id = 7"),
        (&devices[2], "it.nvme = 'x'; it.smartctl.nvme_self_test_log = { table: {} }; it.collected_at = 'x'"),
    ] {
        let path = format!("/api/drives/{device}");
        browser.run(&format!(
            "await intercept({}, {}); await page.evaluate(() => (location.hash = '#/drive/{device}'));",
            json!(path),
            json!(edit)
        ));
        browser.run(
            "await until(async () => (await page.locator('#drive-body').textContent()).split('unreadable').length > 3);
            await page.getByRole('dialog').getByRole('heading', { name: 'Reading' }).waitFor();
            await page.getByRole('dialog').getByText('smartctl JSON output').waitFor();
            await press('Escape');",
        );
    }
    browser.nothing_else_happened(&[WARNING]);
}

/// smartctl does not print such a log, but Redis may contain one.
#[test]
#[ignore = "needs chromium, node and npm"]
fn an_unreadable_self_test_log_is_marked_alone() {
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    let device = device_with(&daemon, "ATA");
    let key = format!("jbod:smart:{device}");
    let document = redis.get(&key).expect("a document");
    let (before, log) = document.split_once("\"ata_smart_self_test_log\":").expect("the log of self-tests");
    let end = log.find(']').expect("its table");
    let (log, after) = log.split_at(end + 1);
    let unreadable = log.split_once("\"table\":").expect("a table").0.to_owned() + "\"table\":{}";
    redis.set(&key, format!("{before}\"ata_smart_self_test_log\":{unreadable}{after}").as_bytes());
    let served = daemon.json(&format!("/api/drives/{device}"));
    assert_eq!(served["smartctl"]["ata_smart_self_test_log"]["standard"]["table"], json!({}), "it is served as stored");

    browser.open(&url(&daemon, &format!("#/drive/{device}")), json!({}));
    browser.run(
        "const dialog = page.getByRole('dialog');
        await dialog.getByRole('heading', { name: 'Self-test log' }).locator('..').getByText('unreadable').waitFor();
        for (const name of ['Findings', 'Drive', 'Reading', 'ATA attributes', 'Self-tests'])
            await dialog.getByRole('heading', { name, exact: true }).waitFor();
        await dialog.getByRole('row', { name: /Reallocated Sector Ct/ }).waitFor();
        await page.getByText('smartctl JSON output').click();
        await dialog.getByText('\"json_format_version\": [').waitFor();
        await press('Escape');
        await see('No problems: 4 drives are healthy');",
    );
    browser.nothing_else_happened(&[WARNING]);
}

/// What a proxy between the browser and the daemon does with lists.
#[derive(Clone, Copy)]
enum Proxy {
    Forwards,
    /// Sends half of the response, then closes the connection.
    Cuts,
    /// Sends half of the JSON as a complete response.
    Shortens,
    /// Sends a page of its own, as a proxy that requires a login.
    Login,
    Number,
    Null,
}

fn forward(mut client: TcpStream, daemon: u16, mode: Proxy) -> std::io::Result<()> {
    let mut head = String::new();
    let mut lines = BufReader::new(client.try_clone()?);
    while lines.read_line(&mut head)? > 2 {}
    let (line, _) = head.split_once("\r\n").unwrap_or_default();
    let is_list = line.starts_with("GET /api/overview");
    let path = line.split(' ').nth(1).unwrap_or("/");
    let mut answer = Vec::new();
    let mut there = TcpStream::connect(("127.0.0.1", daemon))?;
    write!(there, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    there.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the end of the head");
    let body = answer.split_off(end + 4);
    let half = &body[..body.len() / 2];
    let sent = match mode {
        _ if !is_list => [answer.as_slice(), &body].concat(),
        Proxy::Forwards => [answer.as_slice(), &body].concat(),
        Proxy::Cuts => [answer.as_slice(), half].concat(),
        Proxy::Shortens => response("application/json", half),
        Proxy::Login => response("text/html", b"<!doctype html><title>Log in</title>"),
        Proxy::Number => response("application/json", b"7"),
        Proxy::Null => response("application/json", b"null"),
    };
    client.write_all(&sent)
}

fn response(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    [format!("{head}Connection: close\r\n\r\n").as_bytes(), body].concat()
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn an_incomplete_or_foreign_response_is_an_outage() {
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    let (mode, daemon_port) = (Arc::new(Mutex::new(Proxy::Forwards)), daemon.port);
    let proxy_mode = Arc::clone(&mode);
    let proxy = FakeRedis::at(0, move |client| {
        let mode = *proxy_mode.lock().expect("the mode");
        let _ = forward(client, daemon_port, mode);
    });
    browser.open(&format!("http://127.0.0.1:{}/", proxy.port), json!({ "clock": true }));
    browser.run("await see('No problems: 4 drives are healthy')");
    for (what, sentence) in [
        (Proxy::Cuts, "The daemon does not respond (no connection)."),
        (Proxy::Shortens, "The response of the daemon is unreadable."),
        (Proxy::Login, "The response of the daemon is unreadable."),
        (Proxy::Number, "The response of the daemon is unreadable."),
        (Proxy::Null, "The response of the daemon is unreadable."),
    ] {
        *mode.lock().expect("the mode") = what;
        browser.run(&format!(
            "await page.getByRole('button', {{ name: 'Refresh' }}).click();
            await see('{sentence}');
            await see(/Showing data from .*No problems/);
            await until(() => page.getByRole('gridcell').count(), 6);"
        ));
        *mode.lock().expect("the mode") = Proxy::Forwards;
        // The page refreshes by itself.
        browser.run(
            "await until(async () => { await page.clock.fastForward(4000); return page.getByText('No problems: 4 drives are healthy').first().isVisible(); });
            await gone(/Showing data from/);",
        );
    }
    browser.nothing_else_happened(&["Failed to load resource"]);
}

/// A part that cannot be drawn although its values were decoded.
#[test]
#[ignore = "needs chromium, node and npm"]
fn if_a_part_cannot_be_drawn_the_others_are() {
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    browser.open(&url(&daemon, ""), json!({}));
    browser.run("await see('No problems: 4 drives are healthy')");
    browser.run(CHANGE);
    // The counts and the size of a drive are formatted with it.
    browser.run(
        "await page.evaluate(() => {
            globalThis.toFixed = Number.prototype.toFixed;
            Number.prototype.toFixed = () => { throw new Error('out of order'); };
        });
        await change('/api/overview', 'it.totals.capacity_bytes += 1e12');
        await says('#counts', 'unreadable');
        await see('No problems: 4 drives are healthy');
        await until(() => page.getByRole('gridcell').count(), 6);
        await bay(/^Bay 0, /).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('heading', { name: 'Drive', exact: true }).locator('..').getByText('unreadable').waitFor();
        await dialog.getByRole('heading', { name: 'Reading' }).waitFor();
        await see('No problems.');
        await press('Escape');
        await page.evaluate(() => (Number.prototype.toFixed = globalThis.toFixed));
        await change('/api/overview', '');
        await says('#counts', '4 drives');",
    );
    browser.nothing_else_happened(&[
        "warning: unreadable: counts",
        "warning: unreadable: Drive",
        "warning: unreadable: drive-sub",
    ]);
}
