//! `jbod-sim set`: which keys there are for what, and which values they take.

use crate::drive::Drive;
use crate::shelf::{ioms, set_bay_everywhere, set_silent};
use crate::smartctl::read_version;
use crate::store::{Host, Store, parse_bay};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What values a key takes.
#[derive(Clone, Copy)]
enum Takes {
    Flag,
    Number,
    /// At most this.
    UpTo(u64),
    Signed,
    Percent,
    Text,
    Version,
    /// true, false, or one of these.
    FlagOr(&'static [&'static str]),
    OneOf(&'static [&'static str]),
}

use Takes::{Flag, FlagOr, Number, OneOf, Percent, Signed, Text, UpTo, Version};

type Keys = &'static [(&'static str, Takes)];

/// How a run of smartctl on the drive goes; these hold for recorded answers too.
const RUN: Keys = &[
    ("latency_ms", Number),
    ("standby", FlagOr(&["command", "timer"])),
    ("idle", Flag),
    ("hang", Flag),
    ("hang_ignore_term", Flag),
    ("hang_fork", Flag),
    ("crash", Flag),
    ("junk", Text),
    ("stdout_prefix", Text),
    ("output_bytes", UpTo(1 << 30)),
    ("exit_status", UpTo(255)),
];
/// What the drive says; a recorded answer is what it is.
const SAYS: Keys = &[
    ("serial", Text),
    ("model", Text),
    ("smartctl_version", Version),
    ("not_ready", Flag),
    ("no_passthrough", Flag),
    ("failed", Flag),
    ("temperature", Signed),
    ("power_on_hours", Number),
    ("grown_defects", Number),
    ("uncorrected_read", Number),
    ("uncorrected_write", Number),
    ("uncorrected_verify", Number),
    ("reallocated", Number),
    ("pending", Number),
    ("offline_uncorrectable", Number),
    ("reported_uncorrect", Number),
    ("crc_errors", Number),
    ("ata_error_count", Number),
    ("critical_warning", UpTo(255)),
    ("percentage_used", UpTo(255)),
    ("available_spare", UpTo(100)),
    ("media_errors", Number),
    ("self_test_remaining_percent", UpTo(100)),
];
const BAY: Keys = &[
    ("locate", UpTo(1)),
    ("active", UpTo(1)),
    ("fault", UpTo(3)),
    (
        "status",
        OneOf(&[
            "unsupported",
            "OK",
            "critical",
            "non-critical",
            "unrecoverable",
            "not installed",
            "unknown",
            "unavailable",
        ]),
    ),
    ("power_status", OneOf(&["on", "off"])),
];
const SHELF: Keys = &[("silent", Flag), ("iom", UpTo(3))];
const POOL: Keys = &[
    (
        "scan",
        OneOf(&[
            "scrub-done",
            "scrubbing",
            "scrub-paused",
            "scrub-canceled",
            "resilvering",
            "resilver-done",
            "none-requested",
            "none",
        ]),
    ),
    ("progress", Percent),
    ("state", OneOf(&["ONLINE", "DEGRADED", "FAULTED", "UNAVAIL", "SUSPENDED"])),
    ("errors", Text),
];
const LEAF: Keys = &[
    ("state", OneOf(&["ONLINE", "DEGRADED", "FAULTED", "OFFLINE", "UNAVAIL", "REMOVED"])),
    ("read", Number),
    ("write", Number),
    ("cksum", Number),
    ("note", Text),
    ("spare", Text),
    ("replacing", Text),
];
const SMARTCTL: Keys = &[("version", Version), ("latency_ms", Number), ("jitter_ms", Number), ("gone", Flag)];
const ZPOOL: Keys = &[
    ("latency_ms", Number),
    ("hang", Flag),
    ("hang_ignore_term", Flag),
    ("crash", Flag),
    ("exit_status", UpTo(255)),
    ("junk", Text),
    ("not_loaded", Flag),
    ("gone", Flag),
];

pub const HELP: &str = "\
Keys, by target:
  SERIAL, sda, sg3, nvme0, bay/E/B, all (a drive):
    run:  latency_ms standby(true|false|command|timer) idle hang hang_ignore_term hang_fork crash
          junk stdout_prefix output_bytes exit_status
    says: serial model smartctl_version not_ready no_passthrough failed temperature power_on_hours
          grown_defects uncorrected_read uncorrected_write uncorrected_verify reallocated pending
          offline_uncorrectable reported_uncorrect crc_errors ata_error_count critical_warning
          percentage_used available_spare media_errors self_test_remaining_percent
  bay/E/B, besides those: locate active fault(0..3) status power_status
  enclosure/E: silent, with iom=N only through that IOM
  pool/NAME:   scan(scrub-done|scrubbing|scrub-paused|scrub-canceled|resilvering|resilver-done|
               none-requested|none) progress state errors
  leaf/SERIAL: state read write cksum note spare(SERIAL) replacing(SERIAL)
  smartctl:    version latency_ms jitter_ms gone
  zpool:       latency_ms hang hang_ignore_term crash exit_status junk not_loaded gone
