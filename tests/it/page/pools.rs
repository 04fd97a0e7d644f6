//! The pools above the shelves: their scan and activities, with a bar if the progress is known.

use super::support::daemon::Daemon;
use super::support::redis::Redis;
use super::support::sim::Sim;
use super::{STILL, browser, url};
use serde_json::json;

#[test]
#[ignore = "needs chromium, node and npm"]
fn activities_of_a_pool_are_shown_with_its_scan() {
    let mut browser = browser::acquire();
    let shape = "--enclosures 1 --bays 12 --drives 12 --paths 1 --nvme 0 --pools 1 --vdev-width 4";
    let (sim, redis) = (Sim::host(&shape.split(' ').collect::<Vec<_>>()), Redis::absent());
    let keys = ["scan=rebuilding", "expand=waiting", "checkpoint=exists", "remove=done", "trim=running", "progress=42"];
    sim.set("pool/tank", &keys);
    let daemon = Daemon::ready(&sim, &redis, &STILL);
    browser.open(&url(&daemon, ""), json!({}));
    browser.run("await until(async () => (await page.locator('#pools').textContent()).includes('tank'))");
    browser.run(
        "const parts = await page.locator('#pools .scan').allTextContents();
        const expected = [
            /^resilver of raidz2-0 running, 42\\.0 %$/,
            /^expansion of raidz2-0 paused, 42\\.0 %$/,
            /^checkpoint exists since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d$/,
            /^trim running, 41\\.0 %$/,
        ];
        if (parts.length !== expected.length || !expected.every((words, at) => words.test(parts[at]))) throw new Error(JSON.stringify(parts));
        const bars = await page.locator('#pools progress').evaluateAll((all) => all.map((bar) => bar.value));
        if (JSON.stringify(bars) !== '[42,42,41]') throw new Error(JSON.stringify(bars));
        const lines = await page.locator('#pools li').getAttribute('title');
        if (!/Removal of vdev 0 /.test(lines)) throw new Error(lines);",
    );
    browser.nothing_else_happened(&[]);
}
