//! The `config:` table of `zpool status`: its rows, and their tree of vdevs. Each level is indented by two
//! blanks. Names may contain blanks: they end at the column `STATE` of the heading.

use super::leaf_work::{LeafWork, split_remark, with_works};
use super::limits::MAX_GROUP_BYTES;
use super::scalars::{count, cut_to, guid, is_state, join};
use crate::domain::zfs::words::{VdevRole, VdevState};
use crate::domain::zfs::{Leaf, Vdev};

/// The columns of the `config:` table, from its heading.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// Bytes before the state.
    state: usize,
    /// Columns between the checksum errors and the remark: SLOW (`-s`), POWER (`--power`), DIO (`-d`).
    surplus: usize,
}

/// A line of the `config:` table.
pub(super) struct StatusRow {
    indent: usize,
    name: String,
    state: Option<VdevState>,
    counts: [Option<u64>; 3],
    was: Option<String>,
    note: Option<String>,
    works: Vec<LeafWork>,
}

impl Columns {
    pub(super) fn of(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        if words.next() != Some("NAME") || words.next() != Some("STATE") {
            return None;
        }
        let surplus = words.skip(3).take_while(|w| matches!(*w, "SLOW" | "POWER" | "DIO")).count();
        Some(Self { state: line.find("STATE")?, surplus })
    }
}

/// The next word, and the rest.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A row; `None` for an empty line.
pub(super) fn row(line: &str, columns: Option<Columns>) -> Option<StatusRow> {
    let body = line.trim_start_matches(['\t', ' ']);
    // The table is indented by one tab (or 8, sometimes 9 blanks); only the difference matters.
    let indent = line.get(..line.len() - body.len())?.chars().map(|c| if c == '\t' { 8 } else { 1 }).sum();
    let (name, rest) = name(line, columns)?;
    let (state, mut rest) = word(rest).map_or((None, ""), |(state, rest)| (Some(VdevState::from(state)), rest));
    let mut counts = [None; 3];
    let is_number = |word: &str| word == "-" || count(word).is_some();
    if rest.split_whitespace().take(3).filter(|w| is_number(w)).count() >= 2 {
        for slot in &mut counts {
            let Some((number, behind)) = word(rest) else { break };
            (*slot, rest) = (count(number), behind);
        }
        for _ in 0..columns.map_or(0, |c| c.surplus) {
            match word(rest) {
                Some((word, behind)) if is_number(word) || matches!(word, "on" | "off") => rest = behind,
                _ => break,
            }
        }
    }
    // A path may contain blanks; remarks after it are in brackets, after two blanks.
    let (was, note) = match rest.trim().strip_prefix("was ") {
        Some(path) => {
            let end = path.find("  (").unwrap_or(path.len());
            let (path, note) = path.split_at(end);
            (Some(path.trim().to_owned()), note)
        }
        None => (None, rest),
    };
    let (note, works) = split_remark(note);
    let note = Some(join(note.split_whitespace())).filter(|n| !n.is_empty());
    let note = with_works(note, &works);
    Some(StatusRow { indent, name: name.to_owned(), state, counts, was, note, works })
}

/// The name, and the rest from the state on: by the column of the heading, else by the first word
/// that is a state, else the first word is the name.
fn name(line: &str, columns: Option<Columns>) -> Option<(&str, &str)> {
    if let Some((name, rest)) = columns.and_then(|c| line.split_at_checked(c.state)) {
        let state = word(rest).map_or("", |(word, _)| word);
        let is_state = rest.starts_with(state) && !state.is_empty() && state.bytes().all(|b| b.is_ascii_uppercase());
        if name.ends_with(' ') && is_state && !name.trim().is_empty() {
            return Some((name.trim(), rest));
        }
    }
    let (first, rest) = word(line)?;
    let mut behind = rest;
    while let Some((state, further)) = word(behind) {
        if is_state(state) {
            let (name, rest) = line.split_at_checked(line.len() - further.len() - state.len())?;
            return Some((name.trim(), rest));
        }
        behind = further;
    }
    Some((first, rest))
}

/// The role of a section heading of the table.
fn role(heading: &str) -> Option<VdevRole> {
    Some(match heading {
        "logs" => VdevRole::Log,
        "cache" => VdevRole::Cache,
        "spares" => VdevRole::Spare,
        "special" => VdevRole::Special,
        "dedup" => VdevRole::Dedup,
        _ => return None,
    })
}

/// Names of groups, as opposed to disks: `mirror-0`, `draid2:8d:42c:2s-0`.
fn is_group(name: &str) -> bool {
    const KINDS: [&str; 13] = [
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
    ];
    let (stem, number) = name.rsplit_once('-').unwrap_or((name, ""));
    let is_draid = stem.starts_with("draid") && stem.contains(':');
    number.bytes().all(|b| b.is_ascii_digit()) && (KINDS.contains(&stem) || is_draid)
}

