//! `zpool status`: running it, and reading its text.
//!
//! Text, because every OpenZFS has it. The layout is that of `print_status_config` in OpenZFS's
//! `zpool_main.c`: sections that start with a `key:` column, and the `config:` table whose nesting
//! is two blanks a level.

use super::exec::{self, ExecError, Limits, Stuck};
use super::links::Links;
use super::{Host, now};
use crate::model::zfs::{Leaf, Pool, Scan, Vdev, Zfs};
use crate::stop::Stop;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);
const OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// What asking for the pools gave. `stuck` is the child, if it outlived its SIGKILL: a suspended
/// pool can hold it in D state.
#[derive(Debug)]
pub struct Answer {
    /// `None`: the daemon is stopping, or ZFS gave no answer this time (`error` says why).
    pub zfs: Option<Zfs>,
    pub error: Option<String>,
    pub stuck: Option<Stuck>,
}

/// Asks for all pools. No zpool program, or a kernel without ZFS, is not a fault: `available: false`.
pub fn ask(host: &Host, stop: &Stop) -> Answer {
    let Some(program) = host.zpool.as_deref() else { return answer(absent()) };
    let at = now();
    let limits = Limits { deadline: DEADLINE, output_bytes: OUTPUT_BYTES };
    match exec::run(program, &["status", "-P", "-p"], limits, stop) {
        Ok(out) if out.code == Some(0) => {
            let text = String::from_utf8_lossy(&out.stdout);
            let pools = parse(&text);
            if pools.is_empty() && ![&*text, &out.stderr].iter().any(|t| t.contains("no pools available")) {
                let said = text.lines().next().unwrap_or("nothing").chars().take(200).collect::<String>();
                return unread(format!("zpool status gave no pools and did not say that there are none: {said}"), None);
            }
            answer(Zfs { available: Some(true), collected_at: Some(at), error: None, pools })
        }
        Ok(out) if is_not_here(&out.stderr) => answer(absent()),
        Ok(out) => {
            let said = out.stderr.lines().next().unwrap_or("nothing").to_owned();
            let status = out.code.map_or_else(|| "a signal".to_owned(), |c| format!("exit status {c}"));
            unread(format!("zpool status ended with {status}: {said}"), None)
        }
        Err(ExecError::Stopped { stuck }) => Answer { zfs: None, error: None, stuck },
        Err(error) => {
            let why = format!("zpool: {error}");
            let stuck = match error {
                ExecError::TimedOut { stuck, .. }
                | ExecError::TooLarge { stuck, .. }
                | ExecError::Watch { stuck, .. } => stuck,
                ExecError::Start { .. } | ExecError::Stopped { .. } => None,
            };
            unread(why, stuck)
        }
    }
}

fn absent() -> Zfs {
    Zfs { available: Some(false), ..Zfs::default() }
}

fn answer(zfs: Zfs) -> Answer {
    Answer { zfs: Some(zfs), error: None, stuck: None }
}

fn unread(why: String, stuck: Option<Stuck>) -> Answer {
    Answer { zfs: None, error: Some(why), stuck }
}

/// The tools are installed, but this kernel runs no ZFS.
fn is_not_here(stderr: &str) -> bool {
    stderr.contains("modules are not loaded") || stderr.contains("/dev/zfs") && stderr.contains("No such file")
}

/// Gives each leaf the drive behind it. A leaf that is gone has none: its old name, or the kernel
/// name that it still goes by, may be somebody else's by now.
pub fn resolve(zfs: &mut Zfs, links: &Links) {
    for leaf in zfs.pools.iter_mut().flat_map(|p| &mut p.vdevs).flat_map(|v| &mut v.members) {
        let name = leaf.name.rsplit('/').next().unwrap_or(&leaf.name);
        let is_kernel_name = name.starts_with("sd") || name.starts_with("nvme") && !name.contains('-');
        let is_gone = matches!(leaf.state.as_deref(), Some("REMOVED" | "UNAVAIL")) && is_kernel_name;
        leaf.device = if leaf.was.is_some() || is_gone { None } else { links.drive(&leaf.name) };
    }
}

