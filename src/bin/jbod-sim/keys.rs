//! The keys of `jbod-sim set`, by target, and their values. Pure.

use crate::ata_attributes::FIELDS;
use crate::path_faults::FAULTS;
use crate::version;
use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

/// The type of a value.
#[derive(Clone, Copy)]
pub enum Takes {
    Flag,
    Number,
    /// From 0 to this.
    UpTo(u64),
    Signed,
    Percent,
    Text,
    Version,
    /// A flag or one of these.
    FlagOr(&'static [&'static str]),
    OneOf(&'static [&'static str]),
}

use Takes::{Flag, FlagOr, Number, OneOf, Percent, Signed, Text, UpTo, Version};

pub type Keys = &'static [(&'static str, Takes)];

/// How a run of smartctl on the drive ends. Drives with a recorded output have these keys too.
pub const RUN: Keys = &[
    ("latency_ms", Number),
    ("standby", FlagOr(&["command", "timer", "low_power"])),
    ("idle", Flag),
    ("hang", Flag),
    ("hang_ignore_term", Flag),
    ("hang_fork", Flag),
    ("fork_setsid", Flag),
    ("crash", Flag),
    ("segv", Flag),
    ("junk", Text),
    ("stdout_prefix", Text),
    ("output_bytes", UpTo(1 << 30)),
    ("stderr_bytes", UpTo(1 << 40)),
    ("exit_status", UpTo(255)),
    ("no_permission", Flag),
    ("path0", OneOf(FAULTS)),
    ("path1", OneOf(FAULTS)),
    ("path2", OneOf(FAULTS)),
    ("path3", OneOf(FAULTS)),
];
const SPEEDS: Takes = OneOf(&["1.5", "3.0", "6.0"]);
const TEST: Takes = OneOf(&["short", "extended"]);
/// What the drive reports. Drives with a recorded output do not have these keys.
pub const SAYS: Keys = &[
    ("serial", Text),
    ("model", Text),
    ("smartctl_version", Version),
    ("not_ready", Flag),
    ("no_passthrough", Flag),
    ("needs_sat", Flag),
    ("partial", Flag),
    ("failed", Flag),
    ("smart_off", Flag),
    ("temperature", Signed),
    ("temperature_told", Signed),
    ("power_on_hours", Number),
    ("self_test_result", UpTo(15)),
    ("self_test_type", TEST),
    ("self_test_later_pass", TEST),
    ("self_test_remaining_percent", UpTo(100)),
    ("pending", Number),
    ("percentage_used", UpTo(255)),
    ("available_spare", UpTo(100)),
    ("available_spare_threshold", UpTo(100)),
    // ATA
    ("reallocated", Number),
    ("offline_uncorrectable", Number),
    ("reported_uncorrect", Number),
    ("crc_errors", Number),
    ("ata_error_count", Number),
    ("hours_packed", Flag),
    ("link_max", SPEEDS),
    ("link_current", SPEEDS),
    // SCSI
    ("sector_bytes", UpTo(4224)),
    ("asc", UpTo(255)),
    ("ascq", UpTo(255)),
    ("drive_trip", UpTo(255)),
    ("no_temperature_page", Flag),
    ("no_hours", Flag),
    ("grown_defects", Number),
    ("no_grown_defects", Flag),
    ("no_verify_counters", Flag),
    ("uncorrected_read", Number),
    ("uncorrected_write", Number),
    ("uncorrected_verify", Number),
    ("rereads_read", Number),
    ("rereads_write", Number),
    ("rereads_verify", Number),
    ("non_medium_errors", Number),
    ("start_stop_cycles", Number),
    ("start_stop_limit", Number),
    ("load_unload_cycles", Number),
    ("load_unload_limit", Number),
    // NVMe
    ("critical_warning", UpTo(255)),
    ("media_errors", Number),
    ("num_err_log_entries", Number),
    ("warning_limit", Number),
    ("critical_limit", Number),
    ("warning_temp_time", Number),
    ("critical_comp_time", Number),
    ("namespaces", UpTo(16)),
    ("controllers", UpTo(2)),
    // Bay, as the kernel shows it
    ("sas_bay", UpTo(9999)),
    ("pci_slot", Text),
];
pub const BAY: Keys = &[
    ("locate", UpTo(1)),
    ("active", UpTo(1)),
    ("fault", OneOf(&["0", "2", "4", "6"])),
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
            "(null)",
        ]),
    ),
    ("power_status", OneOf(&["on", "off"])),
    ("slot", UpTo(9999)),
    ("link", Text),
    ("iom", UpTo(3)),
];
pub const SHELF: Keys =
    &[("silent", Flag), ("id", Text), ("ses", Flag), ("links", Flag), ("sas_devices", Flag), ("iom", UpTo(3))];
