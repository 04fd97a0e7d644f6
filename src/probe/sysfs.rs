//! Attributes, folders and links of sysfs.
//!
//! Only `blocking_attribute` may block: all other functions read folders, links, and regular files, which they open
//! without blocking.
//!
//! A read that fails for lack of descriptors or memory does not mean that the attribute is absent. Such failures are
//! counted, and a discovery is complete only if none occurred during it (`ShortageCheck`).

use super::Host;
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Mode, OFlags, fstat, open, statfs};
use rustix::io::{Errno, read, retry_on_intr};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;
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
    let Some(code) = error.raw_os_error() else { return };
    if SHORTAGE_ERRORS.iter().any(|errno| errno.raw_os_error() == code) {
        LAST_SHORTAGE.store(code, Ordering::Relaxed);
        SHORTAGES_SEEN.fetch_add(1, Ordering::Release);
    }
}

/// Detects shortages during a discovery. Those of all threads count, since a discovery runs in several threads.
pub(crate) struct ShortageCheck {
    seen_before: u64,
}

impl ShortageCheck {
    pub(crate) fn begin() -> Self {
        Self { seen_before: SHORTAGES_SEEN.load(Ordering::Acquire) }
    }

    /// An error means that something may be present that was not read.
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

/// An attribute as a number; `None` also when it is not one.
pub(super) fn parsed_attribute<T: FromStr>(path: &Path) -> Option<T> {
    attribute(path)?.parse().ok()
}

/// Like [`attribute`], for an attribute that the kernel reads from the enclosure. It may block forever, so only
/// children and threads that may be abandoned call it.
pub(super) fn blocking_attribute(path: &Path) -> Option<String> {
    text(&ok_or_counted(read_page(path, OFlags::empty()).map_err(Into::into))?)
}

fn text(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    if text.is_empty() || text == "(null)" {
        return None;
    }
    Some(text.to_owned())
}

/// An attribute as bytes. At most a page.
pub(super) fn binary(path: &Path) -> Option<Vec<u8>> {
    ok_or_counted(read_page(path, OFlags::NONBLOCK).map_err(Into::into))
}

fn read_page(path: &Path, blocking: OFlags) -> rustix::io::Result<Vec<u8>> {
    let flags = blocking | OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| open(path, flags, Mode::empty()))?;
    let is_regular = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile;
    if !is_regular && blocking.contains(OFlags::NONBLOCK) {
        return Err(Errno::INVAL);
    }
    // Not filled with zeros: each request for a drive reads several attributes.
    let mut page = Vec::with_capacity(PAGE);
    // One call returns the complete attribute, or as much of it as one call can return.
    retry_on_intr(|| read(&file, spare_capacity(&mut page)))?;
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

/// The last component of a link's target: `…/target0:0:7/0:0:7:0` gives `0:0:7:0`.
pub(super) fn link_name(path: &Path) -> Option<String> {
    let target = ok_or_counted(std::fs::read_link(path))?;
    Some(target.file_name()?.to_str()?.to_owned())
}

/// A number that increases with each new link: of two links, the one with the higher number was created later. In sysfs
/// it is the inode number: sysfs numbers its nodes in the order of their creation (`idr_alloc_cyclic` in
/// `__kernfs_new_node`, `fs/kernfs/dir.c`, from Linux 4.14 on; earlier kernels reuse free numbers), while the times of
/// a node are those of the first access to it (`kernfs_init_inode`). On other file systems it is the time when the link
/// was created, in nanoseconds.
pub(super) fn link_age(host: &Host, path: &Path) -> Option<u64> {
    let metadata = ok_or_counted(std::fs::symlink_metadata(path))?;
    let folder = path.parent()?;
    if is_sysfs(folder) {
        if !has_increasing_inodes(host) {
            return None;
        }
        return Some(metadata.ino());
    }
    let seconds = u64::try_from(metadata.mtime()).ok()?;
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(metadata.mtime_nsec()).ok()?))
}

/// The kernel is Linux 4.14 or later, on which inode numbers of sysfs increase.
fn has_increasing_inodes(host: &Host) -> bool {
    let release = attribute(&host.path("proc/sys/kernel/osrelease")).unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= (4, 14)
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
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("size"), " 42\n").unwrap();
        std::os::unix::fs::symlink("size", folder.join("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, folder.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(attribute(&folder.join("size")).as_deref(), Some("42"));
        assert_eq!(attribute(&folder.join("link")).as_deref(), Some("42"));
        for other in ["fifo", ".", "absent"] {
            assert_eq!(binary(&folder.join(other)), None, "{other}");
        }
        assert_eq!(binary(Path::new("/dev/zero")), None);
    }

    #[test]
    fn an_absent_folder_is_empty_and_an_unreadable_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("file"), "").unwrap();
        std::os::unix::fs::symlink("loop", folder.join("loop")).unwrap();
        for absent in ["absent", "file"] {
            assert!(listed(&folder.join(absent)).is_ok_and(|names| names.is_empty()), "{absent}");
        }
        assert!(listed(&folder.join("loop")).is_err());
        assert_eq!(names(&folder.join("loop")), [""; 0]);
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
