//! The document of one drive: the value of `jbod:smart:{device}` and the body of `/api/drives/{id}` are the same bytes.

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

/// The body of `/api/drives/{id}`: the summary and further values of the last good reading.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct DriveDoc<'a> {
    /// Version of the format of this body; it changes when fields change their meaning.
    schema: u32,
    /// Identity of the drive in sysfs when this was stored; compared with the current one before it is served.
    identity: &'a Identity,
    #[serde(flatten)]
    summary: &'a DriveSummary,
    /// Names under `/dev/disk/by-id`, without those of partitions.
    by_id: &'a [String],
    /// Paths to the drive, including missing ones. Empty for a disk behind a RAID controller, whose paths are those of
    /// its volume.
    path_states: Vec<PathView>,
    /// SMART status that the drive reports (`smart_status.passed` of smartctl).
    smart_status_passed: Option<bool>,
    /// Why `smart_status_passed` is `null` although smartctl reports `passed`: the SCSI drive is set not to report
    /// failures.
    smart_status_not_judged: Option<&'static str>,
    /// Power mode: `ACTIVE`, `IDLE_A`, … (ATA, smartctl 7.5 and later).
    power_mode: Option<&'a str>,
    /// Latest self-test, or the one that is running.
    self_test: Option<&'a SelfTest>,
    /// Maximum temperatures that the drive specifies; `null` without a reading.
    temperature_limits: Option<TemperatureLimits>,
    /// Endurance used and spare capacity left; `null` without a reading.
    wear: Option<Wear>,
    /// Number of power cycles.
    power_cycle_count: Option<u64>,
    /// Exit status of smartctl.
    #[cfg_attr(feature = "schema", schemars(with = "crate::domain::smart::ExitBits"))]
    exit_status: ExitStatus,
    /// Device type that smartctl used (`device.type`: `sat`, `scsi`, `nvme`, …).
    device_type: Option<&'a str>,
    /// Values of an ATA drive; `null` for other protocols.
    ata: Option<&'a AtaDetail>,
    /// Values of a SCSI drive; `null` for other protocols.
    scsi: Option<&'a ScsiDetail>,
    /// Values of an NVMe drive; `null` for other protocols.
    nvme: Option<&'a NvmeDetail>,
    /// Duration of the last smartctl run, in milliseconds; `null` if none was needed.
    took_ms: Option<u64>,
    /// Version of smartctl, such as `7.4`.
    smartctl_version: Option<&'a str>,
    /// The JSON output of smartctl that the values are from.
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    smartctl: Option<&'a RawValue>,
}

/// Limits of the lists in a stored document; a drive has fewer paths, units and links.
const MAX_PATHS: usize = 16;
const MAX_UNITS: usize = 128;
const MAX_LINKS: usize = 64;

/// Usual size of a document without the JSON of smartctl, in bytes.
const BASE_CAPACITY: usize = 6 * 1024;

/// Composes the document of a drive. `raw` is the JSON output of smartctl.
pub fn compose(record: &DriveRecord, summary: &DriveSummary, raw: Option<&RawValue>) -> Vec<u8> {
    let no_report = SmartReport::default();
    let last_report = record.report.as_deref();
    let report = last_report.unwrap_or(&no_report);
    let doc = DriveDoc {
        schema: SCHEMA,
        identity: &record.drive.identity,
        summary,
        by_id: &record.drive.by_id,
        path_states: path_views(&record.paths),
        smart_status_passed: report.smart_status_passed,
        smart_status_not_judged: report.smart_status_not_judged(),
        power_mode: report.power_mode.as_deref(),
        self_test: report.self_test.as_ref(),
        temperature_limits: last_report.map(|report| report.temperature_limits),
        wear: last_report.map(|report| report.wear),
        power_cycle_count: report.power_cycle_count,
        exit_status: report.exit_status,
        device_type: report.device_type.as_deref(),
        ata: report.ata.as_ref(),
        scsi: report.scsi.as_ref(),
        nvme: report.nvme.as_ref(),
        took_ms: record.took_ms,
        smartctl_version: report.smartctl_version.as_deref(),
        smartctl: raw,
    };
    // Allocated once: growth by doubling would copy all of it several times.
    let raw_length = raw.map(|raw| raw.get().len()).unwrap_or_default();
    let mut body = Vec::with_capacity(raw_length + BASE_CAPACITY);
    // Strings, numbers and lists only: serialization cannot fail. An empty value would be a miss.
    if serde_json::to_writer(&mut body, &doc).is_err() {
        body.clear();
    }
    body
}

/// The part of a stored document from which a missing drive is restored.
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
    /// `None` if the value is not a document of this schema.
    pub fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(value).ok().filter(|stored| stored.schema == SCHEMA)
    }

    /// The missing drive of this document; `None` without an identity. `report` is parsed from its smartctl JSON.
    pub fn to_restored(&self, report: Option<SmartReport>, missing_since: Timestamp) -> Option<RestoredDrive> {
        let (identity, summary) = (self.identity.clone(), &self.summary);
        if identity.is_empty() {
            return None;
        }
        let drive = Drive {
            key: DriveKey::Restored(identity.clone()),
            device: summary.device.clone(),
            paths: summary.paths.iter().take(MAX_PATHS).map(restored_path).collect(),
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
            bay: Bay::known(summary.enclosure.as_ref(), summary.slot, summary.slot_name.as_deref()),
            report,
            collected_at: summary.collected_at,
            checked_at: summary.checked_at,
            missing_since,
        })
    }
}

/// A path of which only the block device is known.
fn restored_path(device: &DeviceName) -> DrivePath {
    DrivePath { device: device.clone(), node: String::new(), host: None, address: String::new(), unit: 0, state: None }
}

/// The paths of a drive and its bay, from a stored document. `None` if the value is not a document of this schema.
pub(crate) fn stored_paths(value: &[u8], now: Timestamp) -> Option<(Vec<KnownPath>, Option<Bay>)> {
    #[derive(Deserialize)]
    struct Paths {
        schema: u32,
        #[serde(default)]
        path_states: Vec<PathView>,
        enclosure: Option<EnclosureId>,
        slot: Option<u32>,
        #[serde(default)]
        slot_name: Option<String>,
    }
    let stored: Paths = serde_json::from_slice(value).ok()?;
    if stored.schema != SCHEMA {
        return None;
    }
    let paths = stored.path_states.iter().take(MAX_PATHS).filter_map(|path| path.to_missing(now)).collect();
    Some((paths, Bay::known(stored.enclosure.as_ref(), stored.slot, stored.slot_name.as_deref())))
}

/// The JSON output of smartctl in a stored document.
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
