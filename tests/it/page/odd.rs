//! Answers of any shape: what is odd says so in its place, and the rest is drawn.

use super::support::daemon::Daemon;
use super::support::fake_redis::FakeRedis;
use super::support::redis::Redis;
use super::support::sim::Sim;
use super::{STILL, browser, url};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The seed of the batches in which many values are odd at once.
const SEED: u32 = 1;
/// What the page says in the console of values that it cannot read, which is no error.
const NOTED: &str = "warning: unreadable: ";

/// Two shelves with a drive of each kind, a failing one, one in no bay, a pool that is being scrubbed, and a Redis that is away.
fn mixed() -> (Sim, Redis, Daemon, Vec<String>) {
    let options = "--enclosures 2 --bays 4 --drives 6 --sata 3 --nvme 1 --paths 2 --pools 1 --vdev-width 2";
    let sim = Sim::host(&options.split(' ').collect::<Vec<_>>());
    let mut redis = Redis::start();
    sim.set("bay/0/0", &["failed=true", "self_test_result=7"]);
    sim.set("bay/1/1", &["locate=1"]);
    sim.set("pool/tank", &["scan=scrubbing", "progress=42.5"]);
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    let drives = daemon.json("/api/drives")["drives"].as_array().expect("drives").clone();
    let of_kind = |protocol: &str| {
        let drive =
            drives.iter().find(|d| d["protocol"] == protocol).unwrap_or_else(|| panic!("a drive of {protocol}"));
        drive["device"].as_str().expect("a device").to_owned()
    };
    let devices = ["ATA", "SCSI", "NVMe"].map(of_kind).to_vec();
    redis.kill();
    daemon.wait_logged("redis unavailable");
    (sim, redis, daemon, devices)
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn answers_of_any_shape_cost_nothing_but_what_is_odd_in_them() {
    let mut browser = browser::turn();
    let (_sim, _redis, daemon, devices) = mixed();
    browser.open(&url(&daemon, ""), json!({}));
    let given = json!({ "seed": SEED, "devices": devices });
    browser.run(&format!(
        "await see(/is critical/);
        await page.evaluate((given) => (globalThis.given = {{ ...given, fetch: globalThis.fetch.bind(globalThis) }}), {given});"
    ));
    let report = browser.run(&format!("return await page.evaluate({})", json!(include_str!("odd.js"))));
    assert_eq!(report["problems"], json!([]), "{report:#}");
    assert!(report["rounds"].as_u64() > Some(1000), "{}", report["rounds"]);
    eprintln!("{} rounds in {} ms", report["rounds"], report["milliseconds"]);
    browser.nothing_else_happened(&[NOTED]);
}

/// Scripts that change what the daemon has answered before the page has it: `change('/api/overview', 'it.pools = {}')`.
const CHANGE: &str = "
    let tags = 0;
    globalThis.intercept = async (path, edit) => {
        await page.unrouteAll({ behavior: 'wait' });
        await page.route(`**${path}`, async (route) => {
            const headers = { ...route.request().headers() };
            delete headers['if-none-match'];
            const response = await route.fetch({ headers }).catch(() => null);
            // The daemon of the test has ended.
            if (!response) return route.abort();
            const it = await response.json();
            const odd = new Function('it', `${edit}; return it;`)(it);
            tags += 1;
            await route.fulfill({ response, headers: { ...response.headers(), etag: `\"odd-${tags}\"` }, json: odd });
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
fn what_is_unreadable_is_said_in_its_place() {
    let mut browser = browser::turn();
    let (_sim, _redis, daemon, devices) = mixed();
    browser.open(&url(&daemon, ""), json!({}));
    browser.run("await see(/is critical/)");
    browser.run(CHANGE);
    let first = "const shelf = it.enclosures[0]; const slot = shelf.slots.find((slot) => slot.drive);";
    for (edit, said) in [
        (
            "it.pools = {}",
            &[("#pools", "Pools unreadable"), ("#say", "The pools are unreadable"), ("#say", "is critical")][..],
        ),
        ("it.pools[0].scan = 7", &[("#pools", "tank"), ("#pools", "scan unreadable")]),
        ("it.pools[0].activities = 7", &[("#pools", "tank"), ("#pools", "activities unreadable")]),
        ("delete it.pools[0].activities", &[("#pools", "scrub running, 42.5 %")]),
        ("it.pools[0].state = []", &[("#pools", "tank unreadable"), ("#say", "Pool tank is unreadable")]),
        ("it.host = {}", &[("#host", "unreadable")]),
        ("it.totals = null", &[("#counts", "unreadable drives"), ("#say", "is critical")]),
        ("it.totals.hottest_celsius = {}", &[("#counts", "hottest unreadable")]),
        ("it.sweep = 'x'", &[("#counts", "last sweep took unreadable")]),
        (
            "it.enclosures = 7",
            &[("#shelves", "unreadable"), ("#say", "The shelves are unreadable"), ("#pools", "tank")],
        ),
        ("it.unslotted = 'x'", &[("#loose", "unreadable"), ("#say", "The drives in no bay are unreadable")]),
        ("SHELF shelf.slots = 'x'", &[("#shelves .shelf", "bays unreadable"), ("#say", "its bays are unreadable")]),
        ("SHELF shelf.id = []", &[("#shelves .shelf .id", "unreadable")]),
        ("SHELF shelf.layout = { rows: 1e9, columns: 1e9 }", &[("#shelves .shelf", "of 4 bays in use")]),
        ("SHELF shelf.layout = { rows: 1, columns: 1 }", &[("#shelves .shelf", "of 4 bays in use")]),
        ("SHELF shelf.slots[shelf.slots.indexOf(slot)] = []", &[("#say", "Bay unreadable of shelf 1 is unreadable")]),
        ("SHELF slot.drive = 7", &[("#say", "has no verdict: The drive is unreadable"), ("#chips", "Unknown 1")]),
        ("SHELF slot.drive.verdict = 7; slot.drive.findings = {}", &[("#say", "The verdict is unreadable")]),
        ("it.enclosures[1].slots.find((slot) => slot.drive).drive.state = 7", &[("#say", "The state is unreadable")]),
    ] {
        let edit = edit.replace("SHELF", first);
        browser.run(&format!("await change('/api/overview', {})", json!(edit)));
        for (place, words) in said {
            browser.run(&format!("await says({}, {})", json!(place), json!(words)));
        }
    }
    let cold = format!("{first} slot.drive.temperature_celsius = 'x'; slot.drive.model_name = 7;");
    browser.run(&format!("await change('/api/overview', {})", json!(cold)));
    browser.run("await bay(/temperature unreadable/).first().waitFor()");
    browser.run("await change('/api/health', \"it.degraded = 'x'\"); await says('#service', 'What does not work is unreadable.')");
    browser.run("await change('/api/health', 'it = 7'); await says('#service', 'What does not work is unreadable.')");
    browser.run("await change('/api/health', 'it.degraded[0].since = {}'); await says('#service', 'since unreadable')");

    for (device, odd) in [
        (&devices[0], "it.ata.attributes = {}; it.self_test = 7; it.exit_status = []"),
        (&devices[1], "it.scsi.read = 'x'; it.scsi.start_stop_cycles = 7; it.findings = 'x'; it.by_id = 7"),
        (&devices[2], "it.nvme = 'x'; it.smartctl.nvme_self_test_log = { table: {} }; it.collected_at = 'x'"),
    ] {
        let path = format!("/api/drives/{device}");
        browser.run(&format!(
            "await intercept({}, {}); await page.evaluate(() => (location.hash = '#/drive/{device}'));",
            json!(path),
            json!(odd)
        ));
        browser.run(
            "await until(async () => (await page.locator('#drive-body').textContent()).split('unreadable').length > 3);
            await page.getByRole('dialog').getByRole('heading', { name: 'Reading' }).waitFor();
            await page.getByRole('dialog').getByText('smartctl’s own JSON').waitFor();
            await press('Escape');",
        );
    }
    browser.nothing_else_happened(&[NOTED]);
}

/// As Redis may hold it: smartctl prints no such log.
#[test]
#[ignore = "needs chromium, node and npm"]
fn an_odd_self_test_log_in_redis_costs_only_the_log() {
    let mut browser = browser::turn();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    let drives = daemon.json("/api/drives");
    let ata =
        drives["drives"].as_array().expect("drives").iter().find(|d| d["protocol"] == "ATA").expect("an ATA drive");
    let device = ata["device"].as_str().expect("a device");
    let key = format!("jbod:smart:{device}");
    let document = redis.get(&key).expect("a document");
    let (before, log) = document.split_once("\"ata_smart_self_test_log\":").expect("the log of self-tests");
    let end = log.find(']').expect("its table");
    let (log, after) = log.split_at(end + 1);
    let odd = log.split_once("\"table\":").expect("a table").0.to_owned() + "\"table\":{}";
    redis.set(&key, format!("{before}\"ata_smart_self_test_log\":{odd}{after}").as_bytes());
    let served = daemon.json(&format!("/api/drives/{device}"));
    assert_eq!(served["smartctl"]["ata_smart_self_test_log"]["standard"]["table"], json!({}), "it is served as stored");

    browser.open(&url(&daemon, &format!("#/drive/{device}")), json!({}));
    browser.run(
        "const dialog = page.getByRole('dialog');
        await dialog.getByRole('heading', { name: 'Log of self-tests' }).locator('..').getByText('unreadable').waitFor();
        for (const name of ['Findings', 'Drive', 'Reading', 'ATA attributes', 'Self-tests'])
            await dialog.getByRole('heading', { name, exact: true }).waitFor();
        await dialog.getByRole('row', { name: /Reallocated Sector Ct/ }).waitFor();
        await page.getByText('smartctl’s own JSON').click();
        await dialog.getByText('\"json_format_version\": [').waitFor();
        await press('Escape');
        await see('All is well: 4 drives are healthy');",
    );
    browser.nothing_else_happened(&[NOTED]);
}

/// What stands between the browser and the daemon.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Between {
    Passes,
    /// Half of the answer, then nothing.
    Cuts,
    /// Half of the JSON, as if it were all.
    Shortens,
    /// A page of its own, as a proxy that wants a login.
    Login,
    Number,
    Null,
}

fn forward(mut client: TcpStream, daemon: u16, mode: u8) -> std::io::Result<()> {
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
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let body = answer.split_off(at);
    let own = |kind: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        [format!("{head}Connection: close\r\n\r\n").as_bytes(), body].concat()
    };
    let half = &body[..body.len() / 2];
    let sent = match mode {
        m if !is_list || m == Between::Passes as u8 => [answer.as_slice(), &body].concat(),
        m if m == Between::Cuts as u8 => [answer.as_slice(), half].concat(),
        m if m == Between::Shortens as u8 => own("application/json", half),
        m if m == Between::Login as u8 => own("text/html", b"<!doctype html><title>Log in</title>"),
        m if m == Between::Number as u8 => own("application/json", b"7"),
        _ => own("application/json", b"null"),
    };
    client.write_all(&sent)
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn an_answer_that_is_cut_off_or_not_the_daemons_is_no_answer() {
    let mut browser = browser::turn();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    let (mode, to) = (Arc::new(AtomicU8::new(0)), daemon.port);
    let now = Arc::clone(&mode);
    let proxy = FakeRedis::at(0, move |client| {
        let _ = forward(client, to, now.load(Ordering::Acquire));
    });
    browser.open(&format!("http://127.0.0.1:{}/", proxy.port), json!({ "clock": true }));
    browser.run("await see('All is well: 4 drives are healthy')");
    for (what, said) in [
        (Between::Cuts, "The daemon does not answer (no connection)."),
        (Between::Shortens, "The answer of the daemon is unreadable."),
        (Between::Login, "The answer of the daemon is unreadable."),
        (Between::Number, "The answer of the daemon is unreadable."),
        (Between::Null, "The answer of the daemon is unreadable."),
    ] {
        mode.store(what as u8, Ordering::Release);
        browser.run(&format!(
            "await page.getByRole('button', {{ name: 'Refresh' }}).click();
            await see('{said}');
            await see(/What is shown is of .*All is well/);
            await until(() => page.getByRole('gridcell').count(), 6);"
        ));
        mode.store(Between::Passes as u8, Ordering::Release);
        // It asks again by itself.
        browser.run(
            "await until(async () => { await page.clock.fastForward(4000); return page.getByText('All is well: 4 drives are healthy').first().isVisible(); });
            await gone(/What is shown is of/);",
        );
    }
    browser.nothing_else_happened(&["Failed to load resource"]);
}

/// The last resort: a part that cannot be drawn although its values have been checked.
#[test]
#[ignore = "needs chromium, node and npm"]
fn a_part_that_cannot_be_drawn_costs_no_other() {
    let mut browser = browser::turn();
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    browser.open(&url(&daemon, ""), json!({}));
    browser.run("await see('All is well: 4 drives are healthy')");
    browser.run(CHANGE);
    // The counts and the size of a drive are written with it.
    browser.run(
        "await page.evaluate(() => {
            globalThis.toFixed = Number.prototype.toFixed;
            Number.prototype.toFixed = () => { throw new Error('out of order'); };
        });
        await change('/api/overview', 'it.totals.capacity_bytes += 1e12');
        await says('#counts', 'unreadable');
        await see('All is well: 4 drives are healthy');
        await until(() => page.getByRole('gridcell').count(), 6);
        await bay(/^Bay 0, /).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('heading', { name: 'Drive', exact: true }).locator('..').getByText('unreadable').waitFor();
        await dialog.getByRole('heading', { name: 'Reading' }).waitFor();
        await see('Nothing is wrong with it.');
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
