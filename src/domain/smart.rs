//! The values of one reading of one drive by smartctl(8). `probe/smartctl` parses them.

use crate::domain::ata_attributes::{AttributeContext, judged_value, largest_word};
use crate::domain::identity::SerialNumber;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The command set of a drive; smartctl's `device.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Protocol {
    #[serde(rename = "ATA")]
    Ata,
    #[serde(rename = "SCSI")]
    Scsi,
    #[serde(rename = "NVMe")]
    Nvme,
}

/// A reading. Each value is parsed on its own: a missing or invalid one is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SmartReport {
    /// `7.4`
    pub smartctl_version: Option<String>,
    pub exit_status: ExitStatus,
    /// smartctl's `device.type` (`sat`, `scsi`, `nvme`, …).
    pub device_type: Option<String>,
    pub protocol: Option<Protocol>,
    pub model_name: Option<String>,
    pub vendor: Option<String>,
    pub serial_number: Option<SerialNumber>,
    /// `0x` and the hex digits of the NAA name; `eui.…` for NVMe.
    pub wwn: Option<String>,
    pub firmware_version: Option<String>,
    pub user_capacity_bytes: Option<u64>,
    /// 0 = solid state.
    pub rotation_rate_rpm: Option<u32>,
    /// `None` also if the drive reports a value that means "unknown" (rule C6).
    pub temperature_celsius: Option<i32>,
    pub temperature_limits: TemperatureLimits,
    pub power_on_hours: Option<u64>,
    pub power_cycle_count: Option<u64>,
    /// The drive's own verdict; `None` also for a SCSI drive that is configured not to report its failure.
    pub smart_status_passed: Option<bool>,
    /// The drive has SMART, or the SCSI equivalent; `None`: smartctl did not report it (7.2 and earlier).
    pub smart_available: Option<bool>,
    /// SMART, or the SCSI equivalent, is enabled.
    pub smart_enabled: Option<bool>,
    /// ATA: the drive is locked by a password.
    pub is_locked: Option<bool>,
    /// Bytes of a logical block, without protection information.
    pub logical_block_bytes: Option<u64>,
    /// SCSI: type of the protection information that the drive is formatted with; `None`: none.
    pub protection_type: Option<u64>,
    /// SCSI: the code of the informational exception that the drive reports.
    pub exception: Option<ExceptionCode>,
    /// SCSI: smartctl's text for that exception, which differs between its versions.
    pub ie_string: Option<String>,
    /// `ACTIVE`, `IDLE_A`, … (ATA, smartctl 7.5 and later).
    pub power_mode: Option<String>,
    pub self_test: Option<SelfTest>,
    pub wear: Wear,
    pub ata: Option<AtaDetail>,
    pub scsi: Option<ScsiDetail>,
    pub nvme: Option<NvmeDetail>,
}

impl SmartReport {
    /// The reading has health data. Without them it has an identity only, and leads to no verdict.
    pub(crate) fn has_health(&self) -> bool {
        self.smart_status_passed.is_some() || self.has_attributes() || self.has_scsi_counters() || self.has_nvme_log()
    }

    pub(crate) fn has_attributes(&self) -> bool {
        match &self.ata {
            Some(ata) => !ata.attributes.is_empty(),
            None => false,
        }
    }

    pub(crate) fn has_scsi_counters(&self) -> bool {
        match &self.scsi {
            Some(scsi) => scsi.has_counters(),
            None => false,
        }
    }

    fn has_nvme_log(&self) -> bool {
        match &self.nvme {
            Some(nvme) => nvme.critical_warning.is_some() || nvme.media_errors.is_some(),
            None => false,
        }
    }

    /// The values that decide, beside an ATA attribute itself, whether it is judged.
    pub(crate) fn attribute_context(&self) -> AttributeContext {
        let rotates = self.rotation_rate_rpm.map(|rpm| rpm > 0);
        AttributeContext { rotates, capacity_bytes: self.user_capacity_bytes }
    }
}

/// Additional sense code and its qualifier (SPC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionCode {
    pub asc: u8,
    pub ascq: u8,
}

