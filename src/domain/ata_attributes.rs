//! The meaning of attributes of ATA drives, in one table. The number of an attribute alone has no meaning, since makers reuse
//! numbers: the meaning depends on the number, smartctl's name for it, the kind of drive, and a plausible value.
//!
//! Names and raw formats: smartmontools' `drivedb.h` from 7.1 to 7.5, the defaults and the entries of models, and
//! `ata_format_attr_raw_value` in `atacmds.cpp`.

use super::glob::matches;
use super::smart::AtaAttribute;
use std::fmt;

/// What an attribute counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeMeaning {
    ReallocatedSectors,
    SpinRetries,
    Helium,
    EndToEndErrors,
    ReportedUncorrectable,
    CommandTimeouts,
    ReallocationEvents,
    PendingSectors,
    OfflineUncorrectable,
}

use AttributeMeaning::{
    CommandTimeouts, EndToEndErrors, Helium, OfflineUncorrectable, PendingSectors, ReallocatedSectors,
    ReallocationEvents, ReportedUncorrectable, SpinRetries,
};

/// Which value is judged, and its form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JudgedValue {
    /// The raw value: one count. Numbers in brackets after it are something else.
    Count,
    /// The raw value: the largest of up to three counts of 16 bits.
    LargestWord,
    /// The normalised value: the raw value has no common unit.
    Normalized,
}

use JudgedValue::{Count, LargestWord, Normalized};

/// The drives on which an attribute has its meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DriveKind {
    Any,
    Rotating,
}

use DriveKind::{Any, Rotating};

struct KnownAttribute {
    id: u8,
    /// Patterns of the names that have the meaning (`*` is any text).
    names: &'static [&'static str],
    meaning: AttributeMeaning,
    unit: &'static str,
    value: JudgedValue,
    kind: DriveKind,
}

const fn known(
    id: u8,
    names: &'static [&'static str],
    meaning: AttributeMeaning,
    unit: &'static str,
    value: JudgedValue,
    kind: DriveKind,
) -> KnownAttribute {
    KnownAttribute { id, names, meaning, unit, value, kind }
}

/// Names without a row although their number has one: for example `Runtime_Bad_Block` and `Retired_Block_Count` (5, flash
/// blocks that fail in normal use), `Factory_Bad_Block_Count` (184), `Total_Unc_NAND_Reads` (187), `Spare_Blocks` (196, more
/// is better), `Current_Pending_ECC_Cnt` and `Bogus_Current_Pend_Sect` (197, alternate between 0 and 1: smartmontools ticket
/// 1227), `Host_Reads_GiB` (198), and `Not_In_Use`, `Unknown_…`, `Proprietary_…` of any number.
#[rustfmt::skip]
const KNOWN: &[KnownAttribute] = &[
    known(5, &["Reallocate*"], ReallocatedSectors, "sectors", Count, Any),
    known(10, &["Spin_Retry*"], SpinRetries, "attempts", Count, Rotating),
    known(22, &["Helium*"], Helium, "of 100", Normalized, Rotating),
    known(23, &["Helium*"], Helium, "of 100", Normalized, Rotating),
    known(24, &["Helium*"], Helium, "of 100", Normalized, Rotating),
    known(184, &["End-to-End*"], EndToEndErrors, "of 100", Normalized, Any),
    known(187, &["Reported_U*", "Uncorrectable_Error_Cnt", "Uncorrectable_ECC_Ct"], ReportedUncorrectable, "errors", Count, Any),
    known(188, &["Command_Timeout*"], CommandTimeouts, "commands", LargestWord, Any),
    known(196, &["Reallocat*Event*"], ReallocationEvents, "events", Count, Any),
    known(197, &["Current_Pending_Sector", "Pending_Sector_Count", "Total_Pending_Sectors"], PendingSectors, "sectors", Count, Any),
    known(198, &["Offline_Unc*", "Offline_Scan_UNC*", "Total_Offl_Unc*", "Uncorrectable_Sector_Ct"], OfflineUncorrectable, "sectors", Count, Any),
];

