//! A node of the JSON tree of a pool: its name and state, and a leaf with its remark.

use super::leaf_work::{LeafWork, with_works};
use super::limits::MAX_GROUP_BYTES;
use super::scalars::{clip, cut_to, guid, join};
use super::value::Field;
use crate::domain::zfs::Leaf;
use crate::domain::zfs::words::{ActivityKind, ActivityState, VdevState};

/// The name of a node. A node without a name is shown as well: it may be the faulty one.
pub(super) fn name(key: &str, node: Field) -> String {
    if let Some(name) = node.owned("name") {
        return name;
    }
    let key = clip(key);
    if !key.is_empty() {
        return key.to_owned();
    }
    node.owned("path").unwrap_or_else(|| "?".to_owned())
}

/// A leaf with that name in that group. `works`: its trim and initialization.
pub(super) fn leaf(
    name: String,
    node: Field,
    group: Option<&str>,
    scan: Option<RunningScan>,
    works: &[LeafWork],
) -> Leaf {
    let was = node.owned("was");
    let work = work(node, scan);
    // A devid identifies the drive itself. A phys_path is a location, where another drive may be now.
    let aliases = [node.owned("path"), node.owned("devid")].into_iter().flatten();
    Leaf {
        guid: guid_of(node),
        state: state(node),
        read_errors: node.number("read_errors"),
        write_errors: node.number("write_errors"),
        checksum_errors: node.number("checksum_errors"),
        note: with_works(note(node, work).as_deref(), works),
        is_resilvering: matches!(work, Some(Work::Resilvers | Work::AwaitsResilver)),
        has_other_label: matches!(node.text("aux").as_deref(), Some("CORRUPT_DATA" | "TOO_SMALL" | "BAD_LABEL")),
        group: group.map(|group| cut_to(group, MAX_GROUP_BYTES).to_owned()),
        device: None,
        excluded: false,
        key: None,
        aliases: aliases.filter(|alias| was.is_none() && *alias != name).collect(),
        was,
        name,
    }
}

/// The guid, which is 0 if there is none.
fn guid_of(node: Field) -> Option<String> {
    match node.exact("guid") {
        Some(0) => None,
        Some(number) => Some(number.to_string()),
        None => guid(&node.text("guid")?),
    }
}

pub(super) fn state(node: Field) -> Option<VdevState> {
    let state = node.text("state")?;
    Some(VdevState::from(state_name(&state, node.text("aux").as_deref())))
}

/// The state of a vdev as the text format names it (`zpool_state_to_name` in OpenZFS's libzfs), from the name that JSON
/// has (`vdev_state_str` in `zpool_main.c`). For pools, the names are the same.
fn state_name<'a>(state: &'a str, aux: Option<&str>) -> &'a str {
    match (state, aux) {
        ("CLOSED", _) => "OFFLINE",
        ("CANT_OPEN", Some("CORRUPT_DATA" | "BAD_LOG")) => "FAULTED",
        ("CANT_OPEN", Some("SPLIT_POOL")) => "SPLIT",
        ("CANT_OPEN", _) => "UNAVAIL",
        (other, _) => other,
    }
}

/// The kind of the scan in `scan_stats`, while it runs or is paused.
#[derive(Clone, Copy)]
pub(super) enum RunningScan {
    Resilver,
    Scrub,
}

impl RunningScan {
    /// The state is SCANNING also while the scan is paused.
    pub(super) fn of(stats: Field) -> Option<Self> {
        if !stats.has("state", "SCANNING") {
            return None;
        }
        Some(if stats.has("function", "RESILVER") { Self::Resilver } else { Self::Scrub })
    }
}

/// What a scan does to a leaf.
#[derive(Clone, Copy)]
enum Work {
    Resilvers,
    Repairs,
    AwaitsResilver,
}

/// As `print_status_config` in `zpool_main.c` determines it. No key of a leaf shows a rebuild.
fn work(node: Field, scan: Option<RunningScan>) -> Option<Work> {
    if !node.has("state", "ONLINE") {
        return None;
    }
    match scan? {
        RunningScan::Resilver if node.is_set("scan_processed") => Some(Work::Resilvers),
        RunningScan::Scrub if node.is_set("scan_processed") => Some(Work::Repairs),
        _ if node.is_set("resilver_deferred") => Some(Work::AwaitsResilver),
        _ => None,
    }
}

