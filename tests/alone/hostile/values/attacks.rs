//! The hostile values: lists and documents that take far more memory than their bytes.

use super::Rack;
use crate::support::redis::Redis;
use std::collections::BTreeMap;

/// Limits of a host with 79 drives and 84 bays.
const LIST_BYTES: usize = (1024 + 84 * 4) * 1024;
const LIST_VALUES: usize = 32 * 1024 + 84 * 256;
const GONE_BYTES: usize = (4 * 1024 + 84 * 16) * 1024;
const DOCUMENT_BYTES: usize = 320 * 1024;
const DOCUMENT_VALUES: usize = 20_000;
const MIB: usize = 1024 * 1024;

/// A list with `filler` before the elements of a field.
pub(super) fn with(list: &str, field: &str, filler: &str) -> String {
    let (before, after) = list.split_once(&format!("\"{field}\":[")).expect("the field");
    let comma = if after.starts_with(']') { "" } else { "," };
    format!("{before}\"{field}\":[{filler}{comma}{after}")
}

/// As many `item`s as fit into `bytes`, with commas.
fn filled(item: &str, bytes: usize) -> String {
    times(item, bytes / (item.len() + 1))
}

/// `count` times `item`, with commas.
pub(super) fn times(item: &str, count: usize) -> String {
    let mut text = format!("{item},").repeat(count);
    text.pop();
    text
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// Values that replace those of the daemon in Redis.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) values: BTreeMap<String, String>,
    /// No value can be taken for one of the daemon, so that its responses stay correct.
    pub(super) is_foreign: bool,
}

impl Attack {
    fn new(name: &'static str) -> Self {
        Self { name, values: BTreeMap::new(), is_foreign: true }
    }

    fn both(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
        self.values.insert(format!("last:{key}"), value.to_owned());
    }

    pub(super) fn put(&self, redis: &Redis) {
        for (key, value) in &self.values {
            redis.set(&format!("jbod:{key}"), value.as_bytes());
        }
    }
}

/// A field of a list, an element of it, and the number of JSON values in that.
pub(super) type Part<'a> = (&'a str, &'a str, usize);

pub(super) const SLOT: &str = r#"{"slot":0,"name":""}"#;
pub(super) const EMPTY_MAP: &str = r#"{"":0}"#;
pub(super) const DRIVE: &str =
    r#"{"device":"a","paths":[],"state":"active","verdict":"ok","findings":[],"stale":false}"#;
pub(super) const FINDING: &str = r#"{"code":"","class":"media","severity":"crit","message":""}"#;
pub(super) const POOL: &str = r#"{"name":"","scan":{"kind":"none","state":"none"}}"#;
pub(super) const SHELF: &str = r#"{"id":"","sysfs_name":"","sysfs_names":[],"slots":[]}"#;

