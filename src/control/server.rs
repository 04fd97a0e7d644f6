//! The server of the control socket: a thread that serves one client at a time, each within a deadline.

use super::protocol::{ControlAnswer, ControlRequest, MAX_REQUEST_BYTES};
use super::socket;
use crate::config::ControlConfig;
use crate::poller::Poller;
use crate::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// From the connection to the complete request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(2);
/// The poller handles a request at once, except for timeouts of Redis.
const POLLER_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after an error of accept(2), such as a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The bound socket.
#[derive(Debug)]
pub(crate) struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlServer {
    /// Binds the socket, if one is configured. If that fails, the daemon runs without its commands: the error is logged and
    /// returned as a degradation, except if the default path is used and its folder does not exist.
    pub(crate) fn bind(config: &ControlConfig) -> (Option<Self>, Option<String>) {
        let Some(path) = config.socket.clone() else { return (None, None) };
        let error = match socket::bind(&path) {
            Ok(listener) => return (Some(Self { listener, path }), None),
            Err(error) => error,
        };
        let problem =
            format!("control socket unavailable, forget cannot be used: cannot bind {}: {error}", path.display());
        if config.is_default && !has_folder(&path) {
            log::info!("{problem}");
            return (None, None);
        }
        log::warn!("{problem}");
        (None, Some(problem))
    }

    /// Starts the thread, which drops `alive` when it ends.
    pub(crate) fn start(self, poller: Poller, alive: impl Send + 'static, stop: &Stop) -> io::Result<JoinHandle<()>> {
        let stop = stop.clone();
        let run = move || {
            let _alive = alive;
            self.run(&poller, &stop);
        };
        thread::Builder::new().name("control".to_owned()).spawn(run)
    }

    fn run(&self, poller: &Poller, stop: &Stop) {
        while wait_readable(&self.listener, None, stop) {
            match self.listener.accept() {
                Ok((stream, _)) => serve(stream, poller, stop),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    log::debug!("accept on the control socket failed error={error:?}");
                    let _ = stop.channel().recv_timeout(ACCEPT_PAUSE);
                }
            }
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn has_folder(path: &Path) -> bool {
    path.parent().is_some_and(Path::is_dir)
}

/// Waits for input until the deadline. False: there was none in time, or a stop was requested.
fn wait_readable(fd: &impl std::os::fd::AsFd, deadline: Option<Instant>, stop: &Stop) -> bool {
    loop {
        let timeout = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                Timespec::try_from(left).ok()
            }
            None => None,
        };
        let mut fds = [PollFd::new(fd, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
        let [input, stopped] = fds.map(|fd| !fd.revents().is_empty());
        if stopped || stop.is_requested() {
            return false;
        }
        if input {
            return true;
        }
    }
}

fn serve(mut stream: UnixStream, poller: &Poller, stop: &Stop) {
    let Some(answer) = answer(&mut stream, poller, stop) else { return };
    // The line fits into the socket's buffer. Without blocking, because a client must not delay the next one.
    let _ = stream.set_nonblocking(true);
    let _ = stream.write_all(answer.line().as_bytes());
}

/// `None`: the client sent no complete request in time, or closed the connection.
fn answer(stream: &mut UnixStream, poller: &Poller, stop: &Stop) -> Option<ControlAnswer> {
    let failed = |text: &str| Some(ControlAnswer::Failed(text.to_owned()));
    // SO_PEERCRED, unix(7): the credentials at connect(2), checked by the kernel.
    let Ok(peer) = socket_peercred(&*stream) else {
        return failed("the kernel does not report the user of the client");
    };
    if !peer.uid.is_root() && peer.uid != geteuid() {
        return failed("permission denied: run as root or as the user of the daemon");
    }
    let line = match read_line(stream, stop) {
        Ok(line) => line?,
        Err(why) => return failed(why),
    };
    match ControlRequest::parse(&line) {
        Err(why) => Some(ControlAnswer::Failed(why)),
        Ok(ControlRequest::Forget(subject)) => {
            let Some(outcome) = poller.forget(subject, peer.uid.as_raw(), POLLER_TIMEOUT) else {
                return failed("the daemon is busy or stopping: try again");
            };
            let text = outcome.to_string();
            Some(match outcome {
                outcome if outcome.is_done() => ControlAnswer::Done(text),
                _ => ControlAnswer::Failed(text),
            })
        }
    }
}

/// One line without its end. `Ok(None)`: there was no complete line in time.
fn read_line(stream: &mut UnixStream, stop: &Stop) -> Result<Option<Vec<u8>>, &'static str> {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let mut line = Vec::new();
    let mut buffer = [0; MAX_REQUEST_BYTES];
    if stream.set_nonblocking(true).is_err() {
        return Ok(None);
    }
    loop {
        if !wait_readable(stream, Some(deadline), stop) {
            return Ok(None);
        }
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => continue,
            Err(_) => return Ok(None),
        };
        line.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            line.truncate(end);
            return Ok(Some(line));
        }
        if line.len() >= MAX_REQUEST_BYTES {
            return Err("found a longer request, wanted at most 512 bytes");
        }
    }
}