/// Every pool in the text. A line that is not understood costs that line.
pub fn parse(text: &str) -> Vec<Pool> {
    let mut pools: Vec<Reading> = Vec::new();
    for line in text.lines() {
        if let Some((key, value)) = section(line) {
            if key == "pool" {
                pools.push(Reading::new(value));
            }
            if let Some(pool) = pools.last_mut() {
                pool.start(key, value);
            }
        } else if let Some(pool) = pools.last_mut() {
            pool.more(line);
        }
    }
    pools.into_iter().map(Reading::finish).collect()
}

/// `  pool: tank`, ` state: ONLINE`, `config:`: a known word right-aligned before a colon.
fn section(line: &str) -> Option<(&str, &str)> {
    const KEYS: [&str; 11] =
        ["pool", "state", "status", "action", "see", "scan", "scrub", "config", "errors", "remove", "checkpoint"];
    let indent = line.len() - line.trim_start_matches(' ').len();
    let (key, value) = line.get(indent..)?.split_once(':')?;
    (indent <= 8 && KEYS.contains(&key)).then(|| (key, value.trim()))
}

/// One pool while it is read.
struct Reading {
    pool: Pool,
    section: String,
    scan: Vec<String>,
    rows: Vec<Row>,
}

/// A line of the `config:` table.
struct Row {
    indent: usize,
    name: String,
    state: Option<String>,
    counts: [Option<u64>; 3],
    note: Option<String>,
}

impl Reading {
    fn new(name: &str) -> Self {
        Self {
            pool: Pool { name: name.to_owned(), ..Pool::default() },
            section: String::new(),
            scan: vec![],
            rows: vec![],
        }
    }

    fn start(&mut self, key: &str, value: &str) {
        key.clone_into(&mut self.section);
        let value = || (!value.is_empty()).then(|| value.to_owned());
        match key {
            "state" => self.pool.state = value(),
            "status" => self.pool.status = value(),
            "action" => self.pool.action = value(),
            "errors" => self.pool.errors = value(),
            "scan" | "scrub" => self.scan.extend(value()),
            _ => {}
        }
    }

    fn more(&mut self, line: &str) {
        let text = line.trim();
        let join = |field: &mut Option<String>| {
            if let Some(field) = field.as_mut().filter(|_| !text.is_empty()) {
                field.push(' ');
                field.push_str(text);
            }
        };
        match self.section.as_str() {
            "status" => join(&mut self.pool.status),
            "action" => join(&mut self.pool.action),
            "scan" | "scrub" if !text.is_empty() => self.scan.push(text.to_owned()),
            "config" => self.rows.extend(row(line)),
            _ => {}
        }
    }

    fn finish(mut self) -> Pool {
        self.pool.scan = scan(&self.scan);
        self.pool.vdevs = vdevs(&self.rows, &self.pool.name);
        self.pool
    }
}

fn row(line: &str) -> Option<Row> {
    let body = line.trim_start_matches(['\t', ' ']);
    // The table is set off by one tab (or 8, sometimes 9 blanks); what counts is the difference.
    let indent = line.get(..line.len() - body.len())?.chars().map(|c| if c == '\t' { 8 } else { 1 }).sum();
    let mut words = body.split_whitespace();
    let name = words.next().filter(|n| *n != "NAME")?.to_owned();
    let state = words.next().map(str::to_owned);
    let mut rest: Vec<&str> = words.collect();
    let mut counts = [None; 3];
    if rest.iter().take(3).filter(|w| count(w).is_some() || **w == "-").count() == 3 {
        for (slot, word) in counts.iter_mut().zip(rest.drain(..3)) {
            *slot = count(word);
        }
    }
    let note = (!rest.is_empty()).then(|| rest.join(" "));
    Some(Row { indent, name, state, counts, note })
}

