//! One reading of one drive, as smartctl(8) gave it, in typed fields. Parsing is in `probe/smartctl`.

use crate::domain::ata_attributes::{AttributeContext, judged_value, largest_word};
use crate::domain::identity::SerialNumber;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The command set that answered; smartctl's `device.protocol`.
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

/// A whole reading. Every field is read on its own: what is absent or odd is `None`.
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
    /// `None` too where the drive gives a value that means "unknown" (rule C6).
    pub temperature_celsius: Option<i32>,
    pub temperature_limits: TemperatureLimits,
    pub power_on_hours: Option<u64>,
    pub power_cycle_count: Option<u64>,
    /// The drive's own verdict; `None` too of a SCSI drive that is set up not to report that it fails.
    pub smart_status_passed: Option<bool>,
    /// The drive has SMART, or the SCSI equivalent; `None`: smartctl did not report it (7.2 and earlier).
    pub smart_available: Option<bool>,
    /// It is switched on.
    pub smart_enabled: Option<bool>,
    /// ATA: locked by a password.
    pub is_locked: Option<bool>,
    /// Bytes of a logical block, without protection information.
    pub logical_block_bytes: Option<u64>,
    /// SCSI: type of the protection information that the drive is formatted with; `None`: none.
    pub protection_type: Option<u64>,
    /// SCSI: the code of the informational exception that the drive reports.
    pub exception: Option<ExceptionCode>,
    /// SCSI: that exception in smartctl's words, which differ between its versions.
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
    /// The drive said something of its health. Without it a reading is an identity, and no verdict.
    pub(crate) fn has_health(&self) -> bool {
        let attributes = self.ata.as_ref().is_some_and(|ata| !ata.attributes.is_empty());
        let log = self.nvme.as_ref().is_some_and(|n| n.critical_warning.is_some() || n.media_errors.is_some());
        let counters = self.scsi.as_ref().is_some_and(ScsiDetail::has_counters);
        self.smart_status_passed.is_some() || attributes || log || counters
    }

    /// What decides, beside an ATA attribute itself, whether it is judged.
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
        self.0.is_some_and(|status| status & (1 << bit) != 0)
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

/// The temperatures that the drive itself calls too hot. Placeholders (0, 100 beside 0) are `null`.
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

/// How worn solid state is, as the drive counts it, whatever its protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wear {
    /// 0 new, 100 worn as specified; may exceed 100.
    pub endurance_used_percent: Option<u64>,
    /// Where that is from; `null` where there is none.
    pub endurance_source: Option<EnduranceSource>,
    /// Spare blocks that are left.
    pub spare_available_percent: Option<u64>,
    /// Below this the spare is too little.
    pub spare_threshold_percent: Option<u64>,
}

/// Where the endurance is from.
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
    /// How it stands, in smartctl's words.
    pub status: Option<String>,
    /// It came to a good end.
    pub passed: Option<bool>,
    /// Of a running test, what is left.
    pub remaining_percent: Option<u8>,
    /// Of the newest test that came to a result: one that was aborted or still runs has none.
    pub last_result_passed: Option<bool>,
}

/// What an ATA drive reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AtaDetail {
    /// The vendor's attribute table.
    pub attributes: Vec<AtaAttribute>,
    /// Entries in the summary or extended comprehensive error log.
    pub error_log_count: Option<u64>,
    /// What drive and port can do together at most.
    pub link_max_bits_per_second: Option<u64>,
    /// What they have agreed on.
    pub link_current_bits_per_second: Option<u64>,
}

impl AtaDetail {
    /// Sets of every attribute why it is not judged.
    pub(crate) fn explain_not_judged(&mut self, context: AttributeContext) {
        for attribute in &mut self.attributes {
            let judged = judged_value(attribute, context);
            attribute.not_judged = judged.and_then(|judged| Some(judged.err()?.to_string()));
        }
    }

    pub(crate) fn attribute(&self, id: u8) -> Option<&AtaAttribute> {
        self.attributes.iter().find(|a| a.id == id)
    }
}

