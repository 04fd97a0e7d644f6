//! The releases of smartctl: version numbers, and the texts that name them. Pure.

/// Major and minor number of a release.
pub type Version = (u64, u64);

/// The first release with `--json`.
pub const JSON: Version = (7, 0);
pub const PLATFORM: &str = "x86_64-linux-6.12.0";

struct Release {
    revision: &'static str,
    date: &'static str,
    /// Last year of the copyright, two digits.
    years: &'static str,
}

/// Of a text such as `7.4`.
pub fn parse(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn release(version: Version) -> Release {
    let (revision, date, years) = match version {
        (7, 5..) | (8.., _) => ("5714", "2025-04-30", "25"),
        (7, 4) => ("5530", "2023-08-01", "23"),
        (7, 3) => ("5338", "2022-02-28", "22"),
        (7, 2) => ("5155", "2020-12-30", "20"),
        (7, 1) => ("5022", "2019-12-30", "19"),
        (7, 0) => ("4883", "2018-12-30", "18"),
        (6, 6..) => ("4594", "2017-11-05", "17"),
        _ => ("4318", "2016-05-07", "16"),
    };
    Release { revision, date, years }
}

pub fn revision(version: Version) -> &'static str {
    release(version).revision
}

fn first_line(version: Version) -> String {
    let Release { revision, date, .. } = release(version);
    format!("smartctl {}.{} {date} r{revision} [{PLATFORM}] (local build)", version.0, version.1)
}

/// The lines that every text output begins with.
pub fn head(version: Version) -> String {
    format!(
        "{}\nCopyright (C) 2002-{}, Bruce Allen, Christian Franke, www.smartmontools.org\n",
        first_line(version),
        release(version).years
    )
}

/// The output of `--version`.
pub fn version_text(version: Version) -> String {
    let Release { revision, date, .. } = release(version);
    let (major, minor) = version;
    format!(
        "{}
smartctl comes with ABSOLUTELY NO WARRANTY. This is free
software, and you are welcome to redistribute it under
the terms of the GNU General Public License; either
version 2, or (at your option) any later version.
See https://www.gnu.org for further details.

smartmontools release {major}.{minor} dated {date}
smartmontools SVN rev {revision} dated {date}
smartmontools build host: x86_64-pc-linux-gnu
smartmontools build with: C++14, GCC 12.2.0
smartmontools configure arguments: '--prefix=/usr'
",
        head(version)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_those_of_the_releases() {
        assert!(first_line((6, 6)).starts_with("smartctl 6.6 2017-11-05 r4594 ["));
        assert!(first_line((7, 3)).starts_with("smartctl 7.3 2022-02-28 r5338 ["));
        assert!(version_text((7, 5)).contains("\nsmartmontools release 7.5 dated 2025-04-30\n"));
        assert_eq!(parse("7.4"), Some((7, 4)));
        assert_eq!(parse("seven"), None);
    }
}
