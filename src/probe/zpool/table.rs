//! The `config:` table of `zpool status`: its rows, and their tree of vdevs. Each level is indented by two
//! blanks. Names may contain blanks, and end at the column `STATE` of the heading.

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
        let surplus = words.skip(3).take_while(|word| matches!(*word, "SLOW" | "POWER" | "DIO")).count();
        Some(Self { state: line.find("STATE")?, surplus })
    }
}

/// The next word, and the rest.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    text.split_at_checked(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// A row; `None` for an empty line.
pub(super) fn row(line: &str, columns: Option<Columns>) -> Option<StatusRow> {
    let body = line.trim_start_matches(['\t', ' ']);
    // The table is indented by one tab (or 8, sometimes 9 blanks); only the difference matters.
    let margin = line.get(..line.len() - body.len())?;
    let indent = margin.len() + 7 * margin.matches('\t').count();
    let (name, rest) = name(line, columns)?;
    let (state, rest) = match word(rest) {
        Some((state, rest)) => (Some(VdevState::from(state)), rest),
        None => (None, ""),
    };
    let (counts, rest) = counts(rest, columns);
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
    let note = join(note.split_whitespace());
    let note = with_works(if note.is_empty() { None } else { Some(&note) }, &works);
    Some(StatusRow { indent, name: name.to_owned(), state, counts, was, note, works })
}

/// The counts of read, write and checksum errors, and the rest after these and surplus columns. A row without counts
/// has a remark instead.
fn counts(text: &str, columns: Option<Columns>) -> ([Option<u64>; 3], &str) {
    let mut counts = [None; 3];
    if text.split_whitespace().take(3).filter(|word| is_number(word)).count() < 2 {
        return (counts, text);
    }
    let mut rest = text;
    for slot in &mut counts {
        let Some((number, after)) = word(rest) else { break };
        (*slot, rest) = (count(number), after);
    }
    let surplus = match columns {
        Some(columns) => columns.surplus,
        None => 0,
    };
    for _ in 0..surplus {
        match word(rest) {
            Some((word, after)) if is_number(word) || matches!(word, "on" | "off") => rest = after,
            _ => break,
        }
    }
    (counts, rest)
}

fn is_number(word: &str) -> bool {
    word == "-" || count(word).is_some()
}

/// The name, and the rest from the state on. The name ends at the column of the heading, or else before the first word
/// that is a state, or else it is the first word.
fn name(line: &str, columns: Option<Columns>) -> Option<(&str, &str)> {
    if let Some(columns) = columns
        && let Some((name, rest)) = line.split_at_checked(columns.state)
        && name.ends_with(' ')
        && !name.trim().is_empty()
        && starts_with_state(rest)
    {
        return Some((name.trim(), rest));
    }
    let (first, rest) = word(line)?;
    let mut remaining = rest;
    while let Some((state, after)) = word(remaining) {
        if is_state(state) {
            let (name, rest) = line.split_at_checked(line.len() - after.len() - state.len())?;
            return Some((name.trim(), rest));
        }
        remaining = after;
    }
    Some((first, rest))
}

/// The text begins with a word in capital letters.
fn starts_with_state(text: &str) -> bool {
    let Some((state, _)) = word(text) else { return false };
    text.starts_with(state) && state.as_bytes().iter().all(u8::is_ascii_uppercase)
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

/// Whether a name is that of a group, as opposed to a disk: `mirror-0`, `draid2:8d:42c:2s-0`.
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
    number.as_bytes().iter().all(u8::is_ascii_digit) && (KINDS.contains(&stem) || is_draid)
}

/// The trims and initializations of all leaves.
pub(super) fn works(rows: &[StatusRow]) -> Vec<LeafWork> {
    rows.iter().flat_map(|row| row.works.iter().copied()).collect()
}

/// The top-level vdev that is marked as being removed. OpenZFS before 2.2 does not mark it.
pub(super) fn removing(rows: &[StatusRow]) -> Option<&str> {
    let marked = rows.iter().find(|row| row.note.as_deref().unwrap_or_default().contains("(removing)"))?;
    marked.name.rsplit('/').next()
}

/// Top-level vdevs with all their leaves. `replacing-0` and `spare-0` below a vdev only hold leaves.
pub(super) fn vdevs(rows: &[StatusRow], pool: &str) -> Vec<Vdev> {
    let mut vdevs: Vec<Vdev> = Vec::new();
    let (mut current, mut heading) = (VdevRole::Data, pool);
    let Some(base) = rows.iter().map(|row| row.indent).min() else { return vdevs };
    let top = rows.iter().map(|row| row.indent).filter(|indent| *indent > base).min().unwrap_or(base);
    let mut groups: Vec<&StatusRow> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if row.indent == base {
            match role(&row.name) {
                Some(role) if row.state.is_none() => (current, heading) = (role, &row.name),
                // The pool's own row. If a heading is unknown, the rows after it still belong to the pool.
                _ if row.name == pool || row.state.is_none() => current = VdevRole::Data,
                _ => {}
            }
            continue;
        }
        groups.retain(|group| group.indent < row.indent);
        let is_top = row.indent == top;
        let has_children = rows.get(index + 1).is_some_and(|next| next.indent > row.indent);
        // Spares and cache devices are listed under their heading, which is their group.
        let is_listed = matches!(current, VdevRole::Spare | VdevRole::Cache);
        let has_group = vdevs.last().is_some_and(|vdev| vdev.role == current);
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
            vdev.members.push(leaf(row, replacement_group(groups.last().copied())));
        }
    }
    vdevs
}

