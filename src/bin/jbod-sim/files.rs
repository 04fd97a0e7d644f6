//! Small file operations with errors that name the path. Knows nothing of drives or shelves.

use anyhow::{Context, Result};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a directory and what is missing above it.
pub fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the directory {}", path.display()))
}

/// Makes one directory whose parent is there: one system call, where a layout makes 100,000 of them.
pub fn make_one(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => make_dir(path),
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            Err(e).with_context(|| format!("cannot make the directory {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file in place, as for a fresh layout.
pub fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// A sysfs attribute: the value and a newline.
pub fn attribute(dir: &Path, name: &str, value: &str) -> Result<()> {
    put(&dir.join(name), format!("{value}\n"))
}

/// Writes beside and renames over, so that a reader sees the old or the new content, never half.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    put(&temporary, content)?;
    fs::rename(&temporary, path)
        .with_context(|| format!("cannot rename {} over {}", temporary.display(), path.display()))
}

/// One line, in one `O_APPEND` write: lines of concurrent processes do not mix.
pub fn append_line(path: &Path, line: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("cannot open {} for appending", path.display()))?;
    file.write_all(format!("{line}\n").as_bytes()).with_context(|| format!("cannot append to {}", path.display()))
}

/// Prints to standard output. Nobody may be listening any more: that is no error of ours.
pub fn say(text: impl AsRef<[u8]>) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
}

/// A relative link at `at` that leads to `to`, both below `root`. What was at `at` is replaced.
pub fn link(root: &Path, at: &str, to: &str) -> Result<()> {
    let from = at.rsplit_once('/').map_or("", |(dir, _)| dir);
    link_text(&root.join(at), &relative(from, to))
}

/// A link with exactly that text. One that is there gives way at once, as udev does it: drives are
/// laid out by several threads, and some have a name in common.
pub fn link_text(at: &Path, text: &str) -> Result<()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let cannot = || format!("cannot link {} to {text}", at.display());
    match symlink(text, at) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let aside = at.with_file_name(format!(".link-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
            symlink(text, &aside).and_then(|()| fs::rename(&aside, at)).with_context(cannot)
        }
        other => other.with_context(cannot),
    }
}

/// Removes a file or link; one that is not there is fine.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a directory with all in it; one that is not there is fine.
pub fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The text of a relative link in directory `from` that leads to `to`; both start at the same root.
pub fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|p| !p.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|p| !p.is_empty()).collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let ups = std::iter::repeat_n("..", from.len() - common);
    let parts: Vec<&str> = ups.chain(to.iter().skip(common).copied()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_share_the_common_part() {
        assert_eq!(relative("sys/block", "sys/devices/a/b"), "../devices/a/b");
        assert_eq!(relative("dev/disk/by-id", "dev/sda"), "../../sda");
        assert_eq!(relative("a/b", "a/b/c"), "c");
        assert_eq!(relative("a/b", "a/b"), ".");
    }
}