pub const POOL: Keys = &[
    (
        "scan",
        OneOf(&[
            "scrub-done",
            "scrubbing",
            "scrub-paused",
            "scrub-canceled",
            "resilvering",
            "resilver-done",
            "rebuilding",
            "rebuilt",
            "error-scrubbing",
            "error-scrubbed",
            "none-requested",
            "none",
        ]),
    ),
    ("expand", OneOf(&["running", "waiting", "done"])),
    ("remove", OneOf(&["running", "done", "canceled"])),
    ("checkpoint", OneOf(&["exists", "discarding"])),
    ("trim", OneOf(&["running", "suspended", "done"])),
    ("initialize", OneOf(&["running", "suspended", "done"])),
    ("progress", Percent),
    ("state", OneOf(&["ONLINE", "DEGRADED", "FAULTED", "UNAVAIL", "SUSPENDED"])),
    ("errors", Text),
];
pub const LEAF: Keys = &[
    ("state", OneOf(&["ONLINE", "DEGRADED", "FAULTED", "OFFLINE", "UNAVAIL", "REMOVED"])),
    ("read", Number),
    ("write", Number),
    ("cksum", Number),
    ("note", Text),
    ("spare", Text),
    ("replacing", Text),
];
pub const SMARTCTL: Keys = &[("version", Version), ("latency_ms", Number), ("jitter_ms", Number), ("gone", Flag)];
pub const ZPOOL: Keys = &[
    ("latency_ms", Number),
    ("hang", Flag),
    ("hang_ignore_term", Flag),
    ("crash", Flag),
    ("exit_status", UpTo(255)),
    ("junk", Text),
    ("not_loaded", Flag),
    ("gone", Flag),
    ("json", FlagOr(&["broken"])),
];

