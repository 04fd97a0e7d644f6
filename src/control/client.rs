//! The command's side: asks the daemon of this host.

use super::protocol::{ControlAnswer, ControlRequest, MAX_ANSWER_BYTES};
use crate::config::Config;
use crate::terminal::print;
use anyhow::{Context, bail};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than the daemon takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Has the daemon forget what has that name. Prints what came of it; false if nothing was forgotten.
pub fn forget(config: &Config, subject: &str) -> anyhow::Result<bool> {
    let Some(path) = &config.control.socket else {
        bail!("JBOD_CONTROL_SOCKET is none: the daemon has no control socket");
    };
    let request = ControlRequest::Forget(subject.trim().to_owned());
    let Some(line) = request.line().filter(|_| !subject.trim().is_empty()) else {
        bail!("{subject:?} is neither a serial number nor a WWN nor the id of an enclosure");
    };
    let (text, is_done) = match ask(path, &line)? {
        ControlAnswer::Done(text) => (text, true),
        ControlAnswer::Failed(text) => (text, false),
    };
    print(&format!("{text}\n"))?;
    Ok(is_done)
}

fn ask(path: &Path, line: &str) -> anyhow::Result<ControlAnswer> {
    let shown = path.display();
    let mut stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow::anyhow!(
            "no jbod-monitor answers at {shown}: is it running, and with this JBOD_CONTROL_SOCKET? ({error})"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("only root and the user of the daemon may use {shown} ({error})")
        }
        _ => anyhow::Error::new(error).context(format!("cannot connect to {shown}")),
    })?;
    stream.set_read_timeout(Some(TIMEOUT)).context("cannot set a timeout")?;
    // An answer may come before the request: a user without permission gets one at once.
    let sent = stream.write_all(line.as_bytes());
    let mut text = String::new();
    let read = stream.take(MAX_ANSWER_BYTES).read_to_string(&mut text);
    if let Some(answer) = ControlAnswer::parse(&text) {
        return Ok(answer);
    }
    sent.and(read.map(drop)).with_context(|| format!("no answer from {shown}"))?;
    bail!("no answer from {shown}: what came was {text:?}");
}
