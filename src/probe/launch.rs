//! Starts a child so that it does not outlive the daemon, not even one that is killed by SIGKILL.
//!
//! The kernel does this (`PR_SET_PDEATHSIG`, prctl(2)), but a process can request it only for itself. So a tool is started
//! through this program under another name, which makes the request and then executes the tool. Not covered: a tool's own
//! children, and a tool that the kernel cannot end before its drive answers.

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
/// This very file, also after an upgrade has put another in its place.
pub(super) const SELF: &str = "/proc/self/exe";
/// The tool that this program is itself: it reads what only a shelf can say.
pub(crate) const ASK_SHELF: &str = "ask-shelf";
/// The exit status of a shell that cannot start a program, and what stands before the error's number.
const NOT_STARTED: u8 = 126;
const BECAUSE: &str = "jbod-monitor-child: errno ";

/// Off where the running program is another than ours (a test of the library), or has no /proc.
static IS_USED: AtomicBool = AtomicBool::new(false);

/// From now on tools are started through this program. Only for one whose `main` begins with
/// [`become_tool`].
pub fn use_it() {
    IS_USED.store(Path::new(SELF).exists(), Ordering::Relaxed);
}

pub(crate) fn is_used() -> bool {
    IS_USED.load(Ordering::Relaxed)
}

/// Becomes the tool that the arguments name, if this process was started for that; returns only
/// when it was not, or cannot.
pub fn become_tool() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    if args.next()? != NAME {
        return None;
    }
    let failed = Some(ExitCode::from(NOT_STARTED));
    let parent = args.next().and_then(|id| id.to_str()?.parse::<u32>().ok());
    let Some(program) = args.next() else { return failed };
    let tied = set_parent_process_death_signal(Some(Signal::KILL));
    // Who has died before the kernel was asked is not told of any more.
    let is_orphan = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()) != parent;
    if is_orphan {
        return failed;
    }
    if program == ASK_SHELF {
        let dirs: Vec<PathBuf> = args.map(PathBuf::from).collect();
        let told = enclosure::told(dirs.iter().map(PathBuf::as_path));
        let _ = io::Write::write_all(&mut io::stdout(), told.as_bytes());
        return Some(ExitCode::SUCCESS);
    }
    let error = match tied {
        Ok(()) => exec::replace(Path::new(&program), args),
        Err(error) => error.into(),
    };
    // Nobody may be there to read it.
    let _ = io::Write::write_all(&mut io::stderr(), format!("{BECAUSE}{}\n", number(&error)).as_bytes());
    failed
}

/// How glibc is to keep memory (mallopt(3)): one arena, where every thread would have one of its own and keep in it what
/// it was once given, and a second one already costs a sixth more; and what is large goes back as soon as it is free, where the
/// first output of some megabytes would have the like of it kept from then on.
const MALLOC: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "2097152"), ("MALLOC_TRIM_THRESHOLD_", "4194304")];

/// Starts this program over, in place, so that it keeps little memory: that is told before it begins or
/// not at all. Returns when it cannot be, which costs some megabytes.
pub fn with_little_memory() {
    if let Ok(program) = std::env::current_exe() {
        let error = exec::again(&program, std::env::args_os(), MALLOC);
        log::debug!("memory is kept as the C library has it error={error:?}");
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// The arguments that have `program` started by [`become_tool`].
pub(super) fn arguments(program: &Path) -> [OsString; 2] {
    [std::process::id().to_string().into(), program.into()]
}

/// Why the tool could not be started, if that is what the child says.
pub(super) fn failure(output: &Output) -> Option<io::Error> {
    let said = output.stderr.strip_prefix(BECAUSE).filter(|_| output.code == Some(NOT_STARTED.into()))?;
    Some(said.parse().map_or_else(|_| io::Error::other(said.to_owned()), io::Error::from_raw_os_error))
}
