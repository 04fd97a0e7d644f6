//! The client of the control socket: sends a command to the daemon of this host.

use super::protocol::{ControlAnswer, ControlRequest, MAX_ANSWER_BYTES};
use crate::config::Config;
use crate::terminal::print;
use anyhow::{Context, anyhow, bail};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than the deadlines of the daemon's side together.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Requests that the daemon forget `subject`, and prints its answer. Returns false if nothing was forgotten.
pub fn forget(config: &Config, subject: &str) -> anyhow::Result<bool> {
    let Some(path) = &config.control.socket else {
        bail!("JBOD_CONTROL_SOCKET: found none, wanted the path of the daemon's control socket");
    };
    let name = subject.trim();
    let line = ControlRequest::Forget(name.to_owned()).line();
    let Some(line) = line else { bail!(invalid_name(subject)) };
    if name.is_empty() {
        bail!(invalid_name(subject));
    }
    let (text, is_done) = match ask(path, &line)? {
        ControlAnswer::Done(text) => (text, true),
        ControlAnswer::Failed(text) => (text, false),
    };
    print(&format!("{text}\n"))?;
    Ok(is_done)
}

fn invalid_name(found: &str) -> String {
    format!("found {found:?}, wanted a serial number, a WWN or the id of an enclosure")
}

fn ask(path: &Path, line: &str) -> anyhow::Result<ControlAnswer> {
    let shown = path.display();
    let mut stream = UnixStream::connect(path).map_err(|error| connect_error(path, error))?;
    stream.set_read_timeout(Some(TIMEOUT)).context("cannot set the timeout of the control socket")?;
    // Not an error yet: a user without permission gets an answer before the request is read.
    let sent = stream.write_all(line.as_bytes());
    let mut text = String::new();
    let read = stream.take(MAX_ANSWER_BYTES).read_to_string(&mut text);
    if let Some(answer) = ControlAnswer::parse(&text) {
        return Ok(answer);
    }
    sent.with_context(|| format!("no answer from {shown}"))?;
    read.with_context(|| format!("no answer from {shown}"))?;
    bail!("invalid answer from {shown}: found {text:?}, wanted one line of a jbod-monitor of this version");
}

fn connect_error(path: &Path, error: io::Error) -> anyhow::Error {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow!(
            "no jbod-monitor at {shown} ({error}): check that it is running, and with the same JBOD_CONTROL_SOCKET"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow!("permission denied at {shown} ({error}): run as root or as the user of the daemon")
        }
        _ => anyhow::Error::new(error).context(format!("cannot connect to {shown}")),
    }
}
