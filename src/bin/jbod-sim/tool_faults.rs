//! Faults of a run of smartctl or zpool: it hangs, crashes, prints invalid or excessive output, or leaves a child.

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

/// Interval in which a run that hangs reads whether the fault is still set.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Faults before there is output. `None`: the drive was pulled during the hang.
pub fn before_output(store: &Store, node: &str, mut drive: Drive) -> Result<Option<Drive>> {
    if drive.flag("hang_ignore_term") {
        return Err(ignore_term(&store.root));
    }
    while drive.flag("hang") || path_faults::at_node(&drive, node) == Some("hangs") {
        std::thread::sleep(POLL_INTERVAL);
        drive = match store.at_node(node)? {
            Some(current) if current.key == drive.key => current,
            _ => return Ok(None),
        };
    }
    if let Some(bytes) = drive.number("stderr_bytes") {
        write_repeated(std::io::stderr(), b'?', bytes);
    }
    if drive.flag("segv") {
        disable_core_dumps();
        // Rust's handler for stack overflows restores the default action at the first signal.
        kill_process(getpid(), Signal::SEGV)?;
        kill_process(getpid(), Signal::SEGV)?;
    }
    if drive.flag("crash") {
        abort();
    }
    Ok(Some(drive))
}

/// Ends early if the reader closes the pipe.
fn write_repeated(mut to: impl Write, byte: u8, count: u64) {
    let block = [byte; 16 * 1024];
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    while left > 0 {
        let size = left.min(block.len());
        if to.write_all(block.get(..size).unwrap_or_default()).is_err() {
            return;
        }
        left -= size;
    }
}

/// Faults of the output: returns what is left to print, and the exit status.
pub fn apply_to_output(drive: &Drive, mut text: Vec<u8>, status: u8) -> Result<(Vec<u8>, u8)> {
    if let Some(junk) = drive.text("junk") {
        text = junk.as_bytes().to_vec();
    }
    if let Some(prefix) = drive.text("stdout_prefix") {
        text = [prefix.as_bytes(), &text].concat();
    }
    if let Some(count) = drive.number("output_bytes") {
        crate::files::say(&text);
        text.clear();
        // Blanks after the JSON leave it valid.
        write_repeated(std::io::stdout(), b' ', count);
    }
    if drive.flag("hang_fork") {
        leave_child("sleep", &["600"])?;
    }
    if drive.flag("fork_setsid") {
        leave_child("setsid", &["sleep", "20"])?;
    }
    let exit_status = exit_status(drive.number("exit_status"));
    Ok((text, exit_status.unwrap_or(status)))
}

fn exit_status(number: Option<u64>) -> Option<u8> {
    u8::try_from(number?).ok()
}

fn flag(state: &Map<String, Value>, key: &str) -> bool {
    matches!(state.get(key), Some(Value::Bool(true)))
}

fn number(state: &Map<String, Value>, key: &str) -> Option<u64> {
    state.get(key)?.as_u64()
}

/// Faults of every run of a tool. `read_again` returns the current state. Returns the exit status to end with.
pub fn of_tool(
    root: &Path,
    state: &Map<String, Value>,
    read_again: impl Fn() -> Result<Map<String, Value>>,
) -> Result<Option<u8>> {
    std::thread::sleep(Duration::from_millis(number(state, "latency_ms").unwrap_or(0)));
    if flag(state, "hang_ignore_term") {
        return Err(ignore_term(root));
    }
    let mut hangs = flag(state, "hang");
    while hangs {
        std::thread::sleep(POLL_INTERVAL);
        hangs = flag(&read_again()?, "hang");
    }
    if flag(state, "crash") {
        abort();
    }
    Ok(exit_status(number(state, "exit_status")))
}

/// Replaces this process by one that only SIGKILL ends: a shell, because ignoring a signal in Rust needs unsafe code.
/// It ends with the folder of the host, so that tests leave none running.
fn ignore_term(root: &Path) -> anyhow::Error {
    let script = r#"trap "" TERM INT HUP; while [ -e "$0/sim/host.json" ]; do sleep 1; done"#;
    let error = Command::new("/bin/sh").arg("-c").arg(script).arg(root).exec();
    anyhow::Error::new(error).context("cannot start /bin/sh")
}

/// Starts a child that keeps standard output open, and does not wait for it.
fn leave_child(program: &str, args: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("cannot start {program}"))?;
    Ok(())
}

/// Ends this process with SIGABRT.
fn abort() -> ! {
    disable_core_dumps();
    std::process::abort()
}

fn disable_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
}