/// Why an attribute whose number is in the table is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJudged {
    /// Its name does not have the meaning.
    OtherName,
    /// Only drives of another kind have the meaning.
    OtherKind,
    /// There is no value, or not a valid one: VALUE is 1 to 253 (SFF-8035i).
    NoValue,
    /// All bits of the count are ones.
    Placeholder { count: u64 },
    /// The count exceeds the number of sectors of the drive.
    MoreThanSectors { count: u64, unit: &'static str, sectors: u64 },
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherName => f.write_str("an attribute with this name has another meaning, or an unknown one"),
            Self::OtherKind => f.write_str("this attribute has no meaning on a solid state drive"),
            Self::NoValue => f.write_str("the drive reports no value"),
            Self::Placeholder { count } => write!(f, "{count} is a placeholder: all its bits are ones"),
            Self::MoreThanSectors { count, unit, sectors } => {
                write!(f, "{count} {unit} are impossible: the drive has {sectors} sectors")
            }
        }
    }
}

/// Facts about the drive that decide whether an attribute is judged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AttributeContext {
    /// `None`: unknown.
    pub(crate) rotates: Option<bool>,
    pub(crate) capacity_bytes: Option<u64>,
}

const SECTOR_BYTES: u64 = 512;

/// The meaning of an attribute with its value, or why it is not judged; `None`: its number is not in the table.
pub(crate) fn judged_value(
    attribute: &AtaAttribute,
    context: AttributeContext,
) -> Option<Result<(AttributeMeaning, u64), NotJudged>> {
    let known = KNOWN.iter().find(|known| known.id == attribute.id)?;
    Some(value_of(known, attribute, context).map(|value| (known.meaning, value)))
}

fn value_of(known: &KnownAttribute, attribute: &AtaAttribute, context: AttributeContext) -> Result<u64, NotJudged> {
    let name = attribute.name.as_deref().ok_or(NotJudged::OtherName)?;
    if !known.names.iter().any(|pattern| matches(pattern, name)) {
        return Err(NotJudged::OtherName);
    }
    if known.kind == Rotating && context.rotates == Some(false) {
        return Err(NotJudged::OtherKind);
    }
    let count = match known.value {
        Normalized => {
            let value = attribute.value.filter(|value| (1..=253).contains(value)).ok_or(NotJudged::NoValue)?;
            return Ok(value.into());
        }
        LargestWord => attribute.raw_value.map(largest_word),
        Count => attribute.count(),
    };
    let count = count.ok_or(NotJudged::NoValue)?;
    if is_all_ones(count) {
        return Err(NotJudged::Placeholder { count });
    }
    match context.capacity_bytes.map(|bytes| bytes / SECTOR_BYTES) {
        Some(sectors) if count > sectors => Err(NotJudged::MoreThanSectors { count, unit: known.unit, sectors }),
        _ => Ok(count),
    }
}

/// The largest of three counts of 16 bits; a single count is in the lowest ones.
pub(super) fn largest_word(raw: u64) -> u64 {
    (0..3).map(|word| raw >> (16 * word) & 0xffff).max().unwrap_or(0)
}

