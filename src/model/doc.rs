//! The document of one drive: the value of `jbod:smart:{device}` and the body of
//! `/api/drives/{id}`, one and the same bytes.

use super::drive::{DriveSummary, Identity, State};
use super::fleet::{Bay, Record};
use super::json_size::JsonLimits;
use super::smart::{AtaDetail, ExitStatus, NvmeDetail, ScsiDetail, SelfTest, TemperatureLimits, Wear};
use super::value_limits::DOCUMENT;
use super::{SCHEMA, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body of `/api/drives/{id}`: the summary, and what the last good reading says besides.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct DriveDoc<'a> {
    /// Version of this body's form; another number means that fields have changed their meaning.
    schema: u32,
    /// What sysfs said the drive was when this was stored; compared before it is shown.
    identity: &'a Identity,
    #[serde(flatten)]
    summary: &'a DriveSummary,
    /// Names under `/dev/disk/by-id`, without partitions.
    by_id: &'a [String],
    /// The drive's own verdict (smartctl's `smart_status.passed`).
    smart_status_passed: Option<bool>,
    /// `ACTIVE`, `IDLE_A`, … (ATA, smartctl 7.5 and later).
    power_mode: Option<&'a str>,
    /// The newest self-test, or the one that is running.
    self_test: Option<&'a SelfTest>,
    /// What the drive itself calls too hot; `null` without a reading.
    temperature_limits: Option<TemperatureLimits>,
    /// How worn it is; `null` without a reading.
    wear: Option<Wear>,
    /// How often it was switched on.
    power_cycle_count: Option<u64>,
    /// smartctl's exit status.
    #[cfg_attr(feature = "schema", schemars(with = "super::smart::ExitBits"))]
    exit_status: ExitStatus,
    /// smartctl's `device.type` (`sat`, `scsi`, `nvme`, …).
    device_type: Option<&'a str>,
    /// Of an ATA drive.
    ata: Option<&'a AtaDetail>,
    /// Of a SCSI drive.
    scsi: Option<&'a ScsiDetail>,
    /// Of an NVMe drive.
    nvme: Option<&'a NvmeDetail>,
    /// How long the last run of smartctl took; `null` where none was needed.
    took_ms: Option<u64>,
    /// `7.4`
    smartctl_version: Option<&'a str>,
    /// smartctl's own JSON of the reading the values are from.
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    smartctl: Option<&'a RawValue>,
}

/// What stands in a document besides smartctl's JSON, most times.
const BESIDES: usize = 6 * 1024;

/// Puts a drive's document together.
pub fn compose(record: &Record, summary: &DriveSummary, raw: Option<&RawValue>) -> Vec<u8> {
    let report = record.report.as_deref();
    let doc = DriveDoc {
        schema: SCHEMA,
        identity: &record.drive.identity,
        summary,
        by_id: &record.drive.by_id,
        smart_status_passed: report.and_then(|r| r.smart_status_passed),
        power_mode: report.and_then(|r| r.power_mode.as_deref()),
        self_test: report.and_then(|r| r.self_test.as_ref()),
        temperature_limits: report.map(|r| r.temperature_limits),
        wear: report.map(|r| r.wear),
        power_cycle_count: report.and_then(|r| r.power_cycle_count),
        exit_status: report.map(|r| r.exit_status).unwrap_or_default(),
        device_type: report.and_then(|r| r.device_type.as_deref()),
        ata: report.and_then(|r| r.ata.as_ref()),
        scsi: report.and_then(|r| r.scsi.as_ref()),
        nvme: report.and_then(|r| r.nvme.as_ref()),
        took_ms: record.took_ms,
        smartctl_version: report.and_then(|r| r.smartctl_version.as_deref()),
        smartctl: raw,
    };
    // Enough at once: who grows by doubling copies all of it several times.
    let mut body = Vec::with_capacity(raw.map_or(0, |raw| raw.get().len()) + BESIDES);
    // Strings, numbers and lists only: this cannot fail, and an empty value would be a miss.
    if serde_json::to_writer(&mut body, &doc).is_err() {
        body.clear();
    }
    body
}

/// What has to be known of any stored value before it may be shown.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    pub schema: u32,
    #[serde(default)]
    pub identity: Identity,
    #[serde(default)]
    pub serial_number: Option<String>,
    #[serde(default)]
    pub topology: Option<String>,
    #[serde(default)]
    pub state: Option<State>,
    #[serde(default)]
    pub enclosure: Option<String>,
    #[serde(default)]
    pub slot: Option<u32>,
    #[serde(default)]
    pub collected_at: Option<Timestamp>,
    #[serde(default)]
    pub checked_at: Option<Timestamp>,
    #[serde(default)]
    pub generated_at: Option<Timestamp>,
}

impl Head {
    /// `None`: no JSON of this schema.
    pub fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(value).ok().filter(|head| head.schema == SCHEMA)
    }

    /// It is of that drive, in that bay.
    pub fn is_of(&self, identity: &Identity, bay: Option<&Bay>) -> bool {
        let place = bay.map(|bay| (Some(bay.enclosure.as_str()), Some(bay.slot)));
        self.identity == *identity && (self.enclosure.as_deref(), self.slot) == place.unwrap_or_default()
    }

    /// What `Age` counts from: the values, or else the look that found none.
    pub fn observed_at(&self) -> Option<Timestamp> {
        self.collected_at.or(self.checked_at).or(self.generated_at)
    }
}

/// smartctl's JSON out of a stored document.
pub fn raw_of(value: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        smartctl: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Raw>(value).ok()?.smartctl.filter(|raw| raw.get() != "null")
}

