//! The page at `/`, in the installed browser: what users do there, and what they see.
//!
//! `cargo test --test it pictures_for_the_readme -- --ignored` takes the screenshots of the documentation.

use crate::support;

mod below_prefix;
mod browser;
mod framed;
mod pools;
mod unreadable;

use browser::BrowserGuard;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use support::daemon::{Daemon, Ended, command, run};
use support::json::text;
use support::port::ReservedPort;
use support::redis::Redis;
use support::sim::Sim;

/// No second sweep starts during a test.
const STILL: [(&str, &str); 2] = [("SMART_POLL_INTERVAL", "3600"), ("SMART_TIMEOUT", "3")];
/// Chromium's own message for a response that is an error.
const UNANSWERED: &str = "Failed to load resource";

fn url(daemon: &Daemon, rest: &str) -> String {
    format!("http://127.0.0.1:{}/{rest}", daemon.port)
}

/// Device name and serial number of the drive in a bay of a shelf, as the simulator lists them.
#[track_caller]
fn in_bay(sim: &Sim, shelf: usize, bay: u64) -> (String, String) {
    let drives = sim.list();
    let drive = drives.iter().find(|drive| drive["enclosure"] == shelf && drive["bay"] == bay);
    let drive = drive.unwrap_or_else(|| panic!("no drive in bay {bay} of shelf {shelf}"));
    (text(&drive["devices"][0]).to_owned(), text(&drive["serial"]).to_owned())
}

