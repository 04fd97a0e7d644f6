//! Attributes, folders and links of sysfs.
//!
//! Only `blocking_attribute` may block: all other functions read folders, links, and regular files, which they open
//! without blocking.
//!
//! A read that fails for lack of descriptors or memory does not mean that the attribute is absent. Such failures are
//! counted, and a discovery is complete only if none occurred during it (`ShortageCheck`).

use super::Host;
use rustix::fs::{FileType, Mode, OFlags, fstat, open, statfs};
use rustix::io::{Errno, read, retry_on_intr};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// `f_type` of sysfs (statfs(2)).
pub(super) const SYSFS_MAGIC: i64 = 0x6265_6572;
/// Maximum size of an attribute: a page.
const PAGE: usize = 4096;
/// No descriptors in the process, none in the kernel, no memory.
const SHORTAGE_ERRORS: [Errno; 3] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];

/// How many reads failed for a shortage, in all threads, and the error of the last one.
static SHORTAGES_SEEN: AtomicU64 = AtomicU64::new(0);
static LAST_SHORTAGE: AtomicI32 = AtomicI32::new(0);

/// Counts a failure if it is a shortage.
pub(super) fn count_shortage(error: &io::Error) {
    let is_shortage = |errno: &Errno| error.raw_os_error() == Some(errno.raw_os_error());
    if let Some(errno) = SHORTAGE_ERRORS.iter().find(|errno| is_shortage(errno)) {
        LAST_SHORTAGE.store(errno.raw_os_error(), Ordering::Relaxed);
        SHORTAGES_SEEN.fetch_add(1, Ordering::Release);
    }
}

/// Detects shortages during a discovery. Those of all threads count: a discovery runs in several of them.
pub(crate) struct ShortageCheck {
    seen_before: u64,
}

impl ShortageCheck {
    pub(crate) fn begin() -> Self {
        Self { seen_before: SHORTAGES_SEEN.load(Ordering::Acquire) }
    }

    /// An error: something may be present that was not read.
    pub(crate) fn finish(&self) -> io::Result<()> {
        if SHORTAGES_SEEN.load(Ordering::Acquire) == self.seen_before {
            return Ok(());
        }
        Err(io::Error::from_raw_os_error(LAST_SHORTAGE.load(Ordering::Relaxed)))
    }
}

/// An attribute, trimmed; `None` when absent, unreadable, empty, or `(null)`. At most a page.
pub(super) fn attribute(path: &Path) -> Option<String> {
    text(&binary(path)?)
}

/// The same for an attribute for which the kernel asks the enclosure. It may block forever, so only children and
/// threads that may be abandoned call it.
pub(super) fn blocking_attribute(path: &Path) -> Option<String> {
    text(&ok_or_counted(read_page(path, OFlags::empty()).map_err(Into::into))?)
}

fn text(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty() && text != "(null)").then(|| text.to_owned())
}

/// An attribute as bytes. At most a page.
pub(super) fn binary(path: &Path) -> Option<Vec<u8>> {
    ok_or_counted(read_page(path, OFlags::NONBLOCK).map_err(Into::into))
}

fn read_page(path: &Path, how: OFlags) -> rustix::io::Result<Vec<u8>> {
    let flags = how | OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| open(path, flags, Mode::empty()))?;
    let is_regular = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile;
    if !is_regular && how.contains(OFlags::NONBLOCK) {
        return Err(Errno::INVAL);
    }
    let mut page = vec![0; PAGE];
    // One call returns the complete attribute, or as much of it as one call can return.
    let length = retry_on_intr(|| read(&file, &mut page[..]))?;
    page.truncate(length);
    Ok(page)
}

/// Names in a folder; empty when it does not exist or cannot be read.
pub(super) fn names(dir: &Path) -> Vec<String> {
    ok_or_counted(listed(dir)).unwrap_or_default()
}

/// Names in a folder; empty when it does not exist. Any other failure is an error.
pub(super) fn listed(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // The kernel's names are all UTF-8.
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// The last part of what a link points to: `…/target0:0:7/0:0:7:0` gives `0:0:7:0`.
pub(super) fn link_name(path: &Path) -> Option<String> {
    let target = ok_or_counted(std::fs::read_link(path))?;
    Some(target.file_name()?.to_str()?.to_owned())
}

/// The order in which links were made. sysfs numbers its nodes in that order (`idr_alloc_cyclic` in `__kernfs_new_node`,
/// `fs/kernfs/dir.c`, from Linux 4.14 on; before, a free number was used again), and gives them the time when they were
/// looked at first (`kernfs_init_inode`). Other file systems have the time when a link was made.
pub(super) fn link_age(host: &Host, path: &Path) -> Option<u64> {
    let about = ok_or_counted(std::fs::symlink_metadata(path))?;
    let folder = path.parent()?;
    if is_sysfs(folder) {
        return numbers_links_in_order(host).then_some(about.ino());
    }
    let seconds = u64::try_from(about.mtime()).ok()?;
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(about.mtime_nsec()).ok()?))
}

/// The kernel is Linux 4.14 or later, on which inode numbers of sysfs increase.
fn numbers_links_in_order(host: &Host) -> bool {
    let release = attribute(&host.path("proc/sys/kernel/osrelease")).unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= (4, 14))
}

fn is_sysfs(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|fs| fs.f_type == SYSFS_MAGIC)
}

fn ok_or_counted<T>(result: io::Result<T>) -> Option<T> {
    result.inspect_err(count_shortage).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_blocks() {
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
    fn an_absent_folder_is_empty_and_an_unreadable_one_is_an_error() {
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
    fn a_discovery_is_incomplete_after_any_shortage() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            let check = ShortageCheck::begin();
            count_shortage(&errno.into());
            assert!(check.finish().is_err(), "{errno:?}");
        }
    }
}