/// A stored document, as far as a drive can be put together from it again.
#[derive(Clone, Debug, Deserialize)]
pub struct Stored {
    pub schema: u32,
    pub identity: Identity,
    #[serde(flatten)]
    pub summary: DriveSummary,
    #[serde(default)]
    pub by_id: Vec<String>,
}

impl Stored {
    pub fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(value).ok().filter(|stored| stored.schema == SCHEMA)
    }
}

/// The drives of a host that are gone: the value of `jbod:gone`.
#[derive(Debug, Serialize, Deserialize)]
pub struct GoneBody<'a> {
    schema: u32,
    host: std::borrow::Cow<'a, str>,
    generated_at: Timestamp,
    /// Their documents, as they stood when they went.
    #[serde(borrow)]
    drives: Vec<&'a RawValue>,
}

/// That list, with as many of the documents as its limits allow, in their order; and how many are left out.
pub fn gone<'a>(
    limits: &JsonLimits,
    host: &str,
    generated_at: Timestamp,
    documents: impl Iterator<Item = &'a [u8]>,
) -> (Vec<u8>, usize) {
    let body = |drives| {
        let body = GoneBody { schema: SCHEMA, host: host.into(), generated_at, drives };
        serde_json::to_vec(&body).unwrap_or_default()
    };
    let empty = body(Vec::new());
    let mut bytes = limits.bytes.saturating_sub(empty.len());
    let mut values = limits.values.saturating_sub(limits.check(&empty).unwrap_or(limits.values));
    let (mut drives, mut left_out) = (Vec::new(), 0);
    for document in documents {
        // With its comma.
        let size = document.len() + 1;
        let of_document = DOCUMENT.check(document).ok().filter(|count| *count <= values && size <= bytes);
        let raw = of_document.and_then(|count| Some((count, serde_json::from_slice(document).ok()?)));
        let Some((count, raw)) = raw else {
            left_out += 1;
            continue;
        };
        bytes -= size;
        values -= count;
        drives.push(raw);
    }
    (body(drives), left_out)
}

/// The documents in such a list, if it is one of that host.
pub fn gone_of<'a>(value: &'a [u8], host: &str) -> Option<Vec<&'a RawValue>> {
    let body: GoneBody = serde_json::from_slice(value).ok()?;
    (body.schema == SCHEMA && body.host == host).then_some(body.drives)
}

/// Labels a last-known copy as old. `"stale":false` cannot stand inside a JSON string (its quotes
/// would be escaped there), and smartctl's JSON, which has no such key, comes after ours.
pub fn label_stale(value: &[u8]) -> Vec<u8> {
    const FRESH: &[u8] = b"\"stale\":false";
    let mut labelled = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.windows(FRESH.len()).position(|w| w == FRESH) {
        let (before, after) = rest.split_at(at);
        labelled.extend_from_slice(before);
        labelled.extend_from_slice(b"\"stale\":true");
        rest = after.get(FRESH.len()..).unwrap_or_default();
    }
    labelled.extend_from_slice(rest);
    labelled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value_limits::ValueLimits;

    #[test]
    fn only_this_schema_is_a_value() {
        assert!(Head::parse(br#"{"schema":1,"generated_at":"2026-01-01T00:00:00Z"}"#).is_some());
        for bad in [&b"{\"schema\":2}"[..], b"{\"", b"", b"[]", b"\xff\xfe", b"{\"schema\":\"1\"}", b"42"] {
            assert!(Head::parse(bad).is_none(), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn old_copies_are_labelled_and_strings_left_alone() {
        let doc = br#"{"a":"\"stale\":false","stale":false,"b":[{"stale":false},{"stale":true}]}"#;
        let labelled = String::from_utf8(label_stale(doc)).unwrap_or_default();
        assert_eq!(labelled, r#"{"a":"\"stale\":false","stale":true,"b":[{"stale":true},{"stale":true}]}"#);
    }

    #[test]
    fn the_list_of_missing_drives_stays_within_the_limits_it_is_read_with() {
        let limits = JsonLimits { bytes: 100_000, values: 1_000, ..ValueLimits::default().gone };
        let now = Timestamp(1_767_225_600);
        let document = |n: usize, filler: &str| format!(r#"{{"schema":1,"n":{n},"a":[{filler}]}}"#);
        let listed = |documents: &[String]| {
            let (list, left_out) = gone(&limits, "nas1", now, documents.iter().map(String::as_bytes));
            assert!(limits.check(&list).is_ok(), "{} bytes", list.len());
            let found =
                gone_of(&list, "nas1").map(|found| found.iter().map(|raw| raw.get().to_owned()).collect::<Vec<_>>());
            (found.unwrap_or_default(), left_out)
        };
        assert_eq!(listed(&[]), (Vec::new(), 0));
        let text = format!("\"{}\"", "x".repeat(9_000));
        let long: Vec<String> = (0..30).map(|n| document(n, &text)).collect();
        assert_eq!(listed(&long), (long[..11].to_vec(), 19), "by bytes");
        let many: Vec<String> = (0..30).map(|n| document(n, &"0,".repeat(90)[..179])).collect();
        assert_eq!(listed(&many), (many[..10].to_vec(), 20), "by values");
        // One that would not be read is left out, and the others are not.
        let deep = document(0, &("[".repeat(50) + &"]".repeat(50)));
        let others = [deep, "{".to_owned(), document(1, "0")];
        assert_eq!(listed(&others), (others[2..].to_vec(), 2));
    }

    #[test]
    fn the_raw_reading_comes_back_as_it_went_in() {
        let doc = br#"{"schema":1,"smartctl":{"x":  9023116403587028}}"#;
        assert_eq!(raw_of(doc).map(RawValue::get), Some(r#"{"x":  9023116403587028}"#));
        assert!(raw_of(br#"{"schema":1,"smartctl":null}"#).is_none());
    }
}
