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

/// The largest of the outputs that the parser was written for has 41 kB, 2,000 values and 6 levels.
pub(super) const LIMITS: Limits = Limits { bytes: 256 * 1024, values: 65_536, depth: 32 };
/// Maximum number of messages; smartctl has fewer.
const MAX_MESSAGES: usize = 32;

/// A parsed report.
#[derive(Debug, Default)]
pub struct Parsed {
    pub report: SmartReport,
    /// smartctl's messages, unchanged.
    pub messages: Vec<String>,
    /// One of them reports that the drive was left in standby.
    pub is_low_power: bool,
    pub(crate) exit_status: Option<u8>,
    /// Nothing was parsed: the limit that the text exceeds.
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
    let v = Fields(tree.root());
    let messages = v.list("/smartctl/messages").filter_map(|m| m.text("/string")).take(MAX_MESSAGES);
    let messages: Vec<String> = messages.collect();
    let is_low_power = messages.iter().any(|m| reports_low_power(m));
    let exit_status = v.byte("/smartctl/exit_status");
    Parsed { report: report(v, exit_status), messages, is_low_power, exit_status, too_much: None }
}

/// `Device is in STANDBY mode, exit(3)`: smartctl stopped at the power mode that it was asked to stop at, whatever the
/// mode's name (`ataprint.cpp`, `scsiprint.cpp`). The status is that of `-n MODE,STATUS`, or 2 where none is given.
fn reports_low_power(message: &str) -> bool {
    let Some(rest) = message.strip_prefix("Device is in ") else { return false };
    let Some((_, status)) = rest.split_once(" mode, exit(") else { return false };
    matches!(status.trim_end(), "2)" | "3)")
}

fn report(v: Fields, exit_status: Option<u8>) -> SmartReport {
    let protocol = protocol(v);
    let ata = (protocol == Some(Protocol::Ata)).then(|| ata::detail(v));
    let (self_test, wear) = match protocol {
        Some(Protocol::Ata) => (ata::self_test(v), ata::wear(v)),
        Some(Protocol::Scsi) => (scsi::self_test(v), scsi::wear(v)),
        Some(Protocol::Nvme) => (nvme::self_test(v), nvme::wear(v)),
        None => (None, Wear::default()),
    };
    let mut report = SmartReport {
        smartctl_version: version(v),
        exit_status: ExitStatus(exit_status),
        device_type: v.text("/device/type"),
        protocol,
        model_name: model_name(v),
        vendor: v.first_text(&["/scsi_vendor", "/vendor"]),
        serial_number: v.text("/serial_number").map(SerialNumber::from),
        wwn: wwn(v),
        firmware_version: v.first_text(&["/firmware_version", "/scsi_revision", "/revision"]),
        user_capacity_bytes: capacity(v),
        rotation_rate_rpm: rotation_rate(v, protocol),
        temperature_celsius: placeholder::celsius(v, ata.as_ref()),
        temperature_limits: placeholder::limits(v),
        power_on_hours: placeholder::hours(v, protocol, ata.as_ref()),
        power_cycle_count: v.first_uint(&["/power_cycle_count", "/nvme_smart_health_information_log/power_cycles"]),
        smart_status_passed: smart_status(v, protocol),
        smart_available: v.bool("/smart_support/available"),
        smart_enabled: v.bool("/smart_support/enabled"),
        is_locked: v.bool("/ata_security/locked"),
        logical_block_bytes: v.uint("/logical_block_size").filter(|bytes| *bytes > 0),
        protection_type: v.uint("/scsi_protection_type").filter(|kind| *kind > 0),
        exception: scsi::exception(v),
        ie_string: v.text("/smart_status/scsi/ie_string"),
        power_mode: v.text("/power_mode/name"),
        self_test,
        wear,
        ata,
        scsi: (protocol == Some(Protocol::Scsi)).then(|| scsi::detail(v)),
        nvme: (protocol == Some(Protocol::Nvme)).then(|| nvme::detail(v)),
    };
    let context = report.attribute_context();
    if let Some(ata) = &mut report.ata {
        ata.explain_not_judged(context);
    }
    report
}