/// The trims and initializations of all leaves.
pub(super) fn works(rows: &[StatusRow]) -> Vec<LeafWork> {
    rows.iter().flat_map(|row| row.works.iter().copied()).collect()
}

/// The top-level vdev that is marked as being removed. OpenZFS before 2.2 marks none.
pub(super) fn removing(rows: &[StatusRow]) -> Option<&str> {
    let is_marked = |row: &&StatusRow| row.note.as_deref().is_some_and(|note| note.contains("(removing)"));
    let name = &rows.iter().find(is_marked)?.name;
    name.rsplit('/').next()
}

/// Top-level vdevs with all their leaves. `replacing-0` and `spare-0` below a vdev only hold leaves.
pub(super) fn vdevs(rows: &[StatusRow], pool: &str) -> Vec<Vdev> {
    let mut vdevs: Vec<Vdev> = Vec::new();
    let (mut current, mut heading) = (VdevRole::Data, pool);
    let Some(base) = rows.iter().map(|r| r.indent).min() else { return vdevs };
    let top = rows.iter().map(|r| r.indent).filter(|i| *i > base).min().unwrap_or(base);
    let mut groups: Vec<&StatusRow> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        if row.indent == base {
            match role(&row.name).filter(|_| row.state.is_none()) {
                Some(role) => (current, heading) = (role, &row.name),
                // The pool's own row. If a heading is unknown, the rows after it still belong to the pool.
                None if row.name == pool || row.state.is_none() => current = VdevRole::Data,
                None => {}
            }
            continue;
        }
        groups.retain(|group| group.indent < row.indent);
        let is_top = row.indent == top;
        let has_children = rows.get(i + 1).is_some_and(|next| next.indent > row.indent);
        // Spares and cache devices are listed under their heading, which is their group.
        let is_listed = matches!(current, VdevRole::Spare | VdevRole::Cache);
        let has_group = vdevs.last().is_some_and(|v| v.role == current);
        if is_top && is_listed && !has_group {
            vdevs.push(Vdev { name: heading.to_owned(), role: current, ..Vdev::default() });
        }
        if is_top && !is_listed {
            let [read_errors, write_errors, checksum_errors] = row.counts;
            vdevs.push(Vdev {
                name: row.name.rsplit('/').next().unwrap_or(&row.name).to_owned(),
                role: current,
                state: row.state.clone(),
                read_errors,
                write_errors,
                checksum_errors,
                members: Vec::new(),
                is_rebuilding: false,
            });
        }
        if has_children || is_group(&row.name) {
            groups.push(row);
        } else if let Some(vdev) = vdevs.last_mut() {
            let takes_over = |name: &str| name.starts_with("replacing") || name.starts_with("spare");
            let group = groups.last().filter(|group| takes_over(&group.name));
            vdev.members.push(leaf(row, group.map(|group| cut_to(&group.name, MAX_GROUP_BYTES).to_owned())));
        }
    }
    vdevs
}

