//! The browser that is installed, driven by `driver.mjs`: one for all tests of this file, used by one
//! at a time. What a test does in it is a script of a few lines, in the words of a person.

use crate::support::installed;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

static SHARED: Mutex<Shared> = Mutex::new(Shared::NotAsked);

enum Shared {
    NotAsked,
    Here(Browser),
}

struct Browser {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// The browser for as long as a test has it.
pub struct Turn(MutexGuard<'static, Shared>);

/// Waits for its turn.
pub fn turn() -> Turn {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*shared, Shared::NotAsked) {
        *shared = Shared::Here(start());
    }
    Turn(shared)
}

impl Turn {
    /// A new, empty profile at that address.
    #[track_caller]
    pub fn open(&mut self, url: &str, options: Value) {
        let mut options = options;
        options["url"] = url.into();
        self.order(&json!({ "open": options }));
    }

    /// What a person does and sees.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> Value {
        self.order(&json!({ "run": script }))
    }

    /// Errors in the console, requests to elsewhere, breaches of the policy: there are none but those
    /// that hold one of `expected`.
    #[track_caller]
    pub fn nothing_else_happened(&mut self, expected: &[&str]) {
        let problems = self.order(&json!({ "close": true }));
        let problems = problems.as_array().expect("a list").iter().filter_map(Value::as_str);
        let odd: Vec<&str> = problems.filter(|p| !expected.iter().any(|e| p.contains(e))).collect();
        assert!(odd.is_empty(), "{odd:#?}");
    }

    #[track_caller]
    fn order(&mut self, order: &Value) -> Value {
        let Shared::Here(browser) = &mut *self.0 else { panic!("it is here") };
        writeln!(browser.stdin, "{order}").expect("the driver listens");
        let mut line = String::new();
        browser.stdout.read_line(&mut line).expect("the driver answers");
        let answer: Value = serde_json::from_str(&line).expect("the driver answers in JSON");
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => panic!("{error}\nAsked for: {order}"),
            None => answer["ok"].clone(),
        }
    }
}

fn start() -> Browser {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(installed);
    let chromium = chromium.expect("chromium is installed");
    let node = installed("node").expect("node is installed");
    let npm = installed("npm").expect("npm is installed");
    let modules = modules(root, &npm);
    let mut child = Command::new(node)
        .args([&root.join("tests/page/driver.mjs"), &modules, &chromium])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let (stdin, stdout) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
    Browser { _child: child, stdin, stdout: BufReader::new(stdout) }
}

/// The folder of node's packages, as the lock file has them; below `target`, made once.
fn modules(root: &Path, npm: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    let lock = std::fs::read_to_string(root.join("tests/page/package-lock.json")).expect("the lock file");
    let done = folder.join("installed");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == lock) {
        return folder;
    }
    std::fs::create_dir_all(&folder).expect("a folder below target");
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(root.join("tests/page").join(file), folder.join(file)).expect("a copy");
    }
    let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let out = Command::new(npm).args(options).current_dir(&folder).stdin(Stdio::null()).output().expect("npm starts");
    assert!(out.status.success(), "npm cannot fetch the driver: {}", String::from_utf8_lossy(&out.stderr).trim());
    std::fs::write(&done, lock).expect("a mark that it is done");
    folder
}