/// The initialization and the trim of a leaf: `vdev_stats_nvlist` in `zpool_main.c` writes them with `-i` and `-t`.
pub(super) fn works(node: Field) -> Vec<LeafWork> {
    let initialize =
        leaf_work(node, ActivityKind::Initialize, ["init_state", "initialized", "to_initialize", "init_time"]);
    let trim = leaf_work(node, ActivityKind::Trim, ["trim_state", "trimmed", "to_trim", "trim_time"]);
    initialize.into_iter().chain(trim).collect()
}

fn leaf_work(node: Field, kind: ActivityKind, [state, done, total, time]: [&str; 4]) -> Option<LeafWork> {
    let at = node.time(time).at;
    match node.text(state).as_deref() {
        Some("ACTIVE") => {
            let done_percent = whole_percent(node.number(done), node.number(total));
            Some(LeafWork { kind, state: ActivityState::InProgress, done_percent, at })
        }
        // The time is that of the suspension.
        Some("SUSPENDED") => {
            let done_percent = whole_percent(node.number(done), node.number(total));
            Some(LeafWork { kind, state: ActivityState::Paused, done_percent, at: None })
        }
        Some("COMPLETE") => Some(LeafWork { kind, state: ActivityState::Finished, done_percent: None, at }),
        _ => None,
    }
}

/// As `print_status_initialize` and `print_status_trim` in `zpool_main.c` compute it.
fn whole_percent(done: Option<u64>, total: Option<u64>) -> Option<f64> {
    let total = total.filter(|total| *total > 0)?;
    let percent = u128::from(done?) * 100 / (u128::from(total) + 1);
    u8::try_from(percent.min(100)).ok().map(f64::from)
}

/// The remark that the text format has at the end of the row.
fn note(node: Field, work: Option<Work>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    if let Some(pool) = node.text("used_by") {
        all.push(format!("in use by pool '{pool}'"));
    } else if let Some(aux) = node.text("aux")
        && aux != "NONE"
        && node.text("was").is_none()
    {
        all.push(aux_words(&aux));
    } else if node.has("state", "INUSE") {
        all.push("currently in use".to_owned());
    }
    if node.is_set("removing") {
        all.push("(removing)".to_owned());
    } else if node.is_set("noalloc") {
        all.push("(non-allocating)".to_owned());
    }
    if let Some(work) = work {
        let words = match work {
            Work::Resilvers => "(resilvering)",
            Work::Repairs => "(repairing)",
            Work::AwaitsResilver => "(awaiting resilver)",
        };
        all.push(words.to_owned());
    }
    if all.is_empty() {
        return None;
    }
    Some(all.join(" "))
}

/// Why a vdev is in its state (`vdev_aux_str`), in the words of `print_status_config`.
fn aux_words(aux: &str) -> String {
    match aux {
        "OPEN_FAILED" => "cannot open",
        "BAD_GUID_SUM" => "missing device",
        "NO_REPLICAS" => "insufficient replicas",
        "VERSION_NEWER" => "newer version",
        "UNSUP_FEAT" => "unsupported feature(s)",
        "ASHIFT_TOO_BIG" => "unsupported minimum blocksize",
        "SPARED" | "ACTIVE" => "currently in use",
        "ERR_EXCEEDED" => "too many errors",
        "IO_FAILURE" => "experienced I/O failures",
        "BAD_LOG" => "bad intent log",
        "EXTERNAL" | "EXTERNAL_PERSIST" => "external device fault",
        "SPLIT_POOL" => "split into new pool",
        "CHILDREN_OFFLINE" => "all children offline",
        "BAD_LABEL" => "invalid label",
        "CORRUPT_DATA" | "TOO_SMALL" | "VERSION_OLDER" | "BAD_ASHIFT" => "corrupted data",
        other => return join(other.to_ascii_lowercase().split('_')),
    }
    .to_owned()
}