fn leaf(row: &StatusRow, group: Option<String>) -> Leaf {
    let [read_errors, write_errors, checksum_errors] = row.counts;
    // The remarks of `print_status_config` in OpenZFS's `zpool_main.c`. Pool names in them contain no brackets
    // (`valid_char` in `zfs_namecheck.c`).
    let note = row.note.as_deref().unwrap_or_default();
    Leaf {
        name: row.name.clone(),
        guid: row.was.as_ref().and_then(|_| guid(&row.name)),
        was: row.was.clone(),
        state: row.state.clone(),
        read_errors,
        write_errors,
        checksum_errors,
        note: row.note.clone(),
        is_resilvering: note.contains("(resilvering)") || note.contains("(awaiting resilver)"),
        has_other_label: note.contains("corrupted data") || note.contains("invalid label"),
        group,
        device: None,
        excluded: false,
        key: None,
        aliases: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::parse;
    use super::*;

    /// The table below a heading of `OpenZFS`'s making, as the leaves in it.
    fn leaves(table: &str) -> Vec<Leaf> {
        let text = format!("  pool: my tank\n state: ONLINE\nconfig:\n\n{table}\nerrors: No known data errors\n");
        let pools = parse(text.as_bytes()).unwrap_or_else(|why| unreachable!("{why:?}"));
        pools.into_iter().flat_map(|p| p.vdevs).flat_map(|v| v.members).collect()
    }

    #[test]
    fn names_may_hold_blanks() {
        let table = "\tNAME                               STATE     READ WRITE CKSUM\n\tmy tank                            ONLINE       0     0     0\n\t  mirror-0                         ONLINE       0     0     0\n\t    /dev/disk/by-partlabel/my disk  ONLINE       1     2     3\n\t    /dev/disk/by-partlabel/an ONLINE one  FAULTED      0     0     0  too many errors\n\t    17                              UNAVAIL      0     0     0  was /dev/disk/by-partlabel/old disk  (removing)\n\t    sdé x                          ONLINE       0     0     0\n\tcache\n\t  ssd one                          ONLINE       0     0     0\n";
        let leaves = leaves(table);
        let names: Vec<_> =
            leaves.iter().map(|l| (l.name.as_str(), l.state.as_ref().map_or("-", VdevState::as_str))).collect();
        assert_eq!(
            names,
            [
                ("/dev/disk/by-partlabel/my disk", "ONLINE"),
                // Beyond its column, as only a mangled text has it, the first state counts.
                ("/dev/disk/by-partlabel/an", "ONLINE"),
                ("17", "UNAVAIL"),
                ("sdé x", "ONLINE"),
                ("ssd one", "ONLINE"),
            ]
        );
        let counts: Vec<_> = leaves.iter().map(|l| l.checksum_errors).collect();
        assert_eq!(counts[0], Some(3));
        let gone = &leaves[2];
        assert_eq!(
            (gone.was.as_deref(), gone.note.as_deref()),
            (Some("/dev/disk/by-partlabel/old disk"), Some("(removing)"))
        );
        assert_eq!(gone.guid.as_deref(), Some("17"));
    }

    #[test]
    fn a_name_that_looks_like_a_state_ends_at_the_column() {
        let table = "\tNAME               STATE     READ WRITE CKSUM\n\tmy tank            ONLINE       0     0     0\n\t  an ONLINE one    FAULTED      0     0     0  too many errors\n\t  spare-disk       ONLINE       0     0     0\n";
        let leaves = leaves(table);
        let names: Vec<_> =
            leaves.iter().map(|l| (l.name.as_str(), l.state.as_ref().map_or("-", VdevState::as_str))).collect();
        assert_eq!(names, [("an ONLINE one", "FAULTED"), ("spare-disk", "ONLINE")]);
    }

    #[test]
    fn surplus_columns_are_not_remarks() {
        let table = "\tNAME        STATE     READ WRITE CKSUM  SLOW POWER\n\tmy tank     ONLINE       0     0     0     -     -\n\t  mirror-0  ONLINE       0     0     0     -     -\n\t    sda     ONLINE       0     0     0    12    on  (resilvering)  (trimming)\n\t    sdb     ONLINE       x     0 1.2K     0   off\n\t    sde     FAULTED      0     0     0     0     -  corrupted data\n\tspares\n\t  sdc       INUSE     in use by pool '5 6'\n";
        let leaves = leaves(table);
        let said: Vec<_> = leaves.iter().map(|l| l.note.as_deref().unwrap_or("")).collect();
        assert_eq!(said, ["(resilvering) (trimming)", "", "corrupted data", "in use by pool '5 6'"]);
        let flags: Vec<_> = leaves.iter().map(|l| (l.is_resilvering, l.has_other_label)).collect();
        assert_eq!(flags, [(true, false), (false, false), (false, true), (false, false)]);
        assert_eq!(
            (leaves[1].read_errors, leaves[1].write_errors, leaves[1].checksum_errors),
            (None, Some(0), Some(1228))
        );
    }

    #[test]
    fn a_raid_of_drives_that_take_over_shows_who_does() {
        let table = "\tNAME                       STATE     READ WRITE CKSUM\n\tmy tank                    DEGRADED     0     0     0\n\t  draid2:8d:42c:2s-0       DEGRADED     0     0     0\n\t    sda                    ONLINE       0     0     0\n\t    spare-1                DEGRADED     0     0     0\n\t      replacing-0          DEGRADED     0     0     0\n\t        77                 UNAVAIL      0     0     0  was /dev/sdb1/old\n\t        sdb                ONLINE       0     0     0  (awaiting resilver)\n\t      draid2-0-0           ONLINE       0     0     0\n\t    sdc                    ONLINE       0     0     0\n\tspares\n\t  draid2-0-0               INUSE     currently in use\n\t  draid2-0-1               AVAIL   \n";
        let said: Vec<String> =
            leaves(table).iter().map(|l| format!("{} {}", l.name, l.group.as_deref().unwrap_or("-"))).collect();
        assert_eq!(
            said,
            [
                "sda -",
                "77 replacing-0",
                "sdb replacing-0",
                "draid2-0-0 spare-1",
                "sdc -",
                "draid2-0-0 -",
                "draid2-0-1 -"
            ]
        );
    }
}
