//! The versions of the tools that this program needs. smartctl is run for its version once, and again when its file has
//! appeared or changed.
//!
//! `smartctl --version` begins `smartctl 7.4 2023-08-01 r5530 […]` (smartctl(8)); 7.0 was the first
//! release with `--json` (smartmontools NEWS).

use super::Host;
use super::exec::{self, ChildLimits, ExecError, Stuck};
use crate::stop::Stop;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const VERSION_LIMITS: ChildLimits = ChildLimits { deadline: Duration::from_secs(5), output_bytes: 64 * 1024 };
/// The first version with `--json`.
const MIN_VERSION: Version = Version(7, 0);
/// Before it, grown defects of SAS drives were given in bytes (smartmontools NEWS).
pub(crate) const RECOMMENDED: Version = Version(7, 2);
/// Where smartctl is searched for if it was not installed at the start.
const USUAL_PATHS: [&str; 4] =
    ["/usr/sbin/smartctl", "/sbin/smartctl", "/usr/local/sbin/smartctl", "/usr/bin/smartctl"];

/// `7.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub(crate) u32, pub(crate) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Whether smartctl can be used. Its `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Smartctl {
    /// `named`: where it should be, by a setting or because it was there at the start.
    Missing {
        named: Option<PathBuf>,
    },
    TooOld {
        version: Version,
        path: PathBuf,
    },
    Ok {
        version: Version,
        path: PathBuf,
    },
    /// It is installed, but its version could not be read.
    Unrecognized {
        why: String,
        path: PathBuf,
    },
}

impl Smartctl {
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }

    /// The remedy.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "install smartmontools (apt-get install smartmontools), or set SMARTCTL_PATH",
            Self::TooOld { .. } => {
                "install smartmontools 7.0 or later (7.2 or later is better), or set SMARTCTL_PATH to one"
            }
            Self::Ok { .. } => "nothing is needed",
            Self::Unrecognized { .. } => "run it by hand with --version; set SMARTCTL_PATH to a smartctl that works",
        }
    }
}

impl fmt::Display for Smartctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { named: None } => f.write_str("smartctl is not installed: no drive can be read"),
            Self::Missing { named: Some(path) } => {
                write!(f, "smartctl is not at {}: no drive can be read", path.display())
            }
            Self::TooOld { version, path } => {
                write!(
                    f,
                    "smartctl {version} ({}) is older than {MIN_VERSION}, the first with --json: no drive can be read",
                    path.display()
                )
            }
            Self::Ok { version, path } => write!(f, "smartctl {version} ({})", path.display()),
            Self::Unrecognized { why, path } => write!(f, "smartctl ({}) is of no use: {why}", path.display()),
        }
    }
}

impl Host {
    /// The program to run: found at the start, or installed since.
    pub(crate) fn smartctl(&self) -> Option<PathBuf> {
        let installed_since = || USUAL_PATHS.iter().map(PathBuf::from).find(|p| p.is_file());
        self.smartctl.clone().or_else(installed_since)
    }
}

/// The result of a version check.
#[derive(Debug, Default)]
pub(crate) struct VersionCheck {
    /// `None`: stopped before it answered.
    pub(crate) tool: Option<Smartctl>,
    /// The child, if it outlived its SIGKILL.
    pub(crate) stuck: Option<Stuck>,
}

impl From<Smartctl> for VersionCheck {
    fn from(tool: Smartctl) -> Self {
        Self { tool: Some(tool), stuck: None }
    }
}

/// The version of smartctl. Runs one command, on no drive. `None`: stopped before it answered.
pub fn smartctl(host: &Host, stop: &Stop) -> Option<Smartctl> {
    check_smartctl(host, stop).tool
}

/// The same, with the child if it outlived its SIGKILL.
pub(crate) fn check_smartctl(host: &Host, stop: &Stop) -> VersionCheck {
    let Some(path) = host.smartctl() else { return Smartctl::Missing { named: None }.into() };
    if !path.exists() {
        return Smartctl::Missing { named: Some(path) }.into();
    }
    let mut stuck = None;
    let answer = match exec::run(&path, &["--version"], VERSION_LIMITS, stop) {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let first = text.lines().next().unwrap_or_default();
            match version(first) {
                Some(version) if version < MIN_VERSION => Smartctl::TooOld { version, path },
                Some(version) => Smartctl::Ok { version, path },
                None => {
                    let first_line = [first, output.stderr.lines().next().unwrap_or_default()];
                    let first_line = first_line.into_iter().find(|s| !s.is_empty()).unwrap_or("nothing");
                    let first_line: String = first_line.chars().take(200).collect();
                    Smartctl::Unrecognized { why: format!("asked for its version it says: {first_line}"), path }
                }
            }
        }
        Err(ExecError::Start { error, .. }) => {
            Smartctl::Unrecognized { why: format!("it cannot be started: {error}"), path }
        }
        Err(ExecError::Stopped { stuck }) => return VersionCheck { tool: None, stuck },
        Err(error) => {
            let why = format!("asked for its version: {error}");
            stuck = error.stuck();
            Smartctl::Unrecognized { why, path }
        }
    };
    VersionCheck { tool: Some(answer), stuck }
}

/// `smartctl 7.4 2023-08-01 r5530 …`, `smartctl pre-7.5 …`.
fn version(line: &str) -> Option<Version> {
    let mut words = line.split_whitespace();
    let number = words.next().filter(|w| *w == "smartctl").and_then(|_| words.next())?;
    let (major, minor) = number.strip_prefix("pre-").unwrap_or(number).split_once('.')?;
    let digits = minor.bytes().take_while(u8::is_ascii_digit).count();
    Some(Version(major.parse().ok()?, minor.get(..digits)?.parse().ok()?))
}

/// `zpool version`, first line: `zfs-2.2.6-1`. `None`: unknown (before 0.8 there was no such command).
pub(crate) fn zpool_version(host: &Host, stop: &Stop) -> Option<String> {
    let output = exec::run(host.zpool.as_deref()?, &["version"], VERSION_LIMITS, stop).ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next()?.trim().strip_prefix("zfs-").map(|v| v.chars().take(60).collect())
}

/// Identifies the file of a program; an upgrade changes it.
pub(crate) type FileId = (u64, u64, i64, i64);

pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_version_is_read() {
        for (line, expected) in [
            ("smartctl 7.4 2023-08-01 r5530 [x86_64-linux-6.1.0-18-amd64] (local build)", Some(Version(7, 4))),
            ("smartctl pre-7.5 2024-10-02 r5620 [x86_64-linux] (CircleCI)", Some(Version(7, 5))),
            ("smartctl 6.6 2016-05-31 r4324 [x86_64-linux-4.9.0] (local build)", Some(Version(6, 6))),
            ("smartctl 8.0 2027-01-01", Some(Version(8, 0))),
            ("smartctl 7.4rc1 2023-08-01", Some(Version(7, 4))),
            ("smartctl version 5", None),
            ("smartd 7.4", None),
            ("smartctl 7.", None),
            ("", None),
        ] {
            assert_eq!(version(line), expected, "{line:?}");
        }
        assert!(Version(7, 10) > Version(7, 2) && Version(6, 9) < MIN_VERSION);
    }
}