pub const HELP: &str = "\
Keys, by target:
  Drives: a serial number, sda, sg3, nvme0, bay/E/B, bays (all drives in a bay), all
    run:  latency_ms standby(true|false|command|timer|low_power) idle hang hang_ignore_term
          hang_fork fork_setsid crash segv junk stdout_prefix output_bytes stderr_bytes exit_status
          no_permission
          path0 path1 path2 path3(of the path through that SCSI host or of that NVMe controller:
          offline transport-offline blocked connecting resetting dead fails hangs)
    any:  serial model smartctl_version not_ready no_passthrough needs_sat partial failed
          smart_off(ATA, SCSI)
          temperature temperature_told(placeholder such as 0 or 255) power_on_hours pending
          self_test_result(code) self_test_type(short|extended) self_test_later_pass(short|extended)
          self_test_remaining_percent percentage_used available_spare available_spare_threshold
    ATA:  attr.N.raw attr.N.value attr.N.worst attr.N.thresh attr.N.text attr.N.name attr.N.prefail
          attr.N.absent (of attribute N, which is added if the drive lacks it) reallocated
          offline_uncorrectable reported_uncorrect crc_errors ata_error_count hours_packed
          link_max link_current(1.5|3.0|6.0)
    SCSI: sector_bytes(the kernel supports 512, 1024, 2048 and 4096) asc ascq (with failed)
          drive_trip no_temperature_page no_hours grown_defects no_grown_defects no_verify_counters
          uncorrected_read uncorrected_write uncorrected_verify rereads_read rereads_write
          rereads_verify non_medium_errors(text output only)
          start_stop_cycles start_stop_limit load_unload_cycles load_unload_limit
    NVMe: critical_warning media_errors num_err_log_entries warning_limit critical_limit
          warning_temp_time critical_comp_time namespaces(1..16) controllers(1..2)
          pci_slot(name of the hot-plug slot)
    SAS:  sas_bay(bay_identifier in sysfs; see enclosure/E sas_devices)
  bay/E/B, in addition: locate active fault(4 sensed, 2 requested, 6 both) status power_status
               slot(number in sysfs, even if another bay has it)
               link(SERIAL: links the bay in sysfs to that drive, whose own link remains)
               iom(N: the other keys apply only to the sysfs entries of that IOM)
  enclosure/E: silent id(16 hexadecimal digits in sysfs, even if another enclosure has them)
               ses(false: no enclosure in sysfs) links(false: no links from bays to drives)
               sas_devices(the drives in the SAS transport class, with bay_identifier and
               enclosure_identifier)
               iom(N: the other keys apply only to the sysfs entries of that IOM)
  pool/NAME:   scan(scrub-done|scrubbing|scrub-paused|scrub-canceled|resilvering|resilver-done|
               rebuilding|rebuilt|error-scrubbing|error-scrubbed|none-requested|none)
               expand(running|waiting|done, of the first raidz) remove(running|done|canceled, of the
               last vdev) checkpoint(exists|discarding) trim(running|suspended|done)
               initialize(running|suspended|done) progress state errors
  leaf/SERIAL: state read write cksum note spare(SERIAL) replacing(SERIAL). Of a drive with two
               actuators leaf/sda is the logical unit at that node, leaf/SERIAL both
  smartctl:    version(6.6 and older have no --json) latency_ms jitter_ms gone
  zpool:       latency_ms hang hang_ignore_term crash exit_status junk not_loaded gone
               json(true|false|broken: whether -j is known, as in OpenZFS 2.3 and newer)
E is the number of an enclosure, from 0; B is the slot number of a bay.
An empty value resets a key to its default: temperature=";

pub type Pairs = Vec<(String, Option<Value>)>;

pub fn is_in(table: Keys, key: &str) -> bool {
    table.iter().any(|(name, _)| *name == key)
}

/// Reads all pairs before any is applied, so that an invalid one changes nothing.
pub fn read(tables: &[Keys], pairs: &[String]) -> Result<Pairs> {
    pairs.iter().map(|pair| read_pair(tables, pair)).collect()
}

fn read_pair(tables: &[Keys], pair: &str) -> Result<(String, Option<Value>)> {
    let Some((key, text)) = pair.split_once('=') else { bail!("found {pair:?}; wanted key=value") };
    let Some(takes) = find(tables, key) else {
        bail!("{key}: the target has no such key; wanted one of {}", names(tables).join(", "));
    };
    if text.is_empty() {
        return Ok((key.to_owned(), None));
    }
    let Some(value) = value(takes, text) else {
        bail!("{key}: found {text:?}; wanted {}", expected(takes));
    };
    Ok((key.to_owned(), Some(value)))
}

fn find(tables: &[Keys], key: &str) -> Option<Takes> {
    for (name, takes) in tables.iter().copied().flatten() {
        if *name == key {
            return Some(*takes);
        }
    }
    if is_of_drive(tables) { attribute(key) } else { None }
}

fn is_of_drive(tables: &[Keys]) -> bool {
    tables.iter().any(|table| is_in(table, "critical_warning"))
}

fn names(tables: &[Keys]) -> Vec<&'static str> {
    let mut names: Vec<&str> = tables.iter().copied().flatten().map(|(name, _)| *name).collect();
    if is_of_drive(tables) {
        names.push("attr.N.raw");
    }
    names
}

