//! The document of one drive: the value of `jbod:smart:{device}` and the body of
//! `/api/drives/{id}`, one and the same bytes.

use super::SCHEMA;
use super::drive_summary::DriveSummary;
use super::path_view::{PathView, path_views};
use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::enclosure::Bay;
use crate::domain::identity::{DeviceName, EnclosureId, Identity};
use crate::domain::inventory::{DriveRecord, RestoredDrive};
use crate::domain::known_paths::KnownPath;
use crate::domain::smart::{
    AtaDetail, ExitStatus, NvmeDetail, ScsiDetail, SelfTest, SmartReport, TemperatureLimits, Wear,
};
use crate::domain::time::Timestamp;
use crate::domain::transport::Attachment;
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
    /// Its paths, also those that are missing; empty of a disk behind a RAID controller, which has those of its volume.
    path_states: Vec<PathView>,
    /// The drive's own verdict (smartctl's `smart_status.passed`).
    smart_status_passed: Option<bool>,
    /// Why `smart_status_passed` is `null` although smartctl calls it passed: a SCSI drive that does not report that it fails.
    smart_status_not_judged: Option<&'static str>,
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
    #[cfg_attr(feature = "schema", schemars(with = "crate::domain::smart::ExitBits"))]
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

/// Limits for the paths and links of a stored document; a drive has fewer.
const MAX_PATHS: usize = 16;
const MAX_UNITS: usize = 128;
const MAX_LINKS: usize = 64;

/// Usual size of a document without smartctl's JSON.
const BASE_CAPACITY: usize = 6 * 1024;

/// Composes a drive's document.
pub fn compose(record: &DriveRecord, summary: &DriveSummary, raw: Option<&RawValue>) -> Vec<u8> {
    let report = record.report.as_deref();
    let doc = DriveDoc {
        schema: SCHEMA,
        identity: &record.drive.identity,
        summary,
        by_id: &record.drive.by_id,
        path_states: path_views(&record.paths),
        smart_status_passed: report.and_then(|r| r.smart_status_passed),
        smart_status_not_judged: report.and_then(SmartReport::smart_status_not_judged),
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
    // Reserved at once: growth by doubling would copy all of it several times.
    let mut body = Vec::with_capacity(raw.map_or(0, |raw| raw.get().len()) + BASE_CAPACITY);
    // Strings, numbers and lists only: this cannot fail, and an empty value would be a miss.
    if serde_json::to_writer(&mut body, &doc).is_err() {
        body.clear();
    }
    body
}

/// A stored document, as far as a drive can be put together from it again.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredDocument {
    pub(crate) schema: u32,
    pub(crate) identity: Identity,
    #[serde(flatten)]
    pub(crate) summary: DriveSummary,
    #[serde(default)]
    pub(crate) by_id: Vec<String>,
}

impl StoredDocument {
    pub fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(value).ok().filter(|stored| stored.schema == SCHEMA)
    }

    /// The missing drive of this document; `None` without an identity. `report`: parsed from its smartctl JSON.
    pub fn to_restored(&self, report: Option<SmartReport>, missing_since: Timestamp) -> Option<RestoredDrive> {
        let (identity, summary) = (self.identity.clone(), &self.summary);
        if identity.is_empty() {
            return None;
        }
        let path = |device: &DeviceName| DrivePath {
            device: device.clone(),
            node: String::new(),
            host: None,
            address: String::new(),
            unit: 0,
            state: None,
        };
        let drive = Drive {
            key: DriveKey::Restored(identity.clone()),
            device: summary.device.clone(),
            paths: summary.paths.iter().take(MAX_PATHS).map(path).collect(),
            units: summary.units.iter().take(MAX_UNITS).cloned().collect(),
            identity,
            vendor: summary.vendor.clone(),
            model: summary.model_name.clone(),
            firmware: summary.firmware_version.clone(),
            size_bytes: summary.user_capacity_bytes,
            rotational: summary.rotation_rate_rpm.map(|rpm| rpm > 0),
            by_id: self.by_id.iter().take(MAX_LINKS).cloned().collect(),
            attachment: Attachment::stored(summary.transport, summary.raid_volume.as_ref()),
            raid_disks: Vec::new(),
            smartctl_type: None,
        };
        Some(RestoredDrive {
            drive,
            bay: Bay::known(summary.enclosure.as_ref(), summary.slot),
            report,
            collected_at: summary.collected_at,
            checked_at: summary.checked_at,
            missing_since,
        })
    }
}

/// The paths of a drive and its bay, out of a stored document. `None`: it is of another form.
pub(crate) fn stored_paths(value: &[u8], now: Timestamp) -> Option<(Vec<KnownPath>, Option<Bay>)> {
    #[derive(Deserialize)]
    struct Paths {
        schema: u32,
        #[serde(default)]
        path_states: Vec<PathView>,
        enclosure: Option<EnclosureId>,
        slot: Option<u32>,
    }
    let stored = serde_json::from_slice::<Paths>(value).ok().filter(|stored| stored.schema == SCHEMA)?;
    let paths = stored.path_states.iter().take(MAX_PATHS).filter_map(|path| path.to_missing(now)).collect();
    Some((paths, Bay::known(stored.enclosure.as_ref(), stored.slot)))
}

/// smartctl's JSON out of a stored document.
pub fn smartctl_json(value: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        smartctl: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Raw>(value).ok()?.smartctl.filter(|raw| raw.get() != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_reading_comes_back_as_it_went_in() {
        let doc = br#"{"schema":1,"smartctl":{"x":  9023116403587028}}"#;
        assert_eq!(smartctl_json(doc).map(RawValue::get), Some(r#"{"x":  9023116403587028}"#));
        assert!(smartctl_json(br#"{"schema":1,"smartctl":null}"#).is_none());
    }
}
