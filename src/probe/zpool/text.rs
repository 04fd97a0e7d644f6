//! The text of `zpool status`, which all versions of OpenZFS print.
//!
//! The layout is that of `print_status_config` in OpenZFS's `zpool_main.c`: sections that start
//! with a `key:` column. `table` parses the `config:` table, `text_activities` the activities.

use super::limits::{
    MAX_ENTRIES, MAX_KEPT_BYTES, MAX_TEXT_BYTES, Unread, bytes_of_leaf, bytes_of_pool, too_long, too_many,
};
use super::scalars::cut;
use super::table::{Columns, StatusRow, removing, row, vdevs, works};
use super::text_activities::{Section, activity, is_activity};
use super::{activities, leaf_work};
use crate::domain::zfs::Pool;
use crate::domain::zfs::words::PoolState;

/// Maximum number of lines; the pools of 10,000 drives have some 12,000.
const MAX_LINES: usize = 50_000;
/// Maximum number of lines about the activities of a pool. There are a few, and three for each rebuild.
const MAX_ACTIVITY_LINES: usize = 1000;
/// The key, after the scans, of the warning that the blocks of the checkpoint are not scanned.
const SCAN_WARNING: &str = "scan warning";

/// Every pool in the text. Lines that cannot be parsed are skipped; bytes that are not UTF-8 are replaced.
pub(super) fn parse(output: &[u8]) -> Result<Vec<Pool>, Unread> {
    if output.len() > MAX_KEPT_BYTES {
        return Err(too_long());
    }
    let mut pools: Vec<PoolText> = Vec::new();
    for (number, line) in output.split(|byte| *byte == b'\n').enumerate() {
        if number >= MAX_LINES && !line.is_empty() {
            return Err(Unread::TooMuch(format!("its text has over {MAX_LINES} lines")));
        }
        // With a few more bytes, because a truncated character would be replaced by another.
        let line = String::from_utf8_lossy(line.get(..MAX_TEXT_BYTES + 4).unwrap_or(line));
        let line = cut(line.strip_suffix('\r').unwrap_or(&line));
        if let Some((key, value)) = section(line) {
            if key == "pool" {
                pools.push(PoolText::new(value));
            }
            if let Some(pool) = pools.last_mut() {
                pool.start(key, value);
            }
        } else if let Some(pool) = pools.last_mut() {
            pool.continue_section(line);
        }
    }
    let pools: Vec<Pool> = pools.into_iter().map(PoolText::finish).collect();
    let vdevs = pools.iter().flat_map(|pool| &pool.vdevs);
    let mut entries = pools.iter().map(|pool| 1 + pool.activities.len()).sum::<usize>();
    let mut bytes = pools.iter().map(bytes_of_pool).sum::<usize>();
    for vdev in vdevs {
        entries += 1 + vdev.members.len();
        bytes += vdev.name.len() + vdev.members.iter().map(bytes_of_leaf).sum::<usize>();
    }
    if entries > MAX_ENTRIES {
        return Err(too_many());
    }
    if bytes > MAX_KEPT_BYTES {
        return Err(too_long());
    }
    Ok(pools)
}

/// `  pool: tank`, ` state: ONLINE`, `config:`: a known word right-aligned before a colon.
fn section(line: &str) -> Option<(&str, &str)> {
    const KEYS: [&str; 8] = ["pool", "state", "status", "action", "see", "config", "errors", "dedup"];
    let indent = line.len() - line.trim_start_matches(' ').len();
    let (key, value) = line.get(indent..)?.split_once(':')?;
    let is_key = KEYS.contains(&key) || key == SCAN_WARNING || is_activity(key);
    if indent > 4 || !is_key {
        return None;
    }
    Some((key, value.trim()))
}

/// One pool while it is read.
struct PoolText {
    pool: Pool,
    section: String,
    /// The activities. A key may occur several times: `scan` for a scrub and for each rebuild, `condense`.
    activities: Vec<Section>,
    activity_lines: usize,
    columns: Option<Columns>,
    rows: Vec<StatusRow>,
}

impl PoolText {
    fn new(name: &str) -> Self {
        Self {
            pool: Pool { name: name.to_owned(), ..Pool::default() },
            section: String::new(),
            activities: vec![],
            activity_lines: 0,
            columns: None,
            rows: vec![],
        }
    }

    fn start(&mut self, key: &str, value: &str) {
        key.clone_into(&mut self.section);
        let text = if value.is_empty() { None } else { Some(value.to_owned()) };
        match key {
            "state" => self.pool.state = text.as_deref().map(PoolState::from),
            "status" => self.pool.status = text,
            "action" => self.pool.action = text,
            "errors" => self.pool.errors = text,
            SCAN_WARNING => self.add_activity_line(&format!("{SCAN_WARNING}: {value}")),
            _ if is_activity(key) => {
                self.activities.push(Section { key: key.to_owned(), lines: Vec::new() });
                self.add_activity_line(value);
            }
            _ => {}
        }
    }

