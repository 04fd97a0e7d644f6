//! The installed browser, driven by `tests/page/driver.mjs`. All tests share one, and use it one at a time, with scripts
//! of a few lines.

use crate::support::installed;
use crate::support::json::text;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

static SHARED: Mutex<Option<Browser>> = Mutex::new(None);

struct Browser {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Exclusive use of the browser.
pub struct BrowserGuard(MutexGuard<'static, Option<Browser>>);

/// Waits until no other test uses the browser, and starts it if necessary.
pub fn acquire() -> BrowserGuard {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.get_or_insert_with(start);
    BrowserGuard(shared)
}

impl BrowserGuard {
    /// Opens the address in a new, empty profile.
    #[track_caller]
    pub fn open(&mut self, url: &str, options: Value) {
        let mut options = options;
        options["url"] = url.into();
        self.order(&json!({ "open": options }));
    }

    /// Runs a script, in which the functions of `driver.mjs` are defined.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> Value {
        self.order(&json!({ "run": script }))
    }

    /// Fails if there were errors in the console, requests to other hosts or violations of the policy, except for those
    /// that contain one of `expected`.
    #[track_caller]
    pub fn nothing_else_happened(&mut self, expected: &[&str]) {
        let problems = self.order(&json!({ "close": true }));
        let mut unexpected: Vec<&str> = problems.as_array().expect("a list").iter().map(text).collect();
        unexpected.retain(|problem| !expected.iter().any(|part| problem.contains(part)));
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }

    #[track_caller]
    fn order(&mut self, order: &Value) -> Value {
        let browser = self.0.as_mut().expect("a browser");
        writeln!(browser.stdin, "{order}").expect("the driver reads");
        let mut line = String::new();
        browser.stdout.read_line(&mut line).expect("the driver answers");
        let answer: Value = serde_json::from_str(&line).expect("the driver answers in JSON");
        if let Value::String(error) = &answer["error"] {
            panic!("{error}\nThe order: {order}");
        }
        answer["ok"].clone()
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

/// The folder of the npm packages of the lock file: below `target`, installed once.
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
    std::fs::write(&done, lock).expect("a mark that it is complete");
    folder
}
