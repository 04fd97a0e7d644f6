//! File operations whose errors name the path.

use anyhow::{Context, Result};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Creates a directory and its missing parents.
pub fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create directory {}", path.display()))
}

/// Creates a directory whose parent exists, with one system call instead of several. A host has about 100,000
/// directories.
pub fn make_child_dir(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make_dir(path),
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot create directory {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file in place. A reader may see a part of it.
pub fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a sysfs attribute: the value and a newline.
pub fn attribute(dir: &Path, name: &str, value: &str) -> Result<()> {
    put(&dir.join(name), format!("{value}\n"))
}

/// Replaces a file atomically: a reader sees the old or the new content.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    put(&temporary, content)?;
    fs::rename(&temporary, path)
        .with_context(|| format!("cannot rename {} over {}", temporary.display(), path.display()))
}

/// Appends a line with one `O_APPEND` write, so that lines of concurrent processes do not mix.
pub fn append_line(path: &Path, line: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("cannot open {} to append to it", path.display()))?;
    file.write_all(format!("{line}\n").as_bytes()).with_context(|| format!("cannot append to {}", path.display()))
}

/// Writes to standard output. Errors are ignored: a reader may close the pipe early.
pub fn say(text: impl AsRef<[u8]>) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_ref()).is_ok() {
        let _ = out.flush();
    }
}

/// Creates a relative link at `at` to `to`, both relative to `root`. Replaces what is at `at`.
pub fn link(root: &Path, at: &str, to: &str) -> Result<()> {
    let from = at.rsplit_once('/').map_or("", |(dir, _)| dir);
    link_text(&root.join(at), &relative(from, to))
}

/// Creates a link with exactly this text. An existing one is replaced atomically, as udev does: the threads that lay
/// out drives create links of the same name.
pub fn link_text(at: &Path, text: &str) -> Result<()> {
    try_link(at, text).with_context(|| format!("cannot link {} to {text}", at.display()))
}

fn try_link(at: &Path, text: &str) -> io::Result<()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    match symlink(text, at) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let temporary = at.with_file_name(format!(".link-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
            symlink(text, &temporary)?;
            fs::rename(&temporary, at)
        }
        result => result,
    }
}

/// Removes a file or link if it exists.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a directory with its content if it exists.
pub fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The text of a relative link in directory `from` to `to`. Both are relative to the same root.
pub fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|part| !part.is_empty()).collect();
    let common = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
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
