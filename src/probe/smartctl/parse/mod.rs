//! Parses smartctl's JSON, field by field. A field that is absent, of an unexpected type or out of range is
//! `None`; it affects neither other fields nor the drive.
//!
//! Names: smartmontools' `json.cpp` and `*print.cpp`, versions 7.0 to 8.0.

mod ata;
mod fields;
mod nvme;
mod placeholder;
mod scsi;
#[cfg(test)]
mod tests;

use crate::domain::identity::SerialNumber;
use crate::domain::smart::{ExitStatus, Protocol, SmartReport, Wear};
use crate::probe::json::{self, JsonError, Limits, Tree};
use fields::Fields;

/// The largest known output has 41 kB, 2,000 values and 6 levels.
pub(super) const LIMITS: Limits = Limits { bytes: 256 * 1024, values: 65_536, depth: 32 };
/// Maximum number of messages; smartctl prints fewer.
const MAX_MESSAGES: usize = 32;

/// A parsed report.
#[derive(Debug, Default)]
pub struct Parsed {
    pub report: SmartReport,
    /// smartctl's messages, unchanged.
    pub messages: Vec<String>,
    /// A message reports that the drive was left in a low-power mode.
    pub is_low_power: bool,
    pub(crate) exit_status: Option<u8>,
    /// The limit that the text exceeds. If it is set, nothing was parsed.
    pub too_much: Option<String>,
}

/// Parses a report. Text that is not a JSON object, or exceeds the limits, results in no values.
pub fn parse(json: &str) -> Parsed {
    match json::parse(json, LIMITS) {
        Ok(tree) => read(&tree),
        Err(JsonError::Syntax) => Parsed::default(),
        Err(limit) => Parsed { too_much: Some(too_much(limit)), ..Parsed::default() },
    }
}

pub(super) fn too_much(limit: JsonError) -> String {
    format!("smartctl's JSON {limit}")
}

pub(super) fn read(tree: &Tree) -> Parsed {
    let fields = Fields(tree.root());
    let messages = fields.list("/smartctl/messages").filter_map(|message| message.text("/string"));
    let messages: Vec<String> = messages.take(MAX_MESSAGES).collect();
    let is_low_power = messages.iter().any(|message| reports_low_power(message));
    let exit_status = fields.byte("/smartctl/exit_status");
    Parsed { report: report(fields, exit_status), messages, is_low_power, exit_status, too_much: None }
}

/// `Device is in STANDBY mode, exit(3)`: smartctl stopped because of the power mode (`ataprint.cpp`, `scsiprint.cpp`,
/// with several names of modes). The status is that of `-n MODE,STATUS`, or 2 if none is given.
fn reports_low_power(message: &str) -> bool {
    let Some(rest) = message.strip_prefix("Device is in ") else { return false };
    let Some((_, status)) = rest.split_once(" mode, exit(") else { return false };
    matches!(status.trim_end(), "2)" | "3)")
}

fn report(fields: Fields, exit_status: Option<u8>) -> SmartReport {
    let protocol = protocol(fields);
    let (self_test, wear) = match protocol {
        Some(Protocol::Ata) => (ata::self_test(fields), ata::wear(fields)),
        Some(Protocol::Scsi) => (scsi::self_test(fields), scsi::wear(fields)),
        Some(Protocol::Nvme) => (nvme::self_test(fields), nvme::wear(fields)),
        None => (None, Wear::default()),
    };
    let (mut ata, mut scsi, mut nvme) = (None, None, None);
    match protocol {
        Some(Protocol::Ata) => ata = Some(ata::detail(fields)),
        Some(Protocol::Scsi) => scsi = Some(scsi::detail(fields)),
        Some(Protocol::Nvme) => nvme = Some(nvme::detail(fields)),
        None => {}
    }
    let mut report = SmartReport {
        smartctl_version: version(fields),
        exit_status: ExitStatus(exit_status),
        device_type: fields.text("/device/type"),
        protocol,
        model_name: model_name(fields),
        vendor: fields.first_text(&["/scsi_vendor", "/vendor"]),
        serial_number: fields.text("/serial_number").map(SerialNumber::from),
        wwn: wwn(fields),
        firmware_version: fields.first_text(&["/firmware_version", "/scsi_revision", "/revision"]),
        user_capacity_bytes: capacity(fields),
        rotation_rate_rpm: rotation_rate(fields, protocol),
        temperature_celsius: placeholder::celsius(fields, ata.as_ref()),
        temperature_limits: placeholder::limits(fields),
        power_on_hours: placeholder::hours(fields, protocol, ata.as_ref()),
        power_cycle_count: fields
            .first_uint(&["/power_cycle_count", "/nvme_smart_health_information_log/power_cycles"]),
        smart_status_passed: smart_status(fields, protocol),
        smart_available: fields.bool("/smart_support/available"),
        smart_enabled: fields.bool("/smart_support/enabled"),
        is_locked: fields.bool("/ata_security/locked"),
        logical_block_bytes: fields.uint("/logical_block_size").filter(|bytes| *bytes > 0),
        protection_type: fields.uint("/scsi_protection_type").filter(|kind| *kind > 0),
        exception: scsi::exception(fields),
        ie_string: fields.text("/smart_status/scsi/ie_string"),
        power_mode: fields.text("/power_mode/name"),
        self_test,
        wear,
        ata,
        scsi,
        nvme,
    };
    let context = report.attribute_context();
    if let Some(ata) = &mut report.ata {
        ata.explain_not_judged(context);
    }
    report
}