/// The name of the innermost group, if a drive in it replaces another.
fn replacement_group(group: Option<&StatusRow>) -> Option<String> {
    let name = &group?.name;
    if !name.starts_with("replacing") && !name.starts_with("spare") {
        return None;
    }
    Some(cut_to(name, MAX_GROUP_BYTES).to_owned())
}

fn leaf(row: &StatusRow, group: Option<String>) -> Leaf {
    let [read_errors, write_errors, checksum_errors] = row.counts;
    // The remarks of `print_status_config` in OpenZFS's `zpool_main.c`. Pool names in them contain no brackets
    // (`valid_char` in `zfs_namecheck.c`).
    let note = row.note.as_deref().unwrap_or_default();
    Leaf {
        name: row.name.clone(),
        guid: if row.was.is_some() { guid(&row.name) } else { None },
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

    /// The leaves of a table.
    fn leaves(table: &str) -> Vec<Leaf> {
        let text = format!("  pool: my tank\n state: ONLINE\nconfig:\n\n{table}\nerrors: No known data errors\n");
        let pools = parse(text.as_bytes()).unwrap();
        pools.into_iter().flat_map(|pool| pool.vdevs).flat_map(|vdev| vdev.members).collect()
    }

    fn names_and_states(leaves: &[Leaf]) -> Vec<(&str, &str)> {
        leaves.iter().map(|leaf| (leaf.name.as_str(), leaf.state.as_ref().unwrap().as_str())).collect()
    }

    #[test]
    fn names_may_contain_blanks() {
        let table = "\tNAME                               STATE     READ WRITE CKSUM\n\tmy tank                            ONLINE       0     0     0\n\t  mirror-0                         ONLINE       0     0     0\n\t    /dev/disk/by-partlabel/my disk  ONLINE       1     2     3\n\t    /dev/disk/by-partlabel/an ONLINE one  FAULTED      0     0     0  too many errors\n\t    17                              UNAVAIL      0     0     0  was /dev/disk/by-partlabel/old disk  (removing)\n\t    sdé x                          ONLINE       0     0     0\n\tcache\n\t  ssd one                          ONLINE       0     0     0\n";
        let leaves = leaves(table);
        assert_eq!(
            names_and_states(&leaves),
            [
                ("/dev/disk/by-partlabel/my disk", "ONLINE"),
                // A name beyond its column, which only damaged text has, ends at the first state.
                ("/dev/disk/by-partlabel/an", "ONLINE"),
                ("17", "UNAVAIL"),
                ("sdé x", "ONLINE"),
                ("ssd one", "ONLINE"),
            ]
        );
        assert_eq!(leaves[0].checksum_errors, Some(3));
        let missing = &leaves[2];
        assert_eq!(
            (missing.was.as_deref(), missing.note.as_deref()),
            (Some("/dev/disk/by-partlabel/old disk"), Some("(removing)"))
        );
        assert_eq!(missing.guid.as_deref(), Some("17"));
    }

    #[test]
    fn a_name_that_looks_like_a_state_ends_at_the_column() {
        let table = "\tNAME               STATE     READ WRITE CKSUM\n\tmy tank            ONLINE       0     0     0\n\t  an ONLINE one    FAULTED      0     0     0  too many errors\n\t  spare-disk       ONLINE       0     0     0\n";
        let leaves = leaves(table);
        assert_eq!(names_and_states(&leaves), [("an ONLINE one", "FAULTED"), ("spare-disk", "ONLINE")]);
    }

    #[test]
    fn surplus_columns_are_not_remarks() {
        let table = "\tNAME        STATE     READ WRITE CKSUM  SLOW POWER\n\tmy tank     ONLINE       0     0     0     -     -\n\t  mirror-0  ONLINE       0     0     0     -     -\n\t    sda     ONLINE       0     0     0    12    on  (resilvering)  (trimming)\n\t    sdb     ONLINE       x     0 1.2K     0   off\n\t    sde     FAULTED      0     0     0     0     -  corrupted data\n\tspares\n\t  sdc       INUSE     in use by pool '5 6'\n";
        let leaves = leaves(table);
        let notes: Vec<_> = leaves.iter().map(|leaf| leaf.note.as_deref().unwrap_or("")).collect();
        assert_eq!(notes, ["(resilvering) (trimming)", "", "corrupted data", "in use by pool '5 6'"]);
        let flags: Vec<_> = leaves.iter().map(|leaf| (leaf.is_resilvering, leaf.has_other_label)).collect();
        assert_eq!(flags, [(true, false), (false, false), (false, true), (false, false)]);
        assert_eq!(
            (leaves[1].read_errors, leaves[1].write_errors, leaves[1].checksum_errors),
            (None, Some(0), Some(1228))
        );
    }

    #[test]
    fn leaves_of_replacements_have_their_group() {
        let table = "\tNAME                       STATE     READ WRITE CKSUM\n\tmy tank                    DEGRADED     0     0     0\n\t  draid2:8d:42c:2s-0       DEGRADED     0     0     0\n\t    sda                    ONLINE       0     0     0\n\t    spare-1                DEGRADED     0     0     0\n\t      replacing-0          DEGRADED     0     0     0\n\t        77                 UNAVAIL      0     0     0  was /dev/sdb1/old\n\t        sdb                ONLINE       0     0     0  (awaiting resilver)\n\t      draid2-0-0           ONLINE       0     0     0\n\t    sdc                    ONLINE       0     0     0\n\tspares\n\t  draid2-0-0               INUSE     currently in use\n\t  draid2-0-1               AVAIL   \n";
        let leaves = leaves(table);
        let groups: Vec<String> =
            leaves.iter().map(|leaf| format!("{} {}", leaf.name, leaf.group.as_deref().unwrap_or("-"))).collect();
        assert_eq!(
            groups,
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
