//! Runs the examples in README.md and `docs/` and compares their output.
//!
//! A fenced block that is marked `console` has commands, in lines that begin with `$ `, each followed by its output.
//! The commands run in a shell against a simulated host, the real daemon and a real Redis; the output is compared:
//!
//! - `…` alone in a line stands for any number of lines, `…` within a line for any text.
//! - Times, ages, sizes, entity tags and versions are not compared (`compare.rs`).
//! - `localhost:9780`, `127.0.0.1:9780` and `localhost:6379` are the addresses of the daemon and of Redis; `/tmp/rack`
//!   is the folder of the simulated host; `jbod-monitor` is this program, with settings for that host.
//!
//! Commands that a test cannot run (apt, docker, systemctl, journalctl, make, promtool) are in blocks marked `sh`. A
//! command in a `console` block that is not on the list in `page.rs` is an error.
//!
//! Comments of Markdown before a block prepare the host. They apply to the rest of the page:
//!
//! - `<!-- example: host rack -->`: a new host. `rack`, the default: 78 drives in two enclosures, one of them failing,
//!   one unresponsive, one in standby. `demo`: that of `jbod-monitor-demo`. `nas`: 10 drives in an enclosure. `raid`:
//!   no enclosure, a RAID controller and a drive in a USB enclosure.
//! - `<!-- example: setting SMART_TIMEOUT=2 -->`: an environment variable for daemon and commands.
//! - `<!-- example: jbod-sim set bay/0/7 failed=true -->`: changes the host before the daemon starts. With `live`
//!   before it, it changes the host while the daemon runs.
//! - `<!-- example: redis stop -->`.
//! - `<!-- example: skip -->`: the next block is not run. Give the reason in the comment.
//!
//! `DOC_EXAMPLES=accept cargo test --test it doc_examples` rewrites outputs that differ; parts that are elided with `…`
//! stay elided. `DOC_EXAMPLES_PAGE=docs/rules.md` runs one page only. With `--nocapture` the commands are listed.

mod compare;
mod page;
mod scene;

use compare::{is_same, rewritten};
use page::{Example, Part, Step, parts};
use scene::Scene;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a command is repeated until its output is the expected one: a daemon that was just started may serve from
/// memory at first.
const PATIENCE: Duration = Duration::from_secs(6);

#[test]
fn doc_examples_show_what_the_program_prints() {
    let accept = std::env::var("DOC_EXAMPLES").as_deref() == Ok("accept");
    let only = std::env::var("DOC_EXAMPLES_PAGE").ok();
    let mut faults = Vec::new();
    let mut commands = Vec::new();
    for page in pages() {
        let name = page.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("in the repository").display().to_string();
        if let Some(only) = &only
            && *only != name
        {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("a page");
        let mut result = PageResult::default();
        run_page(&name, &text, accept, &mut result);
        if accept && result.text != text {
            std::fs::write(&page, &result.text).expect("the page is written");
        }
        faults.append(&mut result.faults);
        commands.append(&mut result.commands);
    }
    println!("{} commands:\n{}", commands.len(), commands.join("\n"));
    assert!(faults.is_empty(), "{} examples are wrong:\n\n{}", faults.len(), faults.join("\n\n"));
    assert!(!commands.is_empty(), "no example was found");
}

/// README.md and the pages below `docs`.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of pages").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[derive(Default)]
struct PageResult {
    /// The page with the outputs of this run.
    text: String,
    faults: Vec<String>,
    /// Commands that were run, with their places.
    commands: Vec<String>,
}

fn run_page(name: &str, text: &str, accept: bool, result: &mut PageResult) {
    let mut scene: Option<Scene> = None;
    let mut skip_next = false;
    for part in parts(text) {
        match part {
            Part::Text(text) => result.text.push_str(text),
            Part::Step { step, text } => {
                result.text.push_str(text);
                match step {
                    Step::Host(host) => scene = Some(Scene::new(host)),
                    Step::Skip => skip_next = true,
                    step => scene.get_or_insert_with(|| Scene::new("rack")).prepare(step),
                }
            }
            Part::Console { body, line } => {
                if std::mem::take(&mut skip_next) {
                    result.text.push_str(body);
                    continue;
                }
                let scene = scene.get_or_insert_with(|| Scene::new("rack"));
                run_block(&format!("{name}:{line}"), body, scene, accept, result);
            }
        }
    }
}

/// The beginning of an output, for a message.
fn head(output: &str) -> String {
    let lines: Vec<&str> = output.lines().take(40).collect();
    lines.join("\n")
}

fn run_block(place: &str, body: &str, scene: &mut Scene, accept: bool, result: &mut PageResult) {
    let examples = match page::examples(body) {
        Ok(examples) => examples,
        Err(why) => {
            result.faults.push(format!("{place}: {why}"));
            result.text.push_str(body);
            return;
        }
    };
    // Each command runs in a new shell: variables that were exported are exported again.
    let mut exports = String::new();
    for Example { command, expected } in examples {
        result.text.push_str(&format!("$ {command}\n"));
        if let Some(unknown) = page::unknown_program(&command) {
            result.faults.push(format!(
                "{place}: {unknown} is not among the programs that examples may run; mark the block as sh: $ {command}"
            ));
            result.text.push_str(&expected);
            continue;
        }
        result.commands.push(format!("{place}: {command}"));
        let script = format!("{exports}{command}");
        let until = Instant::now() + PATIENCE;
        let found = loop {
            let found = scene.run(&script);
            if is_same(&expected, &found) || Instant::now() > until {
                break found;
            }
            std::thread::sleep(Duration::from_millis(500));
        };
        if command.starts_with("export ") {
            exports.push_str(&format!("{command}\n"));
        }
        if is_same(&expected, &found) {
            result.text.push_str(&expected);
        } else if accept {
            result.text.push_str(&rewritten(&expected, &found));
        } else {
            result.text.push_str(&expected);
            result.faults.push(format!("{place}: $ {command}\n--- expected\n{expected}--- found\n{}", head(&found)));
        }
    }
}