    /// Adds a line to the last section about an activity.
    fn add_activity_line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() || self.activity_lines >= MAX_ACTIVITY_LINES {
            return;
        }
        if let Some(section) = self.activities.last_mut() {
            section.lines.push(line.to_owned());
            self.activity_lines += 1;
        }
    }

    /// Adds a line to the current section.
    fn continue_section(&mut self, line: &str) {
        match self.section.as_str() {
            "status" => add_line(&mut self.pool.status, line),
            "action" => add_line(&mut self.pool.action, line),
            key if is_activity(key) => self.add_activity_line(line),
            "config" => match Columns::of(line) {
                Some(columns) => self.columns = Some(columns),
                None => self.rows.extend(row(line, self.columns)),
            },
            _ => {}
        }
    }

    fn finish(mut self) -> Pool {
        self.pool.has_data_errors = self.pool.errors.as_deref().and_then(has_data_errors);
        self.pool.vdevs = vdevs(&self.rows, &self.pool.name);
        let removing = removing(&self.rows);
        let mut of_pool = Vec::new();
        for section in &self.activities {
            of_pool.extend(activity(section, &self.pool.vdevs, removing));
        }
        of_pool.extend(leaf_work::activities(&works(&self.rows)));
        activities::assign(&mut self.pool, of_pool);
        self.pool
    }
}

/// Adds a line to a message, unless the message is absent or becomes too long.
fn add_line(message: &mut Option<String>, line: &str) {
    let Some(text) = message else { return };
    if text.len() + line.len() < MAX_TEXT_BYTES && !line.trim().is_empty() {
        text.push(' ');
        text.push_str(line.trim());
    }
}