/// Every list and the documents of a few drives, far beyond any limit.
pub(super) fn huge(rack: &Rack) -> Attack {
    let mut attack = Attack::new("31 MiB lists, 8 MiB documents");
    attack.both("overview", &rack.list("overview", "slots", &filled(SLOT, 31 * MIB)));
    attack.both("enclosures", &rack.list("enclosures", "slots", &filled(SLOT, 31 * MIB)));
    attack.both("zfs_map", &rack.list("zfs_map", "pools", &filled(POOL, 31 * MIB)));
    attack.both("gone", &rack.list("gone", "drives", &filled(EMPTY_MAP, 31 * MIB)));
    for key in rack.documents().take(4) {
        let smartctl = format!(r#"{{"a":[{}]}}"#, filled(EMPTY_MAP, 8 * MIB - 20_000));
        attack.both(key, &rack.document(key, &smartctl));
    }
    attack
}

/// Values of the maximum size that is fetched, of the shape that takes most memory.
pub(super) fn just_below(rack: &Rack) -> Attack {
    let mut attack = Attack::new("as many bytes as are read");
    for (key, field, item, most) in [
        ("overview", "slots", SLOT, LIST_BYTES),
        ("enclosures", "slots", SLOT, LIST_BYTES),
        ("zfs_map", "pools", POOL, LIST_BYTES),
        ("gone", "drives", EMPTY_MAP, GONE_BYTES),
    ] {
        let room = most - rack.values[key].len() - 64;
        attack.both(key, &rack.list(key, field, &filled(item, room)));
    }
    for key in rack.documents() {
        let smartctl = format!(r#"{{"a":[{}]}}"#, filled(EMPTY_MAP, DOCUMENT_BYTES - 16_000));
        attack.both(key, &rack.document(key, &smartctl));
    }
    attack
}

/// Within every limit: as many bays, drives, enclosures, pools and findings as are allowed. They cannot be told from
/// those of the host.
pub(super) fn within(rack: &Rack, name: &'static str, overview: &[Part], shelves: &[Part]) -> Attack {
    let mut attack = Attack { is_foreign: false, ..Attack::new(name) };
    for (key, parts) in [("overview", overview), ("enclosures", shelves), ("zfs_map", &[("pools", POOL, 5)])] {
        let mut value = rack.renamed(key);
        for (field, item, values) in parts {
            let most = ((LIST_VALUES - 9_000) / values).min((LIST_BYTES - 150_000) / (item.len() + 1));
            let filler = times(item, most / parts.len());
            value = with(&value, field, &filler);
        }
        attack.both(key, &value);
    }
    let missing: Vec<String> = (0..MISSING_DRIVES).map(missing_drive).collect();
    attack.both("gone", &rack.list("gone", "drives", &missing.join(",")));
    for key in rack.documents() {
        let own = &rack.values[key];
        let (_, smartctl) = own.split_once("\"smartctl\":").expect("smartctl's JSON");
        let filler = times(EMPTY_MAP, (DOCUMENT_VALUES - 2_000) / 2);
        // The remaining bytes.
        let room = DOCUMENT_BYTES - own.len() - filler.len() - 500;
        let padding = times(&format!("\"{}\"", "x".repeat(16_000)), room / 16_003);
        let padded = format!(r#"{{"a":[{filler}],"b":[{padding}],"#);
        let smartctl = smartctl.strip_suffix('}').expect("the end of the document").replacen('{', &padded, 1);
        attack.both(key, &rack.document(key, &smartctl));
    }
    attack
}

/// Within the limit of values of the list.
const MISSING_DRIVES: usize = 20_000;

/// The shortest valid document of a missing drive.
fn missing_drive(number: usize) -> String {
    let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).expect("a time");
    let identity = format!(r#""identity":{{"wwid":null,"unit_serial":"G{number}"}}"#);
    DRIVE.replacen('{', &format!(r#"{{"schema":1,{identity},"missing_since":"{now}","#), 1)
}

/// A string of this length, with every character escaped.
fn long_string(bytes: usize) -> String {
    format!("\"{}\"", "\\u0041".repeat(bytes / 6))
}

/// Nested deeper than any value of the daemon, or with a string as long as the value may be.
pub(super) fn deep_or_long(rack: &Rack) -> Attack {
    let mut attack = Attack::new("nested 41 to 100,000 deep, long strings");
    attack.both("overview", &rack.list("overview", "enclosures", &nested(41)));
    attack.both("zfs_map", &rack.list("zfs_map", "pools", &nested(100_000)));
    attack.both("gone", &rack.list("gone", "drives", &long_string(GONE_BYTES - 1000)));
    let own = rack.renamed("enclosures");
    let field = format!(r#","x":{},"host""#, long_string(LIST_BYTES - own.len() - 100));
    attack.both("enclosures", &own.replacen(",\"host\"", &field, 1));
    let odd = [nested(41), nested(120), nested(100_000), long_string(DOCUMENT_BYTES - 20_000)];
    for (key, odd) in rack.documents().zip(odd.iter().cycle()) {
        attack.both(key, &rack.document(key, &format!(r#"{{"serial_number":{odd}}}"#)));
    }
    attack
}
