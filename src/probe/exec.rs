//! Runs one child with a deadline and an output cap; a child that hangs does not block the caller.
//!
//! A drive that does not respond can hold its child in D state, where SIGKILL stays pending and the pipe
//! never reaches its end. So the child's exit is detected by a pidfd, never by EOF; and after
//! TERM, KILL and a grace period the child is abandoned to the caller, which reaps it when it exits.

use super::trampoline;
use crate::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Bounds of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildLimits {
    /// Time from the start to SIGTERM.
    pub(crate) deadline: Duration,
    /// The limit of standard output, and of standard error. A child that exceeds it is killed.
    pub(crate) output_bytes: usize,
}

/// Time from SIGTERM to SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// Time from SIGKILL to abandoning the child.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// Maximum number of bytes of standard error that are kept.
const STDERR_BYTES: usize = 4096;
/// The complete environment of a child.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];

/// The output of a child that exited.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// `None` if it was ended by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) took: Duration,
}

/// A run without a result.
#[derive(Debug, Error)]
pub(crate) enum ExecError {
    #[error("cannot start {}: {error}", program.display())]
    Start { program: PathBuf, error: io::Error },
    #[error("no answer within {} s", deadline.as_secs())]
    TimedOut { deadline: Duration, stuck: Option<Stuck> },
    #[error("output exceeds {limit} bytes")]
    TooLarge { limit: usize, stuck: Option<Stuck> },
    #[error("stopped")]
    Stopped { stuck: Option<Stuck> },
    #[error("cannot wait for the child process: {error}")]
    Watch { error: io::Error, stuck: Option<Stuck> },
}

impl ExecError {
    /// The child, if it outlived its SIGKILL.
    pub(crate) fn stuck(self) -> Option<Stuck> {
        match self {
            Self::Start { .. } => None,
            Self::TimedOut { stuck, .. }
            | Self::TooLarge { stuck, .. }
            | Self::Stopped { stuck }
            | Self::Watch { stuck, .. } => stuck,
        }
    }
}

/// A child that outlived its SIGKILL.
#[derive(Debug)]
pub struct Stuck {
    child: Child,
    since: Instant,
}

impl Stuck {
    /// Reaps the child if it has ended. True once it has been reaped.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn since(&self) -> Instant {
        self.since
    }
}

/// Runs `program` until it exits, exceeds a limit, or the daemon stops. It is killed when the calling thread ends, for
/// whatever reason.
pub(crate) fn run(program: &Path, args: &[&str], limits: ChildLimits, stop: &Stop) -> Result<Output, ExecError> {
    run_with(&ENVIRONMENT, program, args, limits, stop)
}

/// Like [`run`], for a program that prints local times: it prints them in UTC.
pub(crate) fn run_in_utc(program: &Path, args: &[&str], limits: ChildLimits, stop: &Stop) -> Result<Output, ExecError> {
    let [language, path] = ENVIRONMENT;
    run_with(&[language, path, ("TZ", "UTC0")], program, args, limits, stop)
}

fn run_with(
    environment: &[(&str, &str)],
    program: &Path,
    args: &[&str],
    limits: ChildLimits,
    stop: &Stop,
) -> Result<Output, ExecError> {
    let started = Instant::now();
    let mut command = command(program);
    command
        .args(args)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Err(ExecError::Start { program: program.to_owned(), error }),
    };
    let output = Run::new(child).finish(limits, stop, started)?;
    match trampoline::failure(&output) {
        Some(error) => Err(ExecError::Start { program: program.to_owned(), error }),
        None => Ok(output),
    }
}

#[expect(clippy::disallowed_methods, reason = "children are started here only")]
fn command(program: &Path) -> Command {
    if !trampoline::is_enabled() {
        return Command::new(program);
    }
    let mut command = Command::new(trampoline::SELF);
    command.arg0(trampoline::NAME).args(trampoline::arguments(program));
    command
}

/// Executes `program` with the arguments of this process and additional variables; returns only on failure.
#[expect(clippy::disallowed_methods, reason = "children are started here only")]
pub(super) fn reexec(
    program: &Path,
    mut args: impl Iterator<Item = OsString>,
    variables: [(&str, &str); 3],
) -> io::Error {
    let name = args.next().unwrap_or_else(|| program.into());
    Command::new(program).arg0(name).args(args).envs(variables).exec()
}

/// Executes `program`; returns only on failure.
#[expect(clippy::disallowed_methods, reason = "children are started here only")]
pub(super) fn replace(program: &Path, args: impl Iterator<Item = OsString>) -> io::Error {
    Command::new(program).args(args).exec()
}

/// A running child with its pidfd and pipes.
struct Run {
    child: Child,
    pidfd: Option<OwnedFd>,
    stdout: Option<Pipe>,
    stderr: Option<Pipe>,
}

/// Why waiting ended.
enum Ended {
    Exited,
    Deadline,
    TooLarge,
    Stopped,
    Broken(io::Error),
}

