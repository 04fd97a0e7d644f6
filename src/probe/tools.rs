//! The versions of the tools that this program runs. The version of smartctl is read once, and again when its file has
//! appeared or changed.
//!
//! The output of `smartctl --version` begins with `smartctl 7.4 2023-08-01 r5530 […]` (smartctl(8)); 7.0 was the first
//! release with `--json` (smartmontools NEWS).

use super::Host;
use super::exec::{self, ChildLimits, ExecError, Output, Stuck};
use crate::stop::Stop;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const VERSION_LIMITS: ChildLimits = ChildLimits { deadline: Duration::from_secs(5), output_bytes: 64 * 1024 };
/// The first version with `--json`.
const MIN_VERSION: Version = Version(7, 0);
/// Earlier versions report the grown defects of SAS drives in bytes (smartmontools NEWS).
pub(crate) const RECOMMENDED: Version = Version(7, 2);
/// The paths at which smartctl is searched for if it was not installed at the start.
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
    /// `named`: the path of a setting, or the one at which it was found at the start.
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
    /// It is installed, but its version could not be read. `why`: completes "smartctl is unusable:".
    Unrecognized {
        why: String,
        path: PathBuf,
    },
}

impl Smartctl {
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "install smartmontools (apt-get install smartmontools), or set SMARTCTL_PATH",
            Self::TooOld { .. } => {
                "install smartmontools 7.0 or later (7.2 or later is recommended), or set SMARTCTL_PATH to such a version"
            }
            Self::Ok { .. } => "no action is needed",
            Self::Unrecognized { .. } => {
                "run smartctl --version to see the error; set SMARTCTL_PATH to a smartctl that works"
            }
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
            Self::Unrecognized { why, path } => write!(f, "smartctl ({}) is unusable: {why}", path.display()),
        }
    }
}

impl Host {
    /// The program to run: found at the start, or installed since.
    pub(crate) fn smartctl(&self) -> Option<PathBuf> {
        match &self.smartctl {
            Some(path) => Some(path.clone()),
            None => USUAL_PATHS.iter().map(PathBuf::from).find(|path| path.is_file()),
        }
    }
}

/// The result of a version check.
#[derive(Debug, Default)]
pub(crate) struct VersionCheck {
    /// `None` if the daemon stopped before the result.
    pub(crate) tool: Option<Smartctl>,
    /// The child, if it outlived its SIGKILL.
    pub(crate) stuck: Option<Stuck>,
}

impl From<Smartctl> for VersionCheck {
    fn from(tool: Smartctl) -> Self {
        Self { tool: Some(tool), stuck: None }
    }
}

/// Checks the version of smartctl. Runs one command, on no drive. `None` if the daemon stopped before the result.
pub fn smartctl(host: &Host, stop: &Stop) -> Option<Smartctl> {
    check_smartctl(host, stop).tool
}

/// Like [`smartctl`], with the child if it outlived its SIGKILL.
pub(crate) fn check_smartctl(host: &Host, stop: &Stop) -> VersionCheck {
    let Some(path) = host.smartctl() else { return Smartctl::Missing { named: None }.into() };
    if !path.exists() {
        return Smartctl::Missing { named: Some(path) }.into();
    }
    match exec::run(&path, &["--version"], VERSION_LIMITS, stop) {
        Ok(output) => classify(&output, path).into(),
        Err(ExecError::Start { error, .. }) => {
            Smartctl::Unrecognized { why: format!("it cannot be started: {error}"), path }.into()
        }
        Err(ExecError::Stopped { stuck }) => VersionCheck { tool: None, stuck },
        Err(error) => {
            let why = format!("--version: {error}");
            VersionCheck { tool: Some(Smartctl::Unrecognized { why, path }), stuck: error.stuck() }
        }
    }
}

fn classify(output: &Output, path: PathBuf) -> Smartctl {
    let text = String::from_utf8_lossy(&output.stdout);
    let first_line = text.lines().next().unwrap_or_default();
    match parse_version(first_line) {
        Some(version) if version < MIN_VERSION => Smartctl::TooOld { version, path },
        Some(version) => Smartctl::Ok { version, path },
        None => {
            let first_error = output.stderr.lines().next().unwrap_or_default();
            let printed = [first_line, first_error].into_iter().find(|line| !line.is_empty()).unwrap_or("nothing");
            let printed: String = printed.chars().take(200).collect();
            Smartctl::Unrecognized { why: format!("--version printed no version, but: {printed}"), path }
        }
    }
}

/// `smartctl 7.4 2023-08-01 r5530 …`, `smartctl pre-7.5 …`.
fn parse_version(line: &str) -> Option<Version> {
    let mut words = line.split_whitespace();
    if words.next()? != "smartctl" {
        return None;
    }
    let number = words.next()?;
    let (major, minor) = number.strip_prefix("pre-").unwrap_or(number).split_once('.')?;
    let digits = minor.bytes().take_while(u8::is_ascii_digit).count();
    Some(Version(major.parse().ok()?, minor.get(..digits)?.parse().ok()?))
}

/// The version in the first line of `zpool version`, such as `zfs-2.2.6-1`. `None` if it is unknown: versions before
/// 0.8 do not have the command.
pub(crate) fn zpool_version(host: &Host, stop: &Stop) -> Option<String> {
    let output = exec::run(host.zpool.as_deref()?, &["version"], VERSION_LIMITS, stop).ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next()?.trim().strip_prefix("zfs-")?;
    Some(version.chars().take(60).collect())
}

/// Identifies the file of a program; an upgrade changes it.
pub(crate) type FileId = (u64, u64, i64, i64);

pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
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
            assert_eq!(parse_version(line), expected, "{line:?}");
        }
        assert!(Version(7, 10) > Version(7, 2) && Version(6, 9) < MIN_VERSION);
    }
}
