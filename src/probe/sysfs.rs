//! Attributes, folders and links of sysfs.
//!
//! Nothing here blocks but `awaited`: only regular files are read, opened so that no other kind of file is waited for. And
//! nothing that could not be read because the process or the kernel was short of something passes for something that is not
//! there: it is counted, and a look at the host as a whole (`Look`) is complete only if nothing was counted meanwhile.

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, read, retry_on_intr};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// What one call may give: a page.
const PAGE: usize = 4096;
/// Descriptors of the process, of the kernel, and memory.
const SHORTAGES: [Errno; 3] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];

/// Reads that failed for a shortage so far, in all threads, and how the last one did.
static SHORT: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

/// Counts a failure, if it is none of what was read but a shortage.
pub(super) fn note(error: &io::Error) {
    let is_shortage = |errno: &Errno| error.raw_os_error() == Some(errno.raw_os_error());
    if let Some(errno) = SHORTAGES.iter().find(|errno| is_shortage(errno)) {
        LAST.store(errno.raw_os_error(), Ordering::Relaxed);
        SHORT.fetch_add(1, Ordering::Release);
    }
}

/// A look at the host as a whole. Shortages of other threads count as well: what failed there may have failed here.
pub(crate) struct Look {
    short: u64,
}

impl Look {
    pub(crate) fn begin() -> Self {
        Self { short: SHORT.load(Ordering::Acquire) }
    }

    /// An error: something may be there that was not seen.
    pub(crate) fn is_complete(&self) -> io::Result<()> {
        if SHORT.load(Ordering::Acquire) == self.short {
            return Ok(());
        }
        Err(io::Error::from_raw_os_error(LAST.load(Ordering::Relaxed)))
    }
}

/// An attribute, trimmed; `None` when absent, unreadable, empty, or `(null)`. At most a page.
pub(super) fn attribute(path: &Path) -> Option<String> {
    text(&binary(path)?)
}

/// The same of an attribute for which the kernel asks a shelf: may block for good, so it is for children that may be lost.
pub(super) fn awaited(path: &Path) -> Option<String> {
    text(&noted(read_page(path, OFlags::empty()).map_err(Into::into))?)
}

fn text(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty() && text != "(null)").then(|| text.to_owned())
}

/// An attribute as bytes. At most a page.
pub(super) fn binary(path: &Path) -> Option<Vec<u8>> {
    noted(read_page(path, OFlags::NONBLOCK).map_err(Into::into))
}

fn read_page(path: &Path, how: OFlags) -> rustix::io::Result<Vec<u8>> {
    let flags = how | OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| open(path, flags, Mode::empty()))?;
    let is_regular = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile;
    if !is_regular && how.contains(OFlags::NONBLOCK) {
        return Err(Errno::INVAL);
    }
    let mut page = vec![0; PAGE];
    // One call gives all of it, or as much as one call ever gives.
    let length = retry_on_intr(|| read(&file, &mut page[..]))?;
    page.truncate(length);
    Ok(page)
}

/// Names in a folder that need not be there; empty when it cannot be read.
pub(super) fn names(dir: &Path) -> Vec<String> {
    noted(listed(dir)).unwrap_or_default()
}

/// Names in a folder; none where there is no such folder. Any other reason why it cannot be read is an error.
pub(super) fn listed(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // What is no text is no name of the kernel's.
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// The last part of what a link points to: `…/target0:0:7/0:0:7:0` gives `0:0:7:0`.
pub(super) fn link_name(path: &Path) -> Option<String> {
    let target = noted(std::fs::read_link(path))?;
    Some(target.file_name()?.to_str()?.to_owned())
}

fn noted<T>(result: io::Result<T>) -> Option<T> {
    result.inspect_err(note).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| unreachable!("{e}"));
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("size"), " 42\n").unwrap_or_else(|e| unreachable!("{e}"));
        std::os::unix::fs::symlink("size", path("link")).unwrap_or_else(|e| unreachable!("{e}"));
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), FileType::Fifo, Mode::RUSR, 0)
            .unwrap_or_else(|e| unreachable!("{e}"));
        assert_eq!(attribute(&path("size")).as_deref(), Some("42"));
        assert_eq!(attribute(&path("link")).as_deref(), Some("42"));
        for other in ["fifo", ".", "absent"] {
            assert_eq!(binary(&path(other)), None, "{other}");
        }
        assert_eq!(binary(Path::new("/dev/zero")), None);
    }

    #[test]
    fn what_is_not_there_is_no_shortage_and_what_cannot_be_listed_is_not_empty() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| unreachable!("{e}"));
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").unwrap_or_else(|e| unreachable!("{e}"));
        std::os::unix::fs::symlink("loop", path("loop")).unwrap_or_else(|e| unreachable!("{e}"));
        for absent in ["absent", "file"] {
            assert!(listed(&path(absent)).is_ok_and(|names| names.is_empty()), "{absent}");
        }
        assert!(listed(&path("loop")).is_err());
        assert_eq!(names(&path("loop")), [""; 0]);
    }

    #[test]
    fn a_look_is_incomplete_after_any_shortage() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            let look = Look::begin();
            note(&errno.into());
            assert!(look.is_complete().is_err(), "{errno:?}");
        }
    }
}