impl Run {
    fn new(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(|pipe| Pipe::new(OwnedFd::from(pipe)));
        let stderr = child.stderr.take().map(|pipe| Pipe::new(OwnedFd::from(pipe)));
        Self { pidfd: pidfd(&child), child, stdout, stderr }
    }

    fn finish(mut self, limits: ChildLimits, stop: &Stop, started: Instant) -> Result<Output, ExecError> {
        let ended = self.wait(started + limits.deadline, limits.output_bytes, Some(stop));
        match ended {
            Ended::Exited => match self.reap() {
                Ok(status) => Ok(self.output(status, started.elapsed())),
                Err(error) => Err(ExecError::Watch { error, stuck: None }),
            },
            Ended::Deadline => {
                let stuck = self.end(TERM_GRACE, limits.output_bytes, stop);
                Err(ExecError::TimedOut { deadline: limits.deadline, stuck })
            }
            Ended::TooLarge => {
                let stuck = self.end(Duration::ZERO, limits.output_bytes, stop);
                Err(ExecError::TooLarge { limit: limits.output_bytes, stuck })
            }
            Ended::Stopped => Err(ExecError::Stopped { stuck: self.end(Duration::ZERO, limits.output_bytes, stop) }),
            Ended::Broken(error) => {
                Err(ExecError::Watch { error, stuck: self.end(Duration::ZERO, limits.output_bytes, stop) })
            }
        }
    }

    /// Reads and waits until the child exits, a limit is exceeded, or the daemon stops.
    fn wait(&mut self, until: Instant, cap: usize, stop: Option<&Stop>) -> Ended {
        let Some(pidfd) = self.pidfd.as_ref() else {
            return Ended::Broken(io::Error::other("pidfd_open failed (Linux 5.3 or later is required)"));
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ended::Deadline;
            }
            let mut fds = vec![PollFd::new(pidfd, PollFlags::IN)];
            fds.extend(stop.map(|stop| PollFd::new(stop, PollFlags::IN)));
            for pipe in [&self.stdout, &self.stderr].into_iter().flatten() {
                if !pipe.done {
                    fds.push(PollFd::new(&pipe.file, PollFlags::IN));
                }
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            match poll(&mut fds, Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Ended::Broken(error.into()),
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            let exited = ready.next().unwrap_or(false);
            let stopped = stop.is_some() && ready.next().unwrap_or(false);
            drop(ready);
            drop(fds);
            // The output of an exited child is in the pipe by now; a grandchild may hold the pipe open forever.
            let fits = drain(self.stdout.as_mut(), cap, cap) && drain(self.stderr.as_mut(), STDERR_BYTES, cap);
            if !fits {
                return Ended::TooLarge;
            }
            if exited {
                return Ended::Exited;
            }
            if stopped {
                return Ended::Stopped;
            }
        }
    }

    /// SIGTERM, a grace period that a stop shortens, SIGKILL, a grace period; a child that is still running is stuck.
    fn end(mut self, grace: Duration, cap: usize, stop: &Stop) -> Option<Stuck> {
        if !grace.is_zero() {
            self.signal(Signal::TERM);
            self.wait_for_exit(grace, cap, Some(stop));
        }
        self.signal(Signal::KILL);
        self.wait_for_exit(KILL_GRACE, cap, None);
        // Closing the pipes lets a late writer die of SIGPIPE instead of blocking.
        let Self { mut child, .. } = self;
        match child.try_wait() {
            Ok(None) => Some(Stuck { child, since: Instant::now() }),
            _ => None,
        }
    }

    fn wait_for_exit(&mut self, grace: Duration, cap: usize, stop: Option<&Stop>) {
        let until = Instant::now() + grace;
        // The output of a child that still writes must be read, or the child would block instead of exiting.
        while matches!(self.wait(until, cap, stop), Ended::TooLarge) {
            (self.stdout, self.stderr) = (None, None);
        }
    }

    /// Takes the exit status, after the rest of the process group has been killed: the ended child is not reaped yet, so
    /// the id of the group cannot have been reused.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.child.wait()
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = pid(&self.child) {
            // ESRCH: the group has ended already.
            let _ = kill_process_group(pid, signal);
        }
    }

