//! How a run of a tool goes wrong: it hangs, dies, prints junk or far too much, or leaves a child behind.

use crate::drive::Drive;
use crate::path_faults;
use crate::store::Store;
use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use serde_json::{Map, Value};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often a hanging run looks whether it may go on.
const LOOK: Duration = Duration::from_millis(250);

/// What happens before a drive answers. `None`: it was pulled while the run hung.
pub fn before(store: &Store, node: &str, mut drive: Drive) -> Result<Option<Drive>> {
    if drive.flag("hang_ignore_term") {
        return Err(ignore_term(&store.root));
    }
    while drive.flag("hang") || path_faults::at_node(&drive, node) == Some("hangs") {
        std::thread::sleep(LOOK);
        match store.at_node(node)? {
            Some(now) if now.key == drive.key => drive = now,
            _ => return Ok(None),
        }
    }
    if let Some(bytes) = drive.number("stderr_bytes") {
        flood(std::io::stderr(), b'?', bytes);
    }
    if drive.flag("segv") {
        without_core();
        // The first one is taken by the runtime, which then lets the next have its way.
        kill_process(getpid(), Signal::SEGV).and_then(|()| kill_process(getpid(), Signal::SEGV))?;
    }
    if drive.flag("crash") {
        die();
    }
    Ok(Some(drive))
}

/// Writes so much in small pieces, as long as somebody takes it.
fn flood(mut to: impl Write, with: u8, mut bytes: u64) {
    let piece = [with; 16 * 1024];
    while bytes > 0 {
        let now = bytes.min(16 * 1024);
        let part = piece.get(..usize::try_from(now).unwrap_or(0)).unwrap_or_default();
        if to.write_all(part).is_err() {
            return;
        }
        bytes -= now;
    }
}

/// What happens to an answer on its way out.
pub fn after(drive: &Drive, mut text: Vec<u8>, status: u8) -> Result<(Vec<u8>, u8)> {
    if let Some(junk) = drive.text("junk") {
        text = junk.as_bytes().to_vec();
    }
    if let Some(prefix) = drive.text("stdout_prefix") {
        text = [prefix.as_bytes(), &text].concat();
    }
    if let Some(more) = drive.number("output_bytes") {
        crate::files::say(&text);
        text.clear();
        // Blanks behind it: the JSON stays good, if anybody reads that far.
        flood(std::io::stdout(), b' ', more);
    }
    if drive.flag("hang_fork") {
        leave_behind("sleep", &["600"])?;
    }
    if drive.flag("fork_setsid") {
        leave_behind("setsid", &["sleep", "20"])?;
    }
    let forced = drive.number("exit_status").and_then(|s| u8::try_from(s).ok());
    Ok((text, forced.unwrap_or(status)))
}

/// The same for a tool as a whole, such as zpool. `Some` is the exit status to end with.
pub fn of_tool(
    root: &Path,
    state: &Map<String, Value>,
    again: impl Fn() -> Result<Map<String, Value>>,
) -> Result<Option<u8>> {
    let flag = |state: &Map<String, Value>, key: &str| state.get(key).and_then(Value::as_bool).unwrap_or(false);
    let number = |key: &str| state.get(key).and_then(Value::as_u64);
    std::thread::sleep(Duration::from_millis(number("latency_ms").unwrap_or(0)));
    if flag(state, "hang_ignore_term") {
        return Err(ignore_term(root));
    }
    let mut hangs = flag(state, "hang");
    while hangs {
        std::thread::sleep(LOOK);
        hangs = flag(&again()?, "hang");
    }
    if flag(state, "crash") {
        die();
    }
    Ok(number("exit_status").and_then(|s| u8::try_from(s).ok()))
}

/// Becomes a process that only SIGKILL ends. Signals can be ignored without unsafe code only by
/// a shell. It ends when the host's folder goes, so that no test leaves it behind.
fn ignore_term(root: &Path) -> anyhow::Error {
    let script = r#"trap "" TERM INT HUP; while [ -e "$0/sim/host.json" ]; do sleep 1; done"#;
    let error = Command::new("/bin/sh").arg("-c").arg(script).arg(root).exec();
    anyhow::Error::new(error).context("cannot start /bin/sh")
}

/// Leaves a child behind that holds standard output open.
fn leave_behind(program: &str, args: &[&str]) -> Result<()> {
    let started = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map(drop).with_context(|| format!("cannot start {program}"))
}

/// Dies by SIGABRT, without a core file.
fn die() -> ! {
    without_core();
    std::process::abort()
}

fn without_core() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
}