impl ExceptionCode {
    /// No exception.
    pub(crate) const NONE: Self = Self { asc: 0, ascq: 0 };
}

impl fmt::Display for ExceptionCode {
    /// `0Bh/96h`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}h/{:02X}h", self.asc, self.ascq)
    }
}

/// smartctl's exit status: eight bits, each with a name (smartctl(8), EXIT STATUS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExitStatus(pub Option<u8>);

impl ExitStatus {
    const NAMES: [&str; 8] = [
        "command_line_error",
        "device_open_failed",
        "command_failed",
        "disk_failing",
        "prefail_attribute_at_threshold",
        "attribute_was_at_threshold",
        "error_log_has_entries",
        "self_test_log_has_errors",
    ];

    pub(crate) fn bit(self, bit: u8) -> bool {
        match self.0 {
            Some(status) => status & (1 << bit) != 0,
            None => false,
        }
    }

    pub(crate) fn names(self) -> Vec<&'static str> {
        (0..8).zip(Self::NAMES).filter(|(bit, _)| self.bit(*bit)).map(|(_, name)| name).collect()
    }
}

/// smartctl's exit status: eight bits, each with a name (smartctl(8), EXIT STATUS).
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "ExitStatus"))]
pub(crate) struct ExitBits {
    /// The status as a number; `null` without a reading.
    value: Option<u8>,
    /// Names of the bits that are set.
    #[cfg_attr(feature = "schema", schemars(extend("items" = { "type": "string", "enum": ExitStatus::NAMES })))]
    bits: Vec<&'static str>,
}

impl Serialize for ExitStatus {
    /// `{"value": 64, "bits": ["error_log_has_entries"]}`
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ExitBits { value: self.0, bits: self.names() }.serialize(to)
    }
}

/// The temperature limits that the drive reports. Placeholders (0, 100 beside 0) are `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TemperatureLimits {
    /// SCSI: the reference temperature of the temperature log page.
    pub drive_trip_celsius: Option<i32>,
    /// NVMe: WCTEMP. ATA: the highest recommended in continuous operation (SCT).
    pub op_limit_max_celsius: Option<i32>,
    /// NVMe: CCTEMP.
    pub critical_limit_max_celsius: Option<i32>,
    /// ATA: the highest allowed (SCT).
    pub limit_max_celsius: Option<i32>,
}

/// The wear of a solid state drive of any protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wear {
    /// 0: new; 100: the specified endurance is used. May exceed 100.
    pub endurance_used_percent: Option<u64>,
    /// The source of that value; `null` without a value.
    pub endurance_source: Option<EnduranceSource>,
    /// Spare blocks that are left.
    pub spare_available_percent: Option<u64>,
    /// The drive's own threshold of spare blocks: fewer are too few.
    pub spare_threshold_percent: Option<u64>,
}

/// Source of the endurance used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum EnduranceSource {
    /// The drive counts it: ATA device statistics, SCSI solid state media log, NVMe health log.
    Measured,
    /// smartctl guesses it from the VALUE of an ATA attribute.
    Guessed,
}

/// The newest self-test, or the one that is running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelfTest {
    /// smartctl's text for its status.
    pub status: Option<String>,
    /// It has passed.
    pub passed: Option<bool>,
    /// Remaining part of a running test.
    pub remaining_percent: Option<u8>,
    /// The newest test with a result has passed. A test that was aborted or is running has no result.
    pub last_result_passed: Option<bool>,
}

/// Values of an ATA drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AtaDetail {
    /// The vendor's attribute table.
    pub attributes: Vec<AtaAttribute>,
    /// Entries in the summary or extended comprehensive error log.
    pub error_log_count: Option<u64>,
    /// Maximum link speed of drive and port together.
    pub link_max_bits_per_second: Option<u64>,
    /// Negotiated link speed.
    pub link_current_bits_per_second: Option<u64>,
}