/// From the messages of `status_callback` and `print_error_log` in OpenZFS's `zpool_main.c`. `None` for any other
/// message, for example if zpool is not permitted to read the list.
fn has_data_errors(errors: &str) -> Option<bool> {
    if errors == "No known data errors" {
        Some(false)
    } else if errors.starts_with("Permanent errors") || errors.contains("data errors, use") {
        Some(true)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zfs::words::{ScanKind, ScanState};
    use crate::domain::zfs::{Leaf, Zfs};
    use std::collections::HashMap;

    fn parse(text: &str) -> Vec<Pool> {
        super::parse(text.as_bytes()).unwrap()
    }

    const DEGRADED: &str = "  pool: tank\n state: DEGRADED\nstatus: One or more devices could not be used.\n\tSufficient replicas exist.\naction: Replace the device.\n  scan: scrub in progress since Sun Feb 11 11:54:20 2024\n\t704G / 1.66T scanned, 12.50% done, 01:02:03 to go\nconfig:\n\n\tNAME                        STATE     READ WRITE CKSUM\n\ttank                        DEGRADED     0     0     0\n\t  raidz2-0                  DEGRADED     0     0     0\n\t    /dev/disk/by-id/ata-A-part1  ONLINE       0     0  1.5K\n\t    12345678901234567890    UNAVAIL      0     0     0  was /dev/disk/by-id/ata-B-part1\n\t    replacing-2             DEGRADED     0     0     0\n\t      sdc                   FAULTED      3     1     0  too many errors\n\t      sdd                   ONLINE       0     0     0  (resilvering)\n\t  sdz                       ONLINE       0     0     0\n\tspecial\n\t  mirror-2                  ONLINE       0     0     0\n\t    nvme0n1                 ONLINE       0     0     0\n\t    nvme1n1                 ONLINE       0     0     0\n\tlogs\t\n\t  sdl                       ONLINE       0     0     0\n\tcache\n\t  sdm                       ONLINE       -     -     -\n\tspares\n\t  sde                       AVAIL   \n\t  sdf                       INUSE     currently in use\n\nerrors: No known data errors\n\n  pool: second\n state: ONLINE\nconfig:\n\n\tNAME  STATE READ WRITE CKSUM\n\tsecond  ONLINE 0 0 0\n\t  sdq  ONLINE 0 0 0\n";

    #[test]
    fn every_row_is_found_in_its_group() {
        let pools = parse(DEGRADED);
        let names: Vec<_> = pools.iter().map(|pool| (pool.name.as_str(), pool.state.clone())).collect();
        assert_eq!(names, [("tank", Some(PoolState::Degraded)), ("second", Some(PoolState::Online))]);
        let zfs = Zfs { pools, ..Zfs::default() };
        let mut rows: Vec<String> = Vec::new();
        let mut leaves: HashMap<&str, &Leaf> = HashMap::new();
        for (pool, vdev, leaf) in zfs.leaves() {
            let state = leaf.state.as_ref().unwrap().as_str();
            rows.push(format!("{} {} {} {} {state}", pool.name, vdev.role, vdev.name, leaf.name));
            leaves.insert(&leaf.name, leaf);
        }
        assert_eq!(
            rows,
            [
                "tank data raidz2-0 /dev/disk/by-id/ata-A-part1 ONLINE",
                "tank data raidz2-0 12345678901234567890 UNAVAIL",
                "tank data raidz2-0 sdc FAULTED",
                "tank data raidz2-0 sdd ONLINE",
                "tank data sdz sdz ONLINE",
                "tank special mirror-2 nvme0n1 ONLINE",
                "tank special mirror-2 nvme1n1 ONLINE",
                "tank log sdl sdl ONLINE",
                "tank cache cache sdm ONLINE",
                "tank spare spares sde AVAIL",
                "tank spare spares sdf INUSE",
                "second data sdq sdq ONLINE",
            ]
        );
        let missing = leaves["12345678901234567890"];
        assert_eq!(missing.was.as_deref(), Some("/dev/disk/by-id/ata-B-part1"));
        assert_eq!((missing.guid.as_deref(), &missing.note), (Some("12345678901234567890"), &None));
        assert_eq!(leaves["/dev/disk/by-id/ata-A-part1"].checksum_errors, Some(1536));
        assert_eq!((leaves["sdm"].read_errors, leaves["sdf"].note.as_deref()), (None, Some("currently in use")));
        let tank = zfs.pools.first().cloned().unwrap_or_default();
        assert_eq!(
            (tank.scan.kind, tank.scan.state, tank.scan.done_percent),
            (ScanKind::Scrub, ScanState::InProgress, Some(12.5))
        );
        assert_eq!(tank.status.as_deref(), Some("One or more devices could not be used. Sufficient replicas exist."));
        assert_eq!(tank.errors.as_deref(), Some("No known data errors"));
    }

    #[test]
    fn what_runs_is_the_scan_that_counts() {
        let scan = |lines: &str| {
            let pools = parse(&format!("  pool: t\n{lines}config:\n"));
            let scan = pools.into_iter().next().unwrap_or_default().scan;
            format!("{} {} {:?}", scan.kind, scan.state, scan.done_percent)
        };
        for (lines, expected) in [
            ("", "none none None"),
            ("  scan: none requested\n", "none none None"),
            (
                "  scan: scrub repaired 0B in 2 days 10:05:20 with 0 errors on Tue\n  scan: resilver (draid3:19d:24c:2s-0) in progress since Mon\n\t334T scanned, 306T issued, 359T total\n\t13.9T resilvered, 92.97% done, 03:22:35 to go\n",
                "resilver in_progress Some(92.97)",
            ),
            (
                "  scan: scrub in progress since Mon\n\t1T / 1T scanned, 1T / 1T issued\n\t0B repaired, 100.42% done, no estimated completion time\n",
                "scrub in_progress Some(100.0)",
            ),
            ("  scan: scrub in progress since Mon\n\t0B repaired, nan% done\n", "scrub in_progress None"),
            (
                "  scan: resilver in progress since Mon\n\t2.80T resilvered, 46.64% done, 07:58:49 to go\nexpand: expansion of raidz2-0 in progress since Mon\n\t1T / 2T copied at 1M/s, 50.00% done, paused for resilver\n",
                "resilver in_progress Some(46.64)",
            ),
            (
                "  scan: scrub paused since Mon\n\tscrub started on Sun\n\t0B repaired, 7.00% done\n",
                "scrub paused Some(7.0)",
            ),
            ("  scan: resilver canceled on Mon\n", "resilver canceled None"),
            ("  scan: scrubbed 3 error blocks in 0:00:01 on Mon\n", "scrub finished None"),
            ("  scan: something new\n", "none none None"),
        ] {
            assert_eq!(scan(lines), expected, "{lines}");
        }
    }

    #[test]
    fn lost_data_is_told_by_the_sentences_of_zpool() {
        for (errors, expected) in [
            ("No known data errors", Some(false)),
            ("3 data errors, use '-v' for a list", Some(true)),
            ("Permanent errors have been detected in the following files:", Some(true)),
            ("List of errors unavailable (insufficient privileges)", None),
        ] {
            let pools = parse(&format!("  pool: t\n state: ONLINE\nerrors: {errors}\n"));
            assert_eq!(pools.into_iter().next().unwrap_or_default().has_data_errors, expected, "{errors}");
        }
    }

    #[test]
    fn too_much_is_not_read_in_part() {
        // Each row is a vdev with one leaf.
        let rows = |count: usize| {
            let text = format!("  pool: t\nconfig:\n\n\tt ONLINE\n{}", "\t  a\n".repeat(count));
            super::parse(text.as_bytes()).map(|pools| pools.iter().flat_map(|pool| &pool.vdevs).count())
        };
        assert_eq!(rows(MAX_ENTRIES / 2 - 1), Ok(MAX_ENTRIES / 2 - 1));
        assert_eq!(rows(MAX_ENTRIES / 2), Err(too_many()));
        assert_eq!(rows(MAX_LINES), Err(Unread::TooMuch("its text has over 50000 lines".to_owned())));
    }

    #[test]
    fn junk_gives_no_pools_and_no_panic() {
        for text in [
            "",
            "no pools available\n",
            "pool:\n",
            "  pool: x\nconfig:\n\n\t\n",
            "config:\n\ta b c d e",
            "\u{fffd}: \t:\n",
        ] {
            assert!(parse(text).iter().all(|pool| pool.vdevs.is_empty()), "{text:?}");
        }
    }
}
