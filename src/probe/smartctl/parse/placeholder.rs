//! Placeholders that drives report for unknown values. The value is read from another field instead, or is unknown; a
//! placeholder is never shown.

use super::fields::Fields;
use crate::domain::smart::{AtaDetail, Protocol, TemperatureLimits};

/// 0 is the placeholder of drives without a sensor, 255 is "not available" in the standards; no drive operates beyond
/// the other bounds. Rule C6.
const CELSIUS: std::ops::RangeInclusive<i64> = 1..=120;
/// A hundred years. A larger value is a packed raw value that was read as a count.
const MAX_HOURS: u64 = 876_000;
/// A drive with this many power cycles is more than an hour old.
const MIN_CYCLES_WHEN_USED: u64 = 50;

/// The drive's own temperature. If smartctl reports a placeholder (an SCT log without values), attributes 194 and then
/// 190 are used; 190 is often the air temperature.
pub(super) fn celsius(fields: Fields, ata: Option<&AtaDetail>) -> Option<i32> {
    let sources = [
        "/temperature/current",
        "/scsi_temperature/current",
        "/scsi_environmental_reports/temperature_1/current",
        "/nvme_smart_health_information_log/temperature",
    ];
    let attributes = [194, 190].into_iter().filter_map(|id| i64::try_from(ata?.attribute(id)?.count()?).ok());
    let mut values = sources.iter().filter_map(|path| fields.int(path)).chain(attributes);
    let celsius = values.find(|celsius| CELSIUS.contains(celsius))?;
    i32::try_from(celsius).ok()
}

/// The drive's own limits. A drive without limits reports 0 to 100.
pub(super) fn limits(fields: Fields) -> TemperatureLimits {
    let mut limits = TemperatureLimits {
        drive_trip_celsius: limit(fields, &["/temperature/drive_trip", "/scsi_temperature/drive_trip"]),
        op_limit_max_celsius: limit(
            fields,
            &["/temperature/op_limit_max", "/nvme_composite_temperature_threshold/warning"],
        ),
        critical_limit_max_celsius: limit(
            fields,
            &["/temperature/critical_limit_max", "/nvme_composite_temperature_threshold/critical"],
        ),
        limit_max_celsius: limit(fields, &["/temperature/limit_max"]),
    };
    if fields.int("/temperature/op_limit_min") == Some(0) && fields.int("/temperature/op_limit_max") == Some(100) {
        limits.op_limit_max_celsius = None;
    }
    if fields.int("/temperature/limit_min") == Some(0) && fields.int("/temperature/limit_max") == Some(100) {
        limits.limit_max_celsius = None;
    }
    limits
}

/// The first plausible limit.
fn limit(fields: Fields, paths: &[&str]) -> Option<i32> {
    let mut limits = paths.iter().filter_map(|path| i32::try_from(fields.int(path)?).ok());
    limits.find(|celsius| (1..=150).contains(celsius))
}

/// Power-on hours. `None` if a used drive reports 0, or for a packed raw value that smartctl did not unpack.
pub(super) fn hours(fields: Fields, protocol: Option<Protocol>, ata: Option<&AtaDetail>) -> Option<u64> {
    let sources = ["/power_on_time/hours", "/nvme_smart_health_information_log/power_on_hours"];
    let mut values: Vec<u64> = sources.iter().filter_map(|path| fields.uint(path)).collect();
    values.extend(ata.and_then(|ata| ata.attribute(9)?.count()));
    values.retain(|hours| *hours <= MAX_HOURS);
    let first_nonzero = values.iter().copied().find(|hours| *hours > 0);
    if values.first().copied()? > 0 {
        return first_nonzero;
    }
    let logged = match protocol {
        Some(Protocol::Ata) => super::ata::logged_hours(fields),
        Some(Protocol::Scsi) => super::scsi::logged_hours(fields),
        Some(Protocol::Nvme) => super::nvme::logged_hours(fields),
        None => 0,
    };
    let is_used = logged > 0 || fields.uint("/power_cycle_count").unwrap_or(0) >= MIN_CYCLES_WHEN_USED;
    match first_nonzero {
        None if !is_used => Some(0),
        hours => hours,
    }
}