impl AtaDetail {
    /// Sets `not_judged` of every attribute.
    pub(crate) fn explain_not_judged(&mut self, context: AttributeContext) {
        for attribute in &mut self.attributes {
            attribute.not_judged = match judged_value(attribute, context) {
                Some(Err(reason)) => Some(reason.to_string()),
                Some(Ok(_)) | None => None,
            };
        }
    }

    pub(crate) fn attribute(&self, id: u8) -> Option<&AtaAttribute> {
        self.attributes.iter().find(|attribute| attribute.id == id)
    }
}

/// One row of the vendor's attribute table. `raw_value` may contain several numbers; `raw_string` is smartctl's
/// interpretation of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AtaAttribute {
    /// Number of the attribute.
    pub id: u8,
    /// smartctl's name for it.
    pub name: Option<String>,
    /// Normalised value; falls as it gets worse.
    pub value: Option<u8>,
    /// Lowest value so far.
    pub worst: Option<u8>,
    /// The maker's threshold, at or below which the attribute has failed; 0: it never fails.
    pub thresh: Option<u8>,
    /// The maker counts its failure as a prediction of a failure of the drive.
    pub prefailure: Option<bool>,
    /// `now`, `past`, or `null` for never.
    pub when_failed: Option<String>,
    /// The raw value, 48 bits.
    pub raw_value: Option<u64>,
    /// smartctl's interpretation of the raw value.
    pub raw_string: Option<String>,
    /// The number in the raw value: hours of 9, degrees of 190 and 194, the largest count of 188.
    pub raw_number: Option<u64>,
    /// Why it is not judged although a rule has its number; `null`: it is judged, or no rule has its number.
    pub not_judged: Option<String>,
}

impl AtaAttribute {
    /// The number in the raw value. Several attributes have more than one number in its 48 bits, and smartctl prints them
    /// separately if it knows their form (`ata_format_attr_raw_value` in smartmontools' `atacmds.cpp`):
    ///
    /// - 188: the largest of up to three counts of 16 bits (a single count is in the lowest ones);
    /// - 190, 194: the degrees in the lowest byte, below the extremes;
    /// - 9 and all others: the number at the beginning of `raw_string` (`47060h+35m`, `8 (0 3)`, `12/7`), or the complete raw
    ///   value if the string consists of its words, highest first (`0 0 5`), or has an unknown form.
    pub(crate) fn count(&self) -> Option<u64> {
        match (self.id, self.raw_value, self.number_in_string()) {
            (188, Some(raw), _) => Some(largest_word(raw)),
            (190 | 194, Some(_), Some(degrees)) if degrees <= 0xff => Some(degrees),
            (190 | 194, Some(raw), _) => Some(raw & 0xff),
            (_, raw, printed) => printed.or(raw),
        }
    }

    /// The number at the beginning of `raw_string`, if it has one of the known forms.
    fn number_in_string(&self) -> Option<u64> {
        let printed = self.raw_string.as_deref()?.split('(').next()?.trim();
        let rest = printed.trim_start_matches(|digit: char| digit.is_ascii_digit());
        // Excludes hexadecimal numbers: `0x0000000c`.
        if !matches!(rest.chars().next(), None | Some('h' | '/' | '.')) {
            return None;
        }
        printed.strip_suffix(rest)?.parse().ok()
    }
}

/// Values of a SCSI drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScsiDetail {
    /// Sectors that have been reallocated in use.
    pub grown_defect_list: Option<u64>,
    /// Sectors that wait to be reallocated (background scan results page).
    pub pending_defects: Option<u64>,
    /// Errors while reading.
    pub read: Option<ErrorCounters>,
    /// Errors while writing.
    pub write: Option<ErrorCounters>,
    /// Errors while verifying.
    pub verify: Option<ErrorCounters>,
    /// Non-medium errors.
    pub non_medium_errors: Option<u64>,
    /// Spin-ups.
    pub start_stop_cycles: Cycles,
    /// Load-unload cycles of the heads.
    pub load_unload_cycles: Cycles,
}