E is an enclosure from 0, B a bay as its slot attribute numbers it.
An empty value takes a key back to its default: temperature=";

pub fn run(dir: &Path, target: &str, pairs: &[String]) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    match target.split_once('/') {
        None if target == "all" => {
            let pairs = read(&[RUN, SAYS], pairs)?;
            store
                .drives()?
                .into_iter()
                .filter(|d| d.recorded.is_none() || only_run(&pairs))
                .try_for_each(|d| set_drive(&store, d, &pairs))
        }
        None if target == "smartctl" || target == "zpool" => set_tool(&store, &host, target, pairs),
        Some(("enclosure", number)) => set_shelf(&store, &host, number, pairs),
        Some(("pool", name)) => set_pool(&store, name, pairs),
        Some(("leaf", serial)) => set_leaf(&store, &host, serial, pairs),
        Some(("bay", _)) => set_bay(&store, &host, target, pairs),
        _ => {
            let drive = store.find(target, &host)?;
            set_drive(&store, drive, &read(&[RUN, SAYS], pairs)?)
        }
    }
}

type Pairs = Vec<(&'static str, Option<Value>)>;

/// Reads every pair before any is applied: a bad one changes nothing.
fn read(tables: &[Keys], pairs: &[String]) -> Result<Pairs> {
    pairs.iter().map(|pair| read_pair(tables, pair)).collect()
}

fn read_pair(tables: &[Keys], pair: &str) -> Result<(&'static str, Option<Value>)> {
    let Some((key, text)) = pair.split_once('=') else { bail!("found {pair:?}; wanted key=value") };
    let known = || tables.iter().flat_map(|t| t.iter());
    let Some((key, takes)) = known().find(|(name, _)| *name == key) else {
        let names: Vec<&str> = known().map(|(name, _)| *name).collect();
        bail!("{key}: there is no such key here; wanted one of {}", names.join(", "));
    };
    if text.is_empty() {
        return Ok((key, None));
    }
    match value(*takes, text) {
        Ok(value) => Ok((key, Some(value))),
        Err(wanted) => bail!("{key}: found {text:?}; wanted {wanted}"),
    }
}

/// The value, or what was wanted.
fn value(takes: Takes, text: &str) -> Result<Value, String> {
    let flag = match text {
        "true" | "yes" | "1" => Some(json!(true)),
        "false" | "no" | "0" => Some(json!(false)),
        _ => None,
    };
    let is_in = |words: &[&str]| words.contains(&text).then(|| json!(text));
    match takes {
        Flag => flag.ok_or_else(|| "true or false".to_owned()),
        FlagOr(words) => flag.or_else(|| is_in(words)).ok_or_else(|| format!("true, false, {}", words.join(", "))),
        OneOf(words) => is_in(words).ok_or_else(|| format!("one of: {}", words.join(", "))),
        Number => text.parse::<u64>().map(|n| json!(n)).map_err(|_| "a whole number from 0".to_owned()),
        UpTo(most) => text
            .parse::<u64>()
            .ok()
            .filter(|n| *n <= most)
            .map(|n| json!(n))
            .ok_or_else(|| format!("a whole number from 0 to {most}")),
        Signed => text.parse::<i64>().map(|n| json!(n)).map_err(|_| "a whole number".to_owned()),
        Percent => text
            .parse::<f64>()
            .ok()
            .filter(|n| (0.0..=100.0).contains(n))
            .map(|n| json!(n))
            .ok_or_else(|| "0 to 100".to_owned()),
        Version => read_version(text).map(|_| json!(text)).ok_or_else(|| "a version such as 7.4".to_owned()),
        Text => Ok(json!(text)),
    }
}

fn apply(state: &mut Map<String, Value>, pairs: &Pairs) {
    for (key, value) in pairs {
        match value {
            Some(value) => state.insert((*key).to_owned(), value.clone()),
            None => state.remove(*key),
        };
    }
}

fn only_run(pairs: &Pairs) -> bool {
    pairs.iter().all(|(key, _)| RUN.iter().any(|(name, _)| name == key))
}

fn set_drive(store: &Store, mut drive: Drive, pairs: &Pairs) -> Result<()> {
    if drive.recorded.is_some() && !only_run(pairs) {
        let names: Vec<&str> = RUN.iter().map(|(name, _)| *name).collect();
        bail!("{} answers with a recorded file, which stays as it is; wanted one of {}", drive.key, names.join(", "));
    }
    apply(&mut drive.state, pairs);
    store.save_drive(&drive)
}

fn set_bay(store: &Store, host: &Host, target: &str, pairs: &[String]) -> Result<()> {
    let bay = parse_bay(target, host)?;
    let pairs = read(&[BAY, RUN, SAYS], pairs)?;
    let (of_bay, of_drive): (Pairs, Pairs) =
        pairs.into_iter().partition(|(key, _)| BAY.iter().any(|(name, _)| name == key));
    let drive = store.drives()?.into_iter().find(|d| d.bay == Some(bay));
    let here = drive.is_some();
    if !of_drive.is_empty() {
        let drive = drive.with_context(|| format!("{target} is empty; wanted a drive there, or only keys of the bay: locate, active, fault, status, power_status"))?;
        set_drive(store, drive, &of_drive)?;
    }
    for (key, value) in of_bay {
        let text = match (key, value) {
            (_, Some(Value::String(text))) => text,
            (_, Some(other)) => other.to_string(),
            ("status", None) => if here { "OK" } else { "not installed" }.to_owned(),
            ("power_status", None) => "on".to_owned(),
            (_, None) => "0".to_owned(),
        };
        set_bay_everywhere(store, host, bay, key, &text)?;
    }
    Ok(())
}

fn set_shelf(store: &Store, host: &Host, number: &str, pairs: &[String]) -> Result<()> {
    let count = host.shelves.len();
    let shelf = number.parse::<usize>().ok().filter(|n| *n < count);
    let Some(shelf) = shelf else {
        bail!("enclosure/{number}: there is no such enclosure; wanted 0 to {}", count.saturating_sub(1))
    };
    let pairs = read(&[SHELF], pairs)?;
    let get = |name: &str| pairs.iter().find(|(key, _)| *key == name).and_then(|(_, v)| v.as_ref());
    let only = get("iom").and_then(Value::as_u64);
    if let Some(iom) = only
        && !ioms(host, shelf).any(|i| u64::from(i) == iom)
    {
        bail!("iom: found {iom}; enclosure {shelf} has IOMs 0 to {}", ioms(host, shelf).count().saturating_sub(1));
    }
    if !pairs.iter().any(|(key, _)| *key == "silent") {
        bail!("enclosure/{shelf}: found no silent=…; wanted silent=true or silent=false");
    }
    let silent = get("silent").and_then(Value::as_bool).unwrap_or(false);
    ioms(host, shelf)
        .filter(|i| only.is_none_or(|o| o == u64::from(*i)))
        .try_for_each(|iom| set_silent(store, host, iom, shelf, silent))
}

fn set_pool(store: &Store, name: &str, pairs: &[String]) -> Result<()> {
    let pairs = read(&[POOL], pairs)?;
    let mut pools = store.pools()?;
    let names: Vec<String> = pools.iter().map(|p| p.name.clone()).collect();
    let Some(pool) = pools.iter_mut().find(|p| p.name == name) else {
        bail!("pool/{name}: there is no such pool; wanted one of: {}", names.join(", "))
    };
    apply(&mut pool.state, &pairs);
    store.save_pools(&pools)
}

fn set_leaf(store: &Store, host: &Host, serial: &str, pairs: &[String]) -> Result<()> {
    let mut pairs = read(&[LEAF], pairs)?;
    // A stand-in is named by serial, and kept by key.
    for (_, value) in pairs.iter_mut().filter(|(key, _)| matches!(*key, "spare" | "replacing")) {
        if let Some(Value::String(word)) = value {
            *word = store.find(word, host)?.key;
        }
    }
    let mut drive = store.find(serial, host)?;
    let in_pool = store.pools()?.iter().any(|p| {
        p.data.iter().chain(&p.logs).chain(&p.cache).any(|v| v.leaves.contains(&drive.key))
            || p.spares.contains(&drive.key)
    });
    if !in_pool {
        bail!("leaf/{serial}: the drive is in no pool; wanted one that `list` shows with a pool");
    }
    apply(&mut drive.leaf, &pairs);
    store.save_drive(&drive)
}

fn set_tool(store: &Store, host: &Host, tool: &str, pairs: &[String]) -> Result<()> {
    let pairs = read(&[if tool == "zpool" { ZPOOL } else { SMARTCTL }], pairs)?;
    let mut tools = store.tools()?;
    let state = if tool == "zpool" { &mut tools.zpool } else { &mut tools.smartctl };
    apply(state, &pairs);
    let gone = state.get("gone").and_then(Value::as_bool).unwrap_or(false);
    store.save_tools(&tools)?;
    if !pairs.iter().any(|(key, _)| *key == "gone") {
        return Ok(());
    }
    let path = store.root.join("bin").join(tool);
    if gone { crate::files::remove(&path) } else { crate::files::link_text(&path, &host.binary.to_string_lossy()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        assert_eq!(read_pair(&[RUN], "hang=true").ok(), Some(("hang", Some(json!(true)))));
        assert_eq!(read_pair(&[RUN], "hang=").ok(), Some(("hang", None)));
        for bad in ["hang", "hang=maybe", "hungry=true", "exit_status=256", "latency_ms=-1"] {
            assert!(read_pair(&[RUN], bad).is_err(), "{bad}");
        }
        let said = read_pair(&[BAY], "fault=7").map_err(|e| e.to_string());
        assert_eq!(said, Err("fault: found \"7\"; wanted a whole number from 0 to 3".to_owned()));
    }

    #[test]
    fn the_help_names_every_key() {
        for (key, _) in [RUN, SAYS, BAY, SHELF, POOL, LEAF, SMARTCTL, ZPOOL].concat() {
            assert!(HELP.contains(key), "{key}");
        }
    }
}