/// All bits are ones in a field of 16, 24, 32, 48 or 64 bits, the widths of raw values.
fn is_all_ones(count: u64) -> bool {
    count == u64::MAX || [16, 24, 32, 48].iter().any(|bits| count == (1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(id: u8, name: &str, value: u8, raw: u64, text: &str) -> AtaAttribute {
        AtaAttribute {
            id,
            name: Some(name.to_owned()),
            value: Some(value),
            raw_value: Some(raw),
            raw_string: Some(text.to_owned()),
            ..AtaAttribute::default()
        }
    }

    const DISK: AttributeContext = AttributeContext { rotates: Some(true), capacity_bytes: Some(250_000_000_000) };
    const SSD: AttributeContext = AttributeContext { rotates: Some(false), ..DISK };

    fn judged(attribute: &AtaAttribute, context: AttributeContext) -> Result<u64, NotJudged> {
        let judged = judged_value(attribute, context);
        judged.unwrap_or_else(|| unreachable!("the table has {}", attribute.id)).map(|(_, value)| value)
    }

    /// Attributes of real models, by smartctl's names.
    #[test]
    fn attribute_with_a_name_of_another_meaning_is_not_judged() {
        for (id, name, raw) in [
            (5, "Runtime_Bad_Block", 3),
            (5, "Retired_Block_Count", 12),
            (5, "Not_In_Use", 7),
            (10, "Not_In_Use", 4_294_967_295),
            (10, "Unknown_JMF_Attribute", 4),
            (184, "Factory_Bad_Block_Count", 120),
            (187, "Total_Unc_NAND_Reads", 5),
            (196, "Spare_Blocks", 400),
            (196, "Total_Erase_Failures", 2),
            (197, "Bogus_Current_Pend_Sect", 1),
            (197, "Current_Pending_ECC_Cnt", 1),
            (197, "Total_Unc_Read_Failures", 3),
            (198, "Host_Reads_GiB", 81_234),
            (22, "Unknown_SSD_Attribute", 0),
        ] {
            assert_eq!(
                judged(&attribute(id, name, 100, raw, &raw.to_string()), SSD),
                Err(NotJudged::OtherName),
                "{name}"
            );
        }
        let nameless = AtaAttribute { name: None, ..attribute(5, "", 100, 8, "8") };
        assert_eq!(judged(&nameless, DISK), Err(NotJudged::OtherName));
        assert!(judged_value(&attribute(1, "Raw_Read_Error_Rate", 100, 8, "8"), DISK).is_none());
    }

    #[test]
    fn attribute_with_a_known_name_is_judged() {
        for (id, name, raw, text, expected) in [
            (5, "Reallocated_Sector_Ct", 137_625_600, "0 (2100 0)", 0),
            (5, "Reallocate_NAND_Blk_Cnt", 9, "9", 9),
            (187, "Reported_Uncorrect", 5, "0 0 5", 5),
            (187, "Reported_Uncorrect", 65_541, "0 1 5", 65_541),
            (187, "Reported_UE_Counts", 5, "5", 5),
            (187, "Uncorrectable_Error_Cnt", 5, "5", 5),
            (188, "Command_Timeout", 644_254_924_803, "150 150 3", 150),
            (188, "Command_Timeout", 644_254_924_803, "644254924803", 150),
            (196, "Reallocated_Event_Count", 12, "12 (0 3)", 12),
            (197, "Total_Pending_Sectors", 8, "8", 8),
            (198, "Uncorrectable_Sector_Ct", 12 << 32 | 7, "12/7", 12),
            (198, "Offline_Scan_UNC_SectCt", 2, "2", 2),
        ] {
            assert_eq!(judged(&attribute(id, name, 100, raw, text), DISK), Ok(expected), "{name} {text}");
        }
    }

    #[test]
    fn implausible_value_is_not_judged() {
        let (sectors, count) = (488_281_250, 17_179_869_184);
        let too_many = NotJudged::MoreThanSectors { count, unit: "sectors", sectors };
        let unknown_size = AttributeContext::default();
        for (raw, context, expected) in [
            (sectors, DISK, Ok(sectors)),
            (count, DISK, Err(too_many)),
            (count, unknown_size, Ok(count)),
            (0xffff, unknown_size, Err(NotJudged::Placeholder { count: 0xffff })),
            (0xff_ffff, unknown_size, Err(NotJudged::Placeholder { count: 0xff_ffff })),
            (0xffff_ffff, unknown_size, Err(NotJudged::Placeholder { count: 0xffff_ffff })),
            (0xffff_ffff_ffff, unknown_size, Err(NotJudged::Placeholder { count: 0xffff_ffff_ffff })),
            (u64::MAX, unknown_size, Err(NotJudged::Placeholder { count: u64::MAX })),
        ] {
            let attribute = attribute(198, "Offline_Uncorrectable", 100, raw, &raw.to_string());
            assert_eq!(judged(&attribute, context), expected, "{raw}");
        }
        // VALUE is 1 to 253; firmware that does not fill it in leaves 0.
        for (value, expected) in
            [(0, Err(NotJudged::NoValue)), (1, Ok(1)), (253, Ok(253)), (255, Err(NotJudged::NoValue))]
        {
            assert_eq!(judged(&attribute(184, "End-to-End_Error", value, 0, "0"), DISK), expected);
        }
        assert_eq!(judged(&attribute(22, "Helium_Level", 90, 0, "0"), SSD), Err(NotJudged::OtherKind));
        assert_eq!(judged(&attribute(10, "Spin_Retry_Count", 100, 3, "3"), SSD), Err(NotJudged::OtherKind));
    }
}