impl ScsiDetail {
    /// It has error counters or defect counts, which a drive may report even if its status could not be read.
    pub(crate) fn has_counters(&self) -> bool {
        let rows = [self.read, self.write, self.verify];
        self.grown_defect_list.or(self.pending_defects).is_some() || rows.iter().any(Option::is_some)
    }
}

/// A count of cycles, and the number that the maker specifies for the lifetime of the drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cycles {
    /// Cycles so far.
    pub accumulated: Option<u64>,
    /// Cycles that the maker specifies for the lifetime of the drive.
    pub specified: Option<u64>,
}

/// One row of the SCSI error counter log pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorCounters {
    /// Errors that were corrected by rereads or rewrites.
    pub errors_corrected_by_rereads_rewrites: Option<u64>,
    /// All errors that were corrected.
    pub total_errors_corrected: Option<u64>,
    /// Errors that were not corrected: the data is lost, or must come from redundancy.
    pub total_uncorrected_errors: Option<u64>,
}

/// The NVMe SMART / Health Information log (page 02h).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NvmeDetail {
    /// Number of the controller (CNTLID).
    pub controller_id: Option<u64>,
    /// Its namespaces.
    pub namespaces: Vec<Namespace>,
    /// Bits: 0 spare, 1 temperature, 2 reliability, 3 read only, 4 backup power, 5 persistent memory.
    pub critical_warning: Option<u8>,
    /// Spare capacity that is left.
    pub available_spare_percent: Option<u64>,
    /// The controller's own threshold of spare capacity: less is too little.
    pub available_spare_threshold_percent: Option<u64>,
    /// Endurance used, in percent; may exceed 100.
    pub percentage_used: Option<u64>,
    /// Data that could not be recovered.
    pub media_errors: Option<u64>,
    /// Entries in the error log over its lifetime.
    pub num_err_log_entries: Option<u64>,
    /// Power losses without notice.
    pub unsafe_shutdowns: Option<u64>,
    /// Units of 512,000 bytes.
    pub data_units_read: Option<u64>,
    /// Units of 512,000 bytes.
    pub data_units_written: Option<u64>,
    /// Minutes above the warning temperature.
    pub warning_temp_time_minutes: Option<u64>,
    /// Minutes above the critical temperature.
    pub critical_comp_time_minutes: Option<u64>,
}

/// One namespace of an NVMe controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Namespace {
    /// Its number.
    pub(crate) id: Option<u64>,
    /// Its size.
    pub(crate) size_bytes: Option<u64>,
    /// Its allocated part.
    pub(crate) utilization_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_taken_from_the_raw_value_or_its_text() {
        for (id, raw, text, expected) in [
            (9, 9_023_116_403_587_028, "47060h+35m+00.858s", 47_060),
            (9, 115_594_749_838_557, "34013 (105 34 0)", 34_013),
            (9, 47_060, "47060", 47_060),
            (188, 51_540_393_996, "51540393996", 12),
            (188, 644_254_924_803, "150 150 3", 150),
            (188, 150, "0 0 150", 150),
            (188, 7, "7", 7),
            (194, 231_929_413_661, "29 (Min/Max 18/54)", 29),
            (194, 231_929_413_661, "231929413661", 29),
            (190, 369_688_596, "20 (Min/Max 9/22)", 20),
            (5, 8, "8 (0 3)", 8),
            (187, 5, "0 0 5", 5),
            (198, 51_539_607_559, "12/7", 12),
            (5, 12, "12 spare", 12),
            (5, 12, "0x00000000000c", 12),
            (5, 12, "-", 12),
        ] {
            let raw_string = Some(text.to_owned());
            let attribute = AtaAttribute { id, raw_value: Some(raw), raw_string, ..AtaAttribute::default() };
            assert_eq!(attribute.count(), Some(expected), "{id} {raw} {text}");
        }
    }

    #[test]
    fn exit_bits_have_names() {
        let status = ExitStatus(Some(0b0100_1100));
        assert_eq!(status.names(), ["command_failed", "disk_failing", "error_log_has_entries"]);
        assert!(ExitStatus(None).names().is_empty());
    }
}