    fn output(self, status: ExitStatus, took: Duration) -> Output {
        let stderr = self.stderr.map(|pipe| pipe.bytes).unwrap_or_default();
        Output {
            stdout: self.stdout.map(|pipe| pipe.bytes).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
            code: status.code(),
            signal: status.signal(),
            took,
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

fn pidfd(child: &Child) -> Option<OwnedFd> {
    pidfd_open(pid(child)?, PidfdFlags::empty()).ok()
}

/// Like [`Pipe::drain`]. True if the pipe is closed.
fn drain(pipe: Option<&mut Pipe>, kept: usize, cap: usize) -> bool {
    match pipe {
        Some(pipe) => pipe.drain(kept, cap),
        None => true,
    }
}

/// The read end of a pipe, which is read without blocking.
struct Pipe {
    file: File,
    bytes: Vec<u8>,
    /// Number of bytes read, kept or not.
    total: usize,
    done: bool,
}

impl Pipe {
    fn new(fd: OwnedFd) -> Self {
        // If this fails, reads could block, so the pipe is not read at all.
        let done = rustix::io::ioctl_fionbio(&fd, true).is_err();
        Self { file: File::from(fd), bytes: Vec::new(), total: 0, done }
    }

    /// Reads the available bytes, and keeps the first `kept` bytes. False if the total exceeds `cap`; without this cap
    /// a fast writer would keep the loop busy forever.
    fn drain(&mut self, kept: usize, cap: usize) -> bool {
        let mut chunk = [0u8; 16 * 1024];
        while !self.done {
            match self.file.read(&mut chunk) {
                Ok(0) => self.done = true,
                Ok(length) => {
                    let room = kept.saturating_sub(self.bytes.len());
                    self.bytes.extend_from_slice(chunk.get(..length.min(room)).unwrap_or_default());
                    self.total = self.total.saturating_add(length);
                    if self.total > cap {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.done = true,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(ms: u64, output_bytes: usize) -> ChildLimits {
        ChildLimits { deadline: Duration::from_millis(ms), output_bytes }
    }

    fn sh(script: &str, limits: ChildLimits) -> Result<Output, ExecError> {
        let stop = Stop::new().map_err(|error| ExecError::Watch { error, stuck: None })?;
        run(Path::new("/bin/sh"), &["-c", script], limits, &stop)
    }

    #[test]
    fn output_status_and_environment_are_the_childs_own() {
        let out = sh("echo out; echo err >&2; echo $LC_ALL $HOME; pwd; exit 3", limits(5_000, 1_000));
        let out = out.unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "out\nC\n/\n");
        assert_eq!((out.code, out.signal, out.stderr.as_str()), (Some(3), None, "err"));
        let killed = sh("kill -9 $$", limits(5_000, 1_000)).unwrap();
        assert_eq!((killed.code, killed.signal), (None, Some(9)));
    }

    #[test]
    fn local_times_can_be_utc() {
        let stop = Stop::new().unwrap();
        let script = ["-c", "date -d @1767225600; echo $LC_ALL"];
        let out = run_in_utc(Path::new("/bin/sh"), &script, limits(5_000, 1_000), &stop);
        let out = out.unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "Thu Jan  1 00:00:00 UTC 2026\nC\n");
    }

    #[test]
    fn a_child_that_does_not_end_is_ended() {
        let error = sh("sleep 100", limits(50, 1_000)).err();
        assert!(matches!(error, Some(ExecError::TimedOut { stuck: None, .. })), "{error:?}");
    }

    #[test]
    fn a_child_that_ignores_term_is_killed_with_its_children() {
        let error = sh("trap '' TERM; sleep 100 & sleep 100 & wait; wait; sleep 100", limits(50, 1_000)).err();
        assert!(matches!(error, Some(ExecError::TimedOut { stuck: None, .. })), "{error:?}");
    }

    #[test]
    fn a_grandchild_that_keeps_the_pipe_open_causes_no_delay() {
        let out = sh("sleep 100 & echo done", limits(10_000, 1_000)).unwrap();
        assert_eq!(out.stdout, b"done\n");
    }

    #[test]
    fn too_much_output_is_cut_off() {
        let error = sh("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", limits(10_000, 100_000)).err();
        assert!(matches!(error, Some(ExecError::TooLarge { limit: 100_000, stuck: None })), "{error:?}");
        let out = sh("head -c 300000 /dev/zero", limits(10_000, 300_000)).unwrap();
        assert_eq!(out.stdout.len(), 300_000, "exactly the limit");
    }

    #[test]
    fn a_flood_of_errors_is_cut_off() {
        let error = sh("exec yes this is no answer >&2", limits(60_000, 1_000_000)).err();
        assert!(matches!(error, Some(ExecError::TooLarge { limit: 1_000_000, stuck: None })), "{error:?}");
        let out = sh("head -c 300000 /dev/zero >&2; echo good", limits(10_000, 300_000));
        assert_eq!(out.unwrap().stdout, b"good\n", "up to the limit it is ignored");
    }

    #[test]
    fn a_stop_ends_the_child_at_once() {
        let stop = Stop::new().unwrap();
        stop.request();
        let error = run(Path::new("/bin/sleep"), &["100"], limits(60_000, 10), &stop).err();
        assert!(matches!(error, Some(ExecError::Stopped { stuck: None })), "{error:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let stop = Stop::new().unwrap();
        let error = run(Path::new("/nonexistent/smartctl"), &[], limits(1_000, 10), &stop).err();
        assert!(error.unwrap().to_string().contains("/nonexistent/smartctl"));
    }
}