/// `0`, `100980`; without `-p` also `1.2K`.
fn count(word: &str) -> Option<u64> {
    if let Ok(n) = word.parse() {
        return Some(n);
    }
    let unit = word.chars().last()?;
    let power = "KMGTPE".find(unit)? + 1;
    let number: f64 = word.strip_suffix(unit)?.parse().ok()?;
    let value = number * 1024f64.powi(i32::try_from(power).ok()?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range, and rounded by zpool anyway"
    )]
    (0.0..9e18).contains(&value).then_some(value as u64)
}

/// The section headings of the table, and the role that they give.
fn role(heading: &str) -> Option<&'static str> {
    Some(match heading {
        "logs" => "log",
        "cache" => "cache",
        "spares" => "spare",
        "special" => "special",
        "dedup" => "dedup",
        _ => return None,
    })
}

/// Groups that stand in for a disk rather than being one.
fn is_group(name: &str) -> bool {
    let stem = name.split(['-', ':']).next().unwrap_or(name);
    [
        "mirror",
        "raidz",
        "raidz1",
        "raidz2",
        "raidz3",
        "draid",
        "draid1",
        "draid2",
        "draid3",
        "replacing",
        "spare",
        "indirect",
        "missing",
    ]
    .contains(&stem)
        && (stem.len() == name.len() || name.contains('-'))
}

/// Top-level vdevs with all their leaves. `replacing-0` and `spare-0` below a vdev only hold leaves.
fn vdevs(rows: &[Row], pool: &str) -> Vec<Vdev> {
    let mut vdevs: Vec<Vdev> = Vec::new();
    let (mut current, mut heading) = ("data", pool);
    let Some(base) = rows.iter().map(|r| r.indent).min() else { return vdevs };
    for (i, row) in rows.iter().enumerate() {
        if row.indent == base {
            match role(&row.name).filter(|_| row.state.is_none()) {
                Some(role) => (current, heading) = (role, &row.name),
                // The pool's own row; should a heading be unknown, what follows still belongs to the pool.
                None if row.name == pool || row.state.is_none() => current = "data",
                None => {}
            }
            continue;
        }
        let is_top = row.indent <= base + 2;
        let has_children = rows.get(i + 1).is_some_and(|next| next.indent > row.indent);
        // Spares and cache devices stand side by side under their heading: that is their group.
        let is_listed = matches!(current, "spare" | "cache");
        let has_group = vdevs.last().is_some_and(|v| v.role == current);
        if is_top && is_listed && !has_group {
            vdevs.push(Vdev { name: heading.to_owned(), role: current.to_owned(), ..Vdev::default() });
        }
        if is_top && !is_listed {
            let [read_errors, write_errors, cksum_errors] = row.counts;
            vdevs.push(Vdev {
                name: row.name.rsplit('/').next().unwrap_or(&row.name).to_owned(),
                role: current.to_owned(),
                state: row.state.clone(),
                read_errors,
                write_errors,
                cksum_errors,
                members: Vec::new(),
            });
        }
        let is_leaf = !(has_children || is_group(&row.name));
        if let Some(vdev) = vdevs.last_mut().filter(|_| is_leaf) {
            vdev.members.push(leaf(row));
        }
    }
    vdevs
}

fn leaf(row: &Row) -> Leaf {
    let [read_errors, write_errors, cksum_errors] = row.counts;
    let was = row
        .note
        .as_deref()
        .and_then(|n| n.strip_prefix("was "))
        .map(|w| w.split_whitespace().next().unwrap_or(w).to_owned());
    Leaf {
        name: row.name.clone(),
        note: row.note.clone().filter(|_| was.is_none()),
        was,
        state: row.state.clone(),
        read_errors,
        write_errors,
        cksum_errors,
        device: None,
    }
}