/// A SCSI drive whose informational exceptions are switched off (the DEXCPT bit of mode page 1Ch) does not report that it
/// fails. smartctl calls it passed all the same, beside `smart_support.enabled: false` (scsiprint.cpp `scsiGetSmartData`,
/// `scsiGetDriveInfo`; 7.3 and later). An exception that it reports nevertheless counts.
fn smart_status(v: Fields, protocol: Option<Protocol>) -> Option<bool> {
    let is_silent = protocol == Some(Protocol::Scsi) && v.bool("/smart_support/enabled") == Some(false);
    v.bool("/smart_status/passed").filter(|passed| !(*passed && is_silent))
}

/// As smartctl reports it, or else by fields that only one protocol has.
fn protocol(v: Fields) -> Option<Protocol> {
    match v.text("/device/protocol").as_deref() {
        Some("ATA") => return Some(Protocol::Ata),
        Some("SCSI") => return Some(Protocol::Scsi),
        Some("NVMe") => return Some(Protocol::Nvme),
        _ => {}
    }
    let has = |paths: &[&str]| paths.iter().any(|path| v.object(path).is_some());
    if has(&["/ata_smart_attributes", "/ata_smart_data", "/ata_version"]) {
        Some(Protocol::Ata)
    } else if has(&["/nvme_smart_health_information_log", "/nvme_version", "/nvme_pci_vendor"]) {
        Some(Protocol::Nvme)
    } else if has(&["/scsi_error_counter_log", "/scsi_transport_protocol"]) || v.text("/scsi_vendor").is_some() {
        Some(Protocol::Scsi)
    } else {
        None
    }
}

fn version(v: Fields) -> Option<String> {
    Some(format!("{}.{}", v.uint("/smartctl/version/0")?, v.uint("/smartctl/version/1")?))
}

/// SCSI reports a vendor and a product; smartctl 7.3 and 7.4 join them in another field.
fn model_name(v: Fields) -> Option<String> {
    v.first_text(&["/model_name", "/scsi_model_name"]).or_else(|| {
        let product = v.first_text(&["/scsi_product", "/product"])?;
        let vendor = v.first_text(&["/scsi_vendor", "/vendor"]);
        Some(vendor.map_or_else(|| product.clone(), |vendor| format!("{vendor} {product}")))
    })
}

/// The WWN of the logical unit. ATA reports it in three parts (NAA 4 bits, OUI 24, id 36), SCSI as hex,
/// NVMe one for each namespace. All zeros is a placeholder.
fn wwn(v: Fields) -> Option<String> {
    let ata = || {
        let (naa, oui, id) = (v.uint("/wwn/naa")?, v.uint("/wwn/oui")?, v.uint("/wwn/id")?);
        let fits = naa < 1 << 4 && oui < 1 << 24 && id < 1 << 36;
        let name = (naa & 0xf) << 60 | (oui & 0xff_ffff) << 36 | id;
        (fits && name << 4 != 0).then(|| format!("0x{name:016x}"))
    };
    let scsi = || {
        let id = v.text("/logical_unit_id")?.to_ascii_lowercase();
        let hex = id.strip_prefix("0x")?;
        let is_zero = hex.bytes().skip(1).all(|b| b == b'0');
        (!is_zero && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
    };
    ata().or_else(scsi).or_else(|| nvme::wwn(v))
}

fn capacity(v: Fields) -> Option<u64> {
    let blocks = || v.uint("/user_capacity/blocks")?.checked_mul(v.uint("/logical_block_size")?);
    let bytes = |path: &str| v.uint(path).filter(|bytes| *bytes > 0);
    bytes("/user_capacity/bytes")
        .or_else(|| blocks().filter(|bytes| *bytes > 0))
        .or_else(|| bytes("/nvme_total_capacity"))
        .or_else(|| bytes("/nvme_namespaces/0/size/bytes"))
}

/// 0 is solid state. ACS-4 and SBC-4 have rates up to `FFFEh`.
fn rotation_rate(v: Fields, protocol: Option<Protocol>) -> Option<u32> {
    let reported = v.uint("/rotation_rate").and_then(|rpm| u32::try_from(rpm).ok()).filter(|rpm| *rpm < 0xffff);
    reported.or_else(|| (protocol == Some(Protocol::Nvme)).then_some(0))
}