/// A SCSI drive with disabled informational exceptions (the DEXCPT bit of mode page 1Ch) does not report its failures.
/// smartctl nevertheless reports `passed`, with `smart_support.enabled: false` (scsiprint.cpp `scsiGetSmartData`,
/// `scsiGetDriveInfo`; 7.3 and later), which is ignored. A reported failure counts.
fn smart_status(fields: Fields, protocol: Option<Protocol>) -> Option<bool> {
    let is_disabled = protocol == Some(Protocol::Scsi) && fields.bool("/smart_support/enabled") == Some(false);
    match fields.bool("/smart_status/passed") {
        Some(true) if is_disabled => None,
        status => status,
    }
}

/// The protocol that smartctl reports, or else the one whose own fields are present.
fn protocol(fields: Fields) -> Option<Protocol> {
    match fields.text("/device/protocol").as_deref() {
        Some("ATA") => return Some(Protocol::Ata),
        Some("SCSI") => return Some(Protocol::Scsi),
        Some("NVMe") => return Some(Protocol::Nvme),
        _ => {}
    }
    if fields.has_object(&["/ata_smart_attributes", "/ata_smart_data", "/ata_version"]) {
        Some(Protocol::Ata)
    } else if fields.has_object(&["/nvme_smart_health_information_log", "/nvme_version", "/nvme_pci_vendor"]) {
        Some(Protocol::Nvme)
    } else if fields.has_object(&["/scsi_error_counter_log", "/scsi_transport_protocol"])
        || fields.text("/scsi_vendor").is_some()
    {
        Some(Protocol::Scsi)
    } else {
        None
    }
}

fn version(fields: Fields) -> Option<String> {
    Some(format!("{}.{}", fields.uint("/smartctl/version/0")?, fields.uint("/smartctl/version/1")?))
}

/// SCSI reports a vendor and a product; smartctl 7.3 and 7.4 join them in another field.
fn model_name(fields: Fields) -> Option<String> {
    if let Some(name) = fields.first_text(&["/model_name", "/scsi_model_name"]) {
        return Some(name);
    }
    let product = fields.first_text(&["/scsi_product", "/product"])?;
    match fields.first_text(&["/scsi_vendor", "/vendor"]) {
        Some(vendor) => Some(format!("{vendor} {product}")),
        None => Some(product),
    }
}

/// The WWN of the logical unit. All zeros is a placeholder.
fn wwn(fields: Fields) -> Option<String> {
    let sources: [fn(Fields) -> Option<String>; 3] = [ata::wwn, scsi::wwn, nvme::wwn];
    sources.iter().find_map(|source| source(fields))
}

fn capacity(fields: Fields) -> Option<u64> {
    let blocks = fields.uint("/user_capacity/blocks").unwrap_or(0);
    let block_bytes = fields.uint("/logical_block_size").unwrap_or(0);
    let sources = [
        fields.uint("/user_capacity/bytes"),
        blocks.checked_mul(block_bytes),
        fields.uint("/nvme_total_capacity"),
        fields.uint("/nvme_namespaces/0/size/bytes"),
    ];
    sources.into_iter().flatten().find(|bytes| *bytes > 0)
}

/// Rotations per minute; 0 for a solid-state drive. ACS-4 and SBC-4 have rates up to `FFFEh`.
fn rotation_rate(fields: Fields, protocol: Option<Protocol>) -> Option<u32> {
    match fields.uint("/rotation_rate") {
        Some(rpm) if rpm < 0xffff => u32::try_from(rpm).ok(),
        _ if protocol == Some(Protocol::Nvme) => Some(0),
        _ => None,
    }
}