/// A host with 78 drives and one of each kind of problem.
fn host_with_problems() -> (Sim, Redis, Daemon) {
    let (sim, redis) = (Sim::rack(), Redis::start());
    for (target, key) in [
        ("bay/0/7", "failed=true"),
        ("bay/0/16", "reallocated=5"),
        ("bay/0/20", "hang=true"),
        ("bay/0/30", "temperature=61"),
        ("bay/1/3", "locate=1"),
        ("bay/1/12", "standby=true"),
        ("bay/1/20", "pending=16"),
        ("bay/1/30", "fault=4"),
    ] {
        sim.set(target, &[key]);
    }
    sim.set("pool/tank", &["scan=scrubbing", "progress=42.5"]);
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    sim.pull(&["bay/0/33"]);
    daemon.overview_when("the removed drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    (sim, redis, daemon)
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn a_failing_drive_is_in_the_summary_and_its_dialog_has_the_details() {
    let mut browser = browser::acquire();
    let (sim, _redis, daemon) = host_with_problems();
    let (device, serial) = in_bay(&sim, 0, 7);
    let names = json!({ "device": device, "serial": serial });
    browser.open(&url(&daemon, ""), json!({}));
    browser.run(&format!("globalThis.it = {names}"));
    browser.run(
        "await until(async () => (await page.getByRole('heading', { level: 1 }).innerText()).trim(),
            `Bay 7 of shelf 1 (${it.device}) is critical: The drive reports that it is failing (SMART status).`);
        for (const also of ['61 °C; the limit for drives of its kind', 'Pool tank is DEGRADED', '16 sectors could not be read', 'The enclosure senses a fault', 'is missing'])
            await see(also);
        await see('79 drives on 155 paths');
        await see('scrub running, 42.5 %');
        await see(/observed \\d+ (s|min) ago, from Redis/);
        await until(() => page.title(), /critical/.test(await page.title()) ? await page.title() : 'critical');",
    );
    // The labels of the bays, which screen readers read.
    browser.run(
        "for (const name of [/^Bay 7, \\w+, 33 °C, critical: The drive reports/, /^Bay 13, empty/, /unresponsive: smartctl: no answer within 3 s/,
                /^Bay 12, \\w+, standby/, /^Bay 33, \\w+, missing/, /locate LED on/, /fault LED on/, /watch: 5 sectors have been reallocated/])
            await bay(name).first().waitFor();
        await see('Not in a bay');",
    );
    // Open by a link, copy, close: the focus returns to the link.
    browser.run(
        "await page.getByRole('link', { name: /is critical: The drive reports/ }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByText('1801 sectors have been reallocated').waitFor();
        await dialog.getByText('observed 1801 · limit 261 · rule A5').waitFor();
        await dialog.getByRole('row', { name: /Reallocated Sector Ct.*failing now/ }).waitFor();
        await dialog.getByText('completed without error').first().waitFor();
        await dialog.getByText('raidz2-1').waitFor();
        await page.getByRole('button', { name: `Copy serial number ${it.serial}` }).click();
        await see(`Copied serial number: ${it.serial}`);
        await until(() => page.evaluate(() => navigator.clipboard.readText()), it.serial);
        await page.getByRole('button', { name: /Copy by-id name ata-/ }).click();
        await until(async () => (await page.evaluate(() => navigator.clipboard.readText())).startsWith('ata-'));
        await page.getByText('smartctl JSON output').click();
        await dialog.getByText('\"json_format_version\": [').waitFor();
        await until(async () => page.url().endsWith(`#/drive/${it.serial}`));
        await press('Escape');
        await dialog.waitFor({ state: 'hidden' });
        await until(() => page.evaluate(() => document.activeElement.dataset.link), it.serial);
        await until(async () => !page.url().includes('drive'));",
    );
    // Open by the tile. Back closes the dialog, Forward opens it again.
    browser.run(
        "await bay(/^Bay 7, .*critical/).click();
        await page.getByRole('dialog').getByText('1801 sectors').waitFor();
        await page.goBack();
        await page.getByRole('dialog').waitFor({ state: 'hidden' });
        await until(async () => /^Bay 7, /.test(await focused()));
        await page.goForward();
        await page.getByRole('dialog').getByText('1801 sectors').waitFor();
        await page.getByRole('button', { name: 'Close' }).click();
        await page.getByRole('dialog').waitFor({ state: 'hidden' });",
    );
    // Each kind of drive has a section of its own. After a link to a drive is closed, its bay has the focus.
    let (sas, nvme) = (in_bay(&sim, 1, 1).1, "nvme0n1");
    for (id, text) in [
        (sas.as_str(), "SAS error counters"),
        (nvme, "NVMe health log"),
        ("nosuchdrive", "Drive nosuchdrive not found."),
    ] {
        browser.open(&url(&daemon, &format!("#/drive/{id}")), json!({}));
        browser.run(&format!("await page.getByRole('dialog').getByText('{text}').waitFor()"));
        browser.nothing_else_happened(if id == "nosuchdrive" { &[UNANSWERED] } else { &[] });
    }
    browser.open(&url(&daemon, &format!("#/drive/{sas}")), json!({}));
    browser.run(
        "await see('SAS error counters');
        await press('Escape');
        await until(async () => /^Bay 1, /.test(await focused()));",
    );
    browser.nothing_else_happened(&[]);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn bays_are_filtered_coloured_and_navigated_by_keyboard() {
    let mut browser = browser::acquire();
    let (sim, _redis, daemon) = host_with_problems();
    let (_, serial) = in_bay(&sim, 1, 20);
    browser.open(&url(&daemon, ""), json!({}));
    browser.run(&format!("globalThis.serial = '{serial}'"));
    browser.run(
        "await page.getByRole('button', { name: /^Critical/ }).click();
        await see('2 of 79 drives shown');
        await page.getByRole('button', { name: /^Warning/ }).click();
        await see('4 of 79 drives shown');
        await page.getByRole('button', { name: /^Critical/ }).click();
        await page.getByRole('button', { name: /^Warning/ }).click();
        await choose('Pool', 'No pool');
        await see(/^\\d of 79 drives shown/);
        await choose('Pool', 'All');
        await press('/');
        await page.keyboard.type(serial.slice(2, 12).toLowerCase());
        await see('1 of 79 drives shown');
        await press('Enter');
        await until(async () => /^Bay 20, .*warning/.test(await focused()));
        await press('Enter');
        await see('16 sectors could not be read and wait to be reallocated.');
        await press('Escape');
        await press('/');
        await page.keyboard.type('bay 7');
        await see('2 of 79 drives shown');
        await press('Escape');
        await until(() => page.getByRole('searchbox').inputValue(), '');",
    );
    // A link contains the filter and the colour mode.
    browser.run(
        "await choose('Colour', 'Temperature');
        await page.getByRole('list', { name: 'Legend' }).getByText('50 °C and above').waitFor();
        await choose('Pool', 'tank');
        const there = await page.evaluate(() => location.href);
        if (!there.includes('pool=tank') || !there.includes('colour=temperature')) throw new Error(there);
        const other = await context.newPage();
        await other.goto(there);
        await other.getByText(/^\\d+ of 79 drives shown/).waitFor();
        await other.getByRole('list', { name: 'Legend' }).getByText('50 °C and above').waitFor();
        await other.close();
        await choose('Pool', 'All');
        for (const [name, text] of [['Pool', 'backup'], ['Age', 'years'], ['Model', 'ST8000NM0075'], ['Verdict', null]]) {
            await choose('Colour', name);
            if (text) await page.getByRole('list', { name: 'Legend' }).getByText(text).first().waitFor();
        }",
    );
    // The arrow keys move between bays and on to the next shelf; Tab moves from shelf to shelf.
    browser.run(
        "await bay(/^Bay 0, /).first().focus();
        const go = async (key, wanted) => { await press(key); await until(async () => (await focused()).split(',')[0], wanted); };
        await go('ArrowRight', 'Bay 1');
        await go('ArrowDown', 'Bay 15');
        await go('ArrowLeft', 'Bay 14');
        await go('End', 'Bay 27');
        await go('ArrowDown', 'Bay 41');
        await go('ArrowDown', 'Bay 13');
        await go('ArrowUp', 'Bay 41');
        await go('Control+Home', 'Bay 0');
        await go('PageDown', 'Bay 0');
        await go('Shift+Tab', 'Bay 0');
        await go('ArrowUp', 'Bay 0');
        await go('Control+End', 'Bay 41');",
    );
    browser.nothing_else_happened(&[]);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn the_page_is_accessible_on_phones_in_dark_mode_and_on_paper() {
    let mut browser = browser::acquire();
    let (sim, _redis, daemon) = host_with_problems();
    let (device, serial) = in_bay(&sim, 0, 7);
    for (scheme, width) in [("light", 1280), ("dark", 1280), ("dark", 390), ("light", 320)] {
        let look = json!({ "scheme": scheme, "viewport": { "width": width, "height": 844 } });
        browser.open(&url(&daemon, ""), look);
        browser.run("await see(/is critical/)");
        assert_eq!(browser.run("return await faults()"), json!([]), "{scheme} {width}");
        assert_eq!(
            browser.run("return await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)"),
            0,
            "no horizontal scrolling, {width}"
        );
        browser.run("await choose('Colour', 'Model')");
        assert_eq!(browser.run("return await faults()"), json!([]), "{scheme} {width}, by model");
        browser.run("await bay(/^Bay 7, .*critical/).click(); await see('observed 1801')");
        assert_eq!(browser.run("return await faults()"), json!([]), "{scheme} {width}, a drive");
        browser.nothing_else_happened(&[]);
    }
    browser.open(&url(&daemon, ""), json!({}));
    let rows = browser.run(
        "await see(/is critical/);
        await page.emulateMedia({ media: 'print' });
        await page.getByRole('cell', { name: 'empty' }).first().waitFor();
        return await page.getByRole('row').allInnerTexts();",
    );
    let rows: Vec<&str> = rows.as_array().expect("rows").iter().map(text).collect();
    assert_eq!(rows.len(), 84 + 1 + 3, "every bay, the drive that is not in a bay, three headings: {rows:#?}");
    let row = rows.iter().find(|row| row.contains(&serial)).expect("the failing drive");
    for word in ["7", &device, "WUH721414ALE6L4", "14.0 TB", "backup", "critical: The drive reports"] {
        assert!(row.contains(word), "{word}: {row}");
    }
    browser.run(
        "await page.emulateMedia({ media: 'screen' });
        const pdf = await page.pdf();
        if (pdf.length < 20000) throw new Error(`${pdf.length} bytes`);",
    );
    browser.nothing_else_happened(&[]);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn an_outage_of_the_daemon_is_shown_until_it_ends() {
    let mut browser = browser::acquire();
    let (sim, mut redis) = (Sim::small(), Redis::start());
    // The daemon is restarted on the same port.
    let port = ReservedPort::new();
    let listen = port.address();
    let settings = [STILL.as_slice(), &[("JBOD_LISTEN", &listen)]].concat();
    let daemon = Daemon::ready(&sim, &redis, &settings);
    browser.open(&url(&daemon, ""), json!({ "clock": true }));
    browser.run("await see('No problems: 4 drives are healthy'); await see(/from Redis/);");

    // Without a click, at the next refresh.
    sim.pull(&["bay/0/1"]);
    daemon.overview_when("the removed drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    browser.run("await page.clock.fastForward(11000); await see(/^Bay 1 \\(sd\\w\\) is missing/)");
    sim.insert(&["bay/0/1"]);
    daemon.overview_when("the drive is present", |overview| {
        overview["totals"]["by_state"]["missing"] == 0 && overview["verdict"] == "ok"
    });

    // A hidden page requests nothing, and refreshes at once when it becomes visible.
    browser.run(
        "globalThis.requests = 0;
        page.on('request', () => (globalThis.requests += 1));
        const show = (hidden) => page.evaluate((hidden) => {
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
        await show(true);
        await page.clock.fastForward(600000);
        if (globalThis.requests) throw new Error(`${globalThis.requests} requests`);
        await show(false);
        await see('No problems: 4 drives are healthy');",
    );

    redis.kill();
    daemon.wait_logged("redis unavailable");
    browser.run("await page.getByRole('button', { name: 'Refresh' }).click(); await see(/^Redis unavailable since/); await see(/from the daemon’s memory/)");
    redis.begin();
    daemon.wait_logged("redis available again");
    browser.run("await page.getByRole('button', { name: 'Refresh' }).click(); await gone(/^Redis unavailable since/)");

    let (status, _) = daemon.stop(Signal::TERM);
    assert!(status.success());
    browser.run(
        "await page.clock.fastForward(11000);
        await see('The daemon does not respond (no connection).');
        await see(/Showing data from .*No problems/);
        await page.clock.fastForward(300000);
        await see(/no response for 5 min/);
        await see(/Showing data from [^,]*, (5|6) min ago/);
        await until(() => page.title(), '? nas1: no response');",
    );
    let daemon = Daemon::start(&sim, &redis, &settings);
    browser.run(
        "await until(async () => { await page.clock.fastForward(4000); return page.getByText('No problems: 4 drives are healthy').first().isVisible(); });
        await gone(/Showing data from/);",
    );
    browser.nothing_else_happened(&[UNANSWERED]);
    drop(daemon);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn the_token_is_requested_once_and_discarded_by_sign_out() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let file = sim.root().join("token");
    std::fs::write(&file, "correct-horse\n").expect("a token file");
    let token = file.to_string_lossy().into_owned();
    let daemon = Daemon::start(&sim, &redis, &[("JBOD_TOKEN_FILE", &token)]);
    // Without the token only the files of the page, which contain no data.
    for (path, status) in [
        ("/", 200),
        ("/page.css", 200),
        ("/page.js", 200),
        ("/icon.svg", 200),
        ("/js/dom.js", 401),
        ("/?x=1", 200),
        ("/page.js?v=3", 200),
        ("/page.css/", 200),
        ("/api/overview/", 401),
        ("/healthz?x=1", 401),
        ("/api/overview", 401),
        ("/api/map.txt", 401),
        ("/api/health", 401),
        ("/healthz", 401),
        ("/metrics", 401),
        ("/page.css/../api/overview", 401),
        ("/nowhere", 401),
    ] {
        let found = daemon.get(path).status;
        assert!(found == status || status == 401 && found == 400, "{path}: {found}");
    }
    let mut browser = browser::acquire();
    browser.open(&url(&daemon, ""), json!({}));
    browser.run(
        "await see('Token required');
        await page.getByRole('textbox', { name: 'Token' }).fill('wrong');
        await page.getByRole('button', { name: 'Continue' }).click();
        await see('The daemon rejected this token');
        await page.getByRole('textbox', { name: 'Token' }).fill('correct-horse');
        await press('Enter');
        await see('No problems: 4 drives are healthy');
        await page.reload();
        await see('No problems: 4 drives are healthy');
        await bay(/^Bay 0, /).click();
        await see('No problems.');
        await press('Escape');
        await page.getByRole('button', { name: 'Sign out' }).click();
        await see('Token required');
        await page.reload();
        await see('Token required');",
    );
    browser.nothing_else_happened(&[UNANSWERED]);
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn a_shelf_has_the_layout_of_the_rules_file() {
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::small(), Redis::start());
    let file = sim.root().join("rules.toml");
    std::fs::write(
        &file,
        "[enclosures.\"SHELF-*\"]\nrows = 3\ncolumns = 2\nnumbering = \"columns\"\nfirst_bay = \"bottom_left\"\n",
    )
    .expect("a rules file");
    let path = file.to_string_lossy().into_owned();
    let (_, serial) = in_bay(&sim, 0, 1);
    sim.set(&serial, &["model=<img src=no onerror=alert(1)>"]);
    let daemon = Daemon::ready(&sim, &redis, &[("JBOD_RULES_FILE", &path)]);
    browser.open(&url(&daemon, ""), json!({}));
    let rows = browser.run(
        "await see('No problems');
        return await page.getByRole('grid').getByRole('row').evaluateAll((rows) => rows.map((row) => [...row.children].map((bay) => bay.ariaLabel.split(',')[0])));",
    );
    assert_eq!(rows, json!([["Bay 2", "Bay 5"], ["Bay 1", "Bay 4"], ["Bay 0", "Bay 3"]]));
    // The model of a drive is shown as text.
    browser.run(
        "await bay(/^Bay 1, /).click();
        await page.getByRole('dialog').getByText('<img src=no onerror=alert(1)>').first().waitFor();
        await press('Escape');
        await choose('Colour', 'Model');
        await page.getByRole('list', { name: 'Legend' }).getByText('<img src=no').waitFor();",
    );
    browser.nothing_else_happened(&[]);
}

/// The result of `check-config` with this rules file.
fn check_config(sim: &Sim, rules: &str) -> Ended {
    let file = sim.root().join("rules.toml");
    std::fs::write(&file, rules).expect("the rules file");
    let mut command = command(sim, 1);
    command.env("JBOD_RULES_FILE", &file).env_remove("SMARTCTL_PATH").env_remove("ZPOOL_PATH");
    run(command.arg("check-config"))
}

#[test]
fn check_config_shows_a_layout_and_rejects_an_invalid_one() {
    let sim = Sim::empty();
    let good = check_config(&sim, "[enclosures.\"SHELF-42*\"]\nrows = 3\ncolumns = 14\n");
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    let row = good.stdout.lines().find(|line| line.contains("SHELF-42*")).unwrap_or_default();
    assert!(row.contains("rows = 3, columns = 14") && row.ends_with("file"), "{row}");
    let bad = check_config(&sim, "[enclosures.\"SHELF-42*\"]\nrows = 0\ncolumns = 14\n");
    assert_eq!(bad.code, Some(78));
    for word in ["JBOD_RULES_FILE", "SHELF-42*", ".rows = 0", "a whole number from 1 to 64"] {
        assert!(bad.stderr.contains(word), "{word}: {}", bad.stderr);
    }
}

/// The paths of all files of the page, as index.html names them, with their content types.
pub(crate) fn files_of_the_page(daemon: &Daemon) -> Vec<(String, &'static str)> {
    let html = daemon.get("/").text();
    let (head, _) = html.split_once("</head>").expect("a head");
    let mut files = vec![("/".to_owned(), "text/html; charset=utf-8")];
    for line in head.lines() {
        let mut parts = line.split("href=\"").flat_map(|part| part.split("src=\"")).skip(1);
        let Some(rest) = parts.next() else { continue };
        let (name, _) = rest.split_once('"').expect("the end of the attribute");
        let content_type = match name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            _ => panic!("unexpected file {name}"),
        };
        files.push((format!("/{name}"), content_type));
    }
    assert_eq!(files.len(), 4, "{files:?}");
    files
}

#[test]
fn the_files_of_the_page_are_compressed_and_cached() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::start(&sim, &redis, &[]);
    let mut total = 0;
    for (path, content_type) in files_of_the_page(&daemon) {
        let path = path.as_str();
        let plain = daemon.get(path);
        let gzip = daemon.request("GET", path, &[("Accept-Encoding", "gzip, deflate, br")]);
        for answer in [&plain, &gzip] {
            assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{path}");
            assert_eq!(answer.header("vary"), "Accept-Encoding", "{path}");
        }
        assert_eq!(plain.header("content-encoding"), "");
        if plain.body.len() >= 1024 {
            assert_eq!(gzip.header("content-encoding"), "gzip", "{path}");
            assert_ne!(gzip.header("etag"), plain.header("etag"), "{path}: each encoding has its own tag");
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(gzip.body.as_slice()).read_to_end(&mut text).expect("gzip");
            assert!(text == plain.body, "{path}");
        } else {
            assert_eq!((gzip.header("content-encoding"), gzip.body == plain.body), ("", true), "{path}");
        }
        for answer in [&plain, &gzip] {
            let coding = answer.header("content-encoding");
            let headers = [("If-None-Match", answer.header("etag")), ("Accept-Encoding", coding)];
            let again = daemon.request("GET", path, &headers);
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        }
        eprintln!("{path}: {} bytes, {} as sent", plain.body.len(), gzip.body.len());
        total += gzip.body.len();
    }
    assert!(total < 60_000, "{total} bytes");
}

/// A host with 1,000 drives in twelve shelves and five pools.
fn thousand_drives() -> (Sim, Redis, Daemon) {
    let options = ["--enclosures", "12", "--bays", "84", "--drives", "1000", "--paths", "1", "--pools", "5"];
    let (sim, redis) = (Sim::host(&options), Redis::start());
    let more = [("SMART_CONCURRENCY", "64"), ("SMART_CONCURRENCY_PER_HOST", "64")];
    let daemon = Daemon::ready(&sim, &redis, &[STILL.as_slice(), &more].concat());
    (sim, redis, daemon)
}

#[test]
#[ignore = "needs chromium, node and npm"]
fn of_a_thousand_bays_only_those_that_change_are_redrawn() {
    let mut browser = browser::acquire();
    let (sim, _redis, daemon) = thousand_drives();
    browser.open(&url(&daemon, ""), json!({}));
    browser.run(
        "await see('No problems: 1001 drives are healthy');
        await until(() => page.getByRole('gridcell').count(), 1008);",
    );
    sim.pull(&["bay/7/40"]);
    daemon.overview_when("the removed drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    let measured = browser.run(
        "await page.getByRole('button', { name: 'Refresh' }).click();
        await see(/^Bay 40 of shelf \\d+ \\(\\w+\\) is missing/);
        await page.getByRole('searchbox').fill('bay 40');
        await see(/^1\\d of 1001 drives shown/);
        return await page.evaluate(() => ({
            drawn_ms: performance.getEntriesByName('jbod:drawn')[0].startTime,
            patches: performance.getEntriesByName('jbod:patch').map((one) => ({ ms: one.duration, touched: one.detail.touched })),
        }));",
    );
    eprintln!("1,008 bays: {measured}");
    let [first, second] = [0, 1].map(|patch| measured["patches"][patch]["touched"].as_u64().expect("a number"));
    assert!(first > 1000 && second < 20, "{measured}");
    browser.nothing_else_happened(&[]);
}

/// The folder of the screenshots.
fn pictures() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    std::fs::create_dir_all(&folder).expect("a folder for screenshots");
    folder.to_string_lossy().into_owned()
}

#[track_caller]
fn picture(browser: &mut BrowserGuard, folder: &str, name: &str) {
    browser.run(&format!("await page.mouse.move(0, 0); await shot('{folder}/{name}.png')"));
    let size = std::fs::metadata(format!("{folder}/{name}.png")).expect("a picture").len();
    assert!(size < 150_000, "{name}: {size} bytes");
}

fn desktop(scheme: &str) -> Value {
    json!({ "scheme": scheme, "viewport": { "width": 1280, "height": 940 } })
}

#[test]
#[ignore = "writes the pictures of the README"]
fn pictures_for_the_readme() {
    let folder = pictures();
    let mut browser = browser::acquire();
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    browser.open(&url(&daemon, ""), desktop("light"));
    browser.run("await see('No problems')");
    picture(&mut browser, &folder, "healthy");
    drop((daemon, redis, sim));
    let (sim, _redis, daemon) = host_with_problems();
    let (_, serial) = in_bay(&sim, 0, 7);
    browser.open(&url(&daemon, ""), desktop("light"));
    browser.run("await see(/is critical/)");
    picture(&mut browser, &folder, "trouble");
    browser.open(&url(&daemon, ""), desktop("dark"));
    browser.run("await see(/is critical/)");
    picture(&mut browser, &folder, "dark");
    browser.open(&url(&daemon, &format!("#/drive/{serial}")), desktop("light"));
    browser.run("await see('1801 sectors')");
    picture(&mut browser, &folder, "drive");
    browser.open(&url(&daemon, ""), json!({ "viewport": { "width": 390, "height": 1000 } }));
    browser.run("await see(/is critical/)");
    picture(&mut browser, &folder, "phone");
    let (sim, _redis, daemon) = thousand_drives();
    sim.pull(&["bay/7/40"]);
    daemon.overview_when("the removed drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    browser.open(&url(&daemon, "#?colour=temperature"), json!({ "viewport": { "width": 1440, "height": 900 } }));
    browser.run("await see(/^Pool backup is DEGRADED/)");
    picture(&mut browser, &folder, "1000-bays");
}