/// One row of the vendor's attribute table. `raw_value` may pack several numbers; `raw_string`
/// is smartctl's reading of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AtaAttribute {
    /// Number of the attribute.
    pub id: u8,
    /// smartctl's name for it.
    pub name: Option<String>,
    /// Normalised value; falls as it gets worse.
    pub value: Option<u8>,
    /// The lowest that it ever was.
    pub worst: Option<u8>,
    /// At or below it the maker calls it failed; 0: never.
    pub thresh: Option<u8>,
    /// The maker counts it as a sign of failure.
    pub prefailure: Option<bool>,
    /// `now`, `past`, or `null` for never.
    pub when_failed: Option<String>,
    /// The raw value, 48 bits.
    pub raw_value: Option<u64>,
    /// smartctl's reading of the raw value.
    pub raw_string: Option<String>,
    /// The number in it, unpacked: hours of 9, degrees of 190 and 194, the largest count of 188.
    pub raw_number: Option<u64>,
    /// Why it is not judged, of an attribute whose number a rule has; `null`: it is judged, or no rule has its number.
    pub not_judged: Option<String>,
}

impl AtaAttribute {
    /// The number that the raw value holds. Several attributes pack more than one into its 48 bits, and smartctl writes
    /// them out where it knows how (`ata_format_attr_raw_value` in smartmontools' `atacmds.cpp`):
    ///
    /// - 188: up to three counts of 16 bits, the largest of which counts (a plain count is the lowest);
    /// - 190, 194: the degrees in the lowest byte, with the extremes above;
    /// - 9 and all others: the number that `raw_string` begins with (`47060h+35m`, `8 (0 3)`, `12/7`), or the whole raw
    ///   value where the string is its words, highest first (`0 0 5`), or in a form that is not known.
    pub(crate) fn count(&self) -> Option<u64> {
        let written = self.number_in_string();
        match (self.id, self.raw_value) {
            (188, Some(raw)) => Some(largest_word(raw)),
            (190 | 194, Some(raw)) if written.is_none_or(|n| n > 0xff) => Some(raw & 0xff),
            (_, raw) => written.or(raw),
        }
    }

    /// The number of a string in one of the forms that hold one.
    fn number_in_string(&self) -> Option<u64> {
        let own = self.raw_string.as_deref()?.split('(').next()?.trim();
        let end = own.find(|c: char| !c.is_ascii_digit()).unwrap_or(own.len());
        let (digits, rest) = own.split_at(end);
        // Hex digits are not one: `0x0000000c`.
        if !matches!(rest.chars().next(), None | Some('h' | '/' | '.')) {
            return None;
        }
        digits.parse().ok()
    }
}

/// What a SCSI drive reports.
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
    /// Errors that are not the medium's.
    pub non_medium_errors: Option<u64>,
    /// Spin-ups.
    pub start_stop_cycles: Cycles,
    /// Heads parked and taken out.
    pub load_unload_cycles: Cycles,
}

impl ScsiDetail {
    /// A drive whose status could not be read may still report what went wrong in it.
    pub(crate) fn has_counters(&self) -> bool {
        let rows = [self.read, self.write, self.verify];
        self.grown_defect_list.or(self.pending_defects).is_some() || rows.iter().any(Option::is_some)
    }
}

/// A mechanical count and what the maker specifies for the drive's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cycles {
    /// So many until now.
    pub accumulated: Option<u64>,
    /// So many in its life, by the maker.
    pub specified: Option<u64>,
}

/// One row of the SCSI error counter log pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorCounters {
    /// Corrected by trying again.
    pub errors_corrected_by_rereads_rewrites: Option<u64>,
    /// Corrected in any way.
    pub total_errors_corrected: Option<u64>,
    /// Not corrected: data was lost or must come from elsewhere.
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
    /// Spare that is left.
    pub available_spare_percent: Option<u64>,
    /// Below this the spare is too little.
    pub available_spare_threshold_percent: Option<u64>,
    /// Percent of the endurance used; may exceed 100.
    pub percentage_used: Option<u64>,
    /// Data that could not be recovered.
    pub media_errors: Option<u64>,
    /// Entries in the error log, in its life.
    pub num_err_log_entries: Option<u64>,
    /// Times that power went without notice.
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
    /// What is allocated of it.
    pub(crate) utilization_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_raw_values_are_unpacked() {
        let count = |id: u8, raw: u64, text: &str| {
            AtaAttribute { id, raw_value: Some(raw), raw_string: Some(text.to_owned()), ..AtaAttribute::default() }
                .count()
        };
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
            assert_eq!(count(id, raw, text), Some(expected), "{id} {raw} {text}");
        }
    }

    #[test]
    fn exit_bits_have_names() {
        let status = ExitStatus(Some(0b0100_1100));
        assert_eq!(status.names(), ["command_failed", "disk_failing", "error_log_has_entries"]);
        assert!(ExitStatus(None).names().is_empty());
    }
}