/// A field of an attribute, such as `attr.5.raw`.
fn attribute(key: &str) -> Option<Takes> {
    let (number, field) = key.strip_prefix("attr.")?.split_once('.')?;
    let id: u8 = number.parse().ok()?;
    if id == 0 || id.to_string() != number || !FIELDS.contains(&field) {
        return None;
    }
    Some(match field {
        "raw" => UpTo((1 << 48) - 1),
        "text" | "name" => Text,
        "prefail" | "absent" => Flag,
        _ => UpTo(255),
    })
}

/// `None` if the text is not of that type.
fn value(takes: Takes, text: &str) -> Option<Value> {
    match takes {
        Flag => flag(text),
        FlagOr(words) => flag(text).or(word(words, text)),
        OneOf(words) => word(words, text),
        Number => number(text, u64::MAX),
        UpTo(most) => number(text, most),
        Signed => Some(json!(text.parse::<i64>().ok()?)),
        Percent => percent(text),
        Version => {
            version::parse(text)?;
            Some(json!(text))
        }
        Text => Some(json!(text)),
    }
}

fn flag(text: &str) -> Option<Value> {
    match text {
        "true" | "yes" | "1" => Some(json!(true)),
        "false" | "no" | "0" => Some(json!(false)),
        _ => None,
    }
}

fn word(words: &[&str], text: &str) -> Option<Value> {
    if words.contains(&text) { Some(json!(text)) } else { None }
}

fn number(text: &str, most: u64) -> Option<Value> {
    let number: u64 = text.parse().ok()?;
    if number <= most { Some(json!(number)) } else { None }
}

fn percent(text: &str) -> Option<Value> {
    let percent: f64 = text.parse().ok()?;
    if (0.0..=100.0).contains(&percent) { Some(json!(percent)) } else { None }
}

/// For messages.
fn expected(takes: Takes) -> String {
    match takes {
        Flag => "true or false".to_owned(),
        FlagOr(words) => format!("true, false, {}", words.join(", ")),
        OneOf(words) => format!("one of: {}", words.join(", ")),
        Number => "an integer from 0".to_owned(),
        UpTo(most) => format!("an integer from 0 to {most}"),
        Signed => "an integer".to_owned(),
        Percent => "a number from 0 to 100".to_owned(),
        Version => "a version such as 7.4".to_owned(),
        Text => "a text".to_owned(),
    }
}

pub fn apply(state: &mut Map<String, Value>, pairs: &Pairs) {
    for (key, value) in pairs {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        assert_eq!(read_pair(&[RUN], "hang=true").ok(), Some(("hang".to_owned(), Some(json!(true)))));
        assert_eq!(read_pair(&[RUN], "hang=").ok(), Some(("hang".to_owned(), None)));
        for bad in ["hang", "hang=maybe", "hungry=true", "exit_status=256", "latency_ms=-1"] {
            assert!(read_pair(&[RUN], bad).is_err(), "{bad}");
        }
        let error = read_pair(&[BAY], "fault=7").map_err(|error| error.to_string());
        assert_eq!(error, Err("fault: found \"7\"; wanted one of: 0, 2, 4, 6".to_owned()));
    }

    #[test]
    fn attributes_are_keys_of_drives_only() {
        let raw = read_pair(&[RUN, SAYS], "attr.188.raw=51540393996").ok();
        assert_eq!(raw, Some(("attr.188.raw".to_owned(), Some(json!(51_540_393_996_u64)))));
        for bad in ["attr.0.raw=1", "attr.256.raw=1", "attr.05.raw=1", "attr.5=1", "attr.5.rew=1", "attr.5.value=256"] {
            assert!(read_pair(&[RUN, SAYS], bad).is_err(), "{bad}");
        }
        assert!(read_pair(&[BAY], "attr.5.raw=1").is_err());
    }

    #[test]
    fn the_help_names_every_key() {
        for (key, _) in [RUN, SAYS, BAY, SHELF, POOL, LEAF, SMARTCTL, ZPOOL].concat() {
            assert!(HELP.contains(key), "{key}");
        }
        for field in FIELDS {
            assert!(HELP.contains(&format!("attr.N.{field}")), "{field}");
        }
    }
}