fn scan(lines: &[String]) -> Scan {
    let text = lines.join("; ");
    let Some(first) = lines.first().filter(|l| l.as_str() != "none requested") else { return Scan::default() };
    let kind = if first.contains("resilver") {
        "resilver"
    } else if first.contains("scrub") {
        "scrub"
    } else {
        "none"
    };
    let state = if first.contains("in progress") {
        if text.contains("paused") { "paused" } else { "in_progress" }
    } else if first.contains("paused") {
        "paused"
    } else if first.contains("canceled") {
        "canceled"
    } else {
        "finished"
    };
    let done_percent = text.split_once("% done").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    Scan { kind: kind.to_owned(), state: state.to_owned(), done_percent, text: Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEGRADED: &str = "  pool: tank\n state: DEGRADED\nstatus: One or more devices could not be used.\n\tSufficient replicas exist.\naction: Replace the device.\n  scan: scrub in progress since Sun Feb 11 11:54:20 2024\n\t704G / 1.66T scanned, 12.50% done, 01:02:03 to go\nconfig:\n\n\tNAME                        STATE     READ WRITE CKSUM\n\ttank                        DEGRADED     0     0     0\n\t  raidz2-0                  DEGRADED     0     0     0\n\t    /dev/disk/by-id/ata-A-part1  ONLINE       0     0  1.5K\n\t    12345678901234567890    UNAVAIL      0     0     0  was /dev/disk/by-id/ata-B-part1\n\t    replacing-2             DEGRADED     0     0     0\n\t      sdc                   FAULTED      3     1     0  too many errors\n\t      sdd                   ONLINE       0     0     0  (resilvering)\n\t  sdz                       ONLINE       0     0     0\n\tspecial\n\t  mirror-2                  ONLINE       0     0     0\n\t    nvme0n1                 ONLINE       0     0     0\n\t    nvme1n1                 ONLINE       0     0     0\n\tlogs\t\n\t  sdl                       ONLINE       0     0     0\n\tcache\n\t  sdm                       ONLINE       -     -     -\n\tspares\n\t  sde                       AVAIL   \n\t  sdf                       INUSE     currently in use\n\nerrors: No known data errors\n\n  pool: second\n state: ONLINE\nconfig:\n\n\tNAME  STATE READ WRITE CKSUM\n\tsecond  ONLINE 0 0 0\n\t  sdq  ONLINE 0 0 0\n";

    #[test]
    fn every_row_has_its_place() {
        let pools = parse(DEGRADED);
        let names: Vec<_> = pools.iter().map(|p| (p.name.as_str(), p.state.as_deref())).collect();
        assert_eq!(names, [("tank", Some("DEGRADED")), ("second", Some("ONLINE"))]);
        let zfs = Zfs { available: Some(true), pools, ..Zfs::default() };
        let rows: Vec<String> = zfs
            .leaves()
            .map(|(p, v, l)| {
                format!("{} {} {} {} {}", p.name, v.role, v.name, l.name, l.state.as_deref().unwrap_or("-"))
            })
            .collect();
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
        let leaf =
            |name: &str| zfs.leaves().find(|(_, _, l)| l.name == name).map(|(_, _, l)| l.clone()).unwrap_or_default();
        assert_eq!(leaf("12345678901234567890").was.as_deref(), Some("/dev/disk/by-id/ata-B-part1"));
        assert_eq!(leaf("/dev/disk/by-id/ata-A-part1").cksum_errors, Some(1536));
        assert_eq!((leaf("sdm").read_errors, leaf("sdf").note.as_deref()), (None, Some("currently in use")));
        let tank = zfs.pools.first().cloned().unwrap_or_default();
        assert_eq!(
            (tank.scan.kind.as_str(), tank.scan.state.as_str(), tank.scan.done_percent),
            ("scrub", "in_progress", Some(12.5))
        );
        assert_eq!(tank.status.as_deref(), Some("One or more devices could not be used. Sufficient replicas exist."));
        assert_eq!(tank.errors.as_deref(), Some("No known data errors"));
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
            assert!(parse(text).iter().all(|p| p.vdevs.is_empty()), "{text:?}");
        }
    }
}
