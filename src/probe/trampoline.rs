//! Starts a child through a trampoline, so that the child does not outlive the daemon even if SIGKILL ends the daemon.
//!
//! The kernel provides this (`PR_SET_PDEATHSIG`, prctl(2)), but a process can request it only for itself. So a tool is
//! started through this program under another name, which makes the request and then executes the tool. Not covered are
//! a tool's own children, and a tool that the kernel cannot end before its drive responds.

use super::enclosure;
use super::exec::{self, Output};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The name (`argv[0]`) under which this program executes a tool.
pub(super) const NAME: &str = "jbod-monitor-child";
/// The running executable, also after an upgrade has replaced the file.
pub(super) const SELF: &str = "/proc/self/exe";
/// A tool that this program provides itself: it dumps the attributes that the kernel reads from an enclosure.
pub(crate) const READ_ENCLOSURE: &str = "read-enclosure";
/// The exit status of a shell that cannot start a program, and the prefix of the error number on standard error.
const NOT_STARTED: u8 = 126;
const ERROR_PREFIX: &str = "jbod-monitor-child: errno ";

/// False if the running program is not jbod-monitor (a test of the library), or /proc is not mounted.
static IS_ENABLED: AtomicBool = AtomicBool::new(false);

/// Starts tools through this program from now on. Only for a program whose `main` begins with
/// [`run_as_trampoline`].
pub fn enable() {
    IS_ENABLED.store(Path::new(SELF).exists(), Ordering::Relaxed);
}

pub(crate) fn is_enabled() -> bool {
    IS_ENABLED.load(Ordering::Relaxed)
}

/// Executes the tool that the arguments name, if this process was started as a trampoline. Returns `None` if it was
/// not, otherwise the exit code on failure or after `READ_ENCLOSURE`.
pub fn run_as_trampoline() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    if args.next()? != NAME {
        return None;
    }
    let failed = Some(ExitCode::from(NOT_STARTED));
    let (Some(parent), Some(program)) = (args.next(), args.next()) else { return failed };
    let death_signal = set_parent_process_death_signal(Some(Signal::KILL));
    // If the parent died before PDEATHSIG was set, no signal will be sent.
    let current_parent = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if current_parent.as_deref() != parent.to_str() {
        return failed;
    }
    if let Err(error) = death_signal {
        return Some(fail(&error.into()));
    }
    if program == READ_ENCLOSURE {
        let dirs: Vec<PathBuf> = args.map(PathBuf::from).collect();
        let text = enclosure::dump_attributes(dirs.iter().map(PathBuf::as_path));
        let _ = io::Write::write_all(&mut io::stdout(), text.as_bytes());
        return Some(ExitCode::SUCCESS);
    }
    Some(fail(&exec::replace(Path::new(&program), args)))
}

/// Reports the error to the parent, which may have ended.
fn fail(error: &io::Error) -> ExitCode {
    let _ = io::Write::write_all(&mut io::stderr(), format!("{ERROR_PREFIX}{}\n", number(error)).as_bytes());
    ExitCode::from(NOT_STARTED)
}

/// Tuning of glibc's allocator (mallopt(3)). One arena, since otherwise each thread has its own and keeps freed memory
/// in it; a second arena already costs a sixth more. Fixed thresholds, so that large blocks are returned to the kernel
/// at once; otherwise glibc raises the mmap threshold after the first large free.
const MALLOC_TUNING: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "2097152"), ("MALLOC_TRIM_THRESHOLD_", "4194304")];

/// Executes this program again with `MALLOC_TUNING`, which glibc reads only at the start of a process. Returns on
/// failure; the program then uses some megabytes more memory.
pub fn reexec_with_malloc_tuning() {
    if let Ok(program) = std::env::current_exe() {
        let error = exec::reexec(&program, std::env::args_os(), MALLOC_TUNING);
        log::debug!("malloc tuning failed error={error:?}");
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// The arguments with which [`run_as_trampoline`] executes `program`.
pub(super) fn arguments(program: &Path) -> [OsString; 2] {
    [std::process::id().to_string().into(), program.into()]
}

/// The error with which the tool could not be started, if the trampoline reported that.
pub(super) fn failure(output: &Output) -> Option<io::Error> {
    if output.code != Some(NOT_STARTED.into()) {
        return None;
    }
    let reported = output.stderr.strip_prefix(ERROR_PREFIX)?;
    Some(match reported.parse() {
        Ok(errno) => io::Error::from_raw_os_error(errno),
        Err(_) => io::Error::other(reported.to_owned()),
    })
}
