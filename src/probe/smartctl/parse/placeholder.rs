//! Placeholders that drives report for unknown values. The value is read from another field instead, or is unknown; a
//! placeholder is never shown.

use super::fields::Fields;
use crate::domain::smart::{AtaDetail, Protocol, TemperatureLimits};

/// Rule C6. 0 is the placeholder of drives without a sensor, 255 is "not available" in the
/// standards; no drive works beyond the other bounds.
const CELSIUS: std::ops::RangeInclusive<i64> = 1..=120;
/// A hundred years. A larger value is a packed raw value that was read as a count.
const MAX_HOURS: u64 = 876_000;
/// A drive with this many power cycles is more than an hour old.
const MIN_CYCLES_WHEN_USED: u64 = 50;

/// The drive's own temperature. Where smartctl has a placeholder (an SCT log without values),
/// attributes 194 and then 190 are read; 190 is often the air temperature.
pub(super) fn celsius(v: Fields, ata: Option<&AtaDetail>) -> Option<i32> {
    let sources = [
        "/temperature/current",
        "/scsi_temperature/current",
        "/scsi_environmental_reports/temperature_1/current",
        "/nvme_smart_health_information_log/temperature",
    ];
    let attributes = [194, 190].into_iter().filter_map(|id| i64::try_from(ata?.attribute(id)?.count()?).ok());
    let mut all = sources.iter().filter_map(|path| v.int(path)).chain(attributes);
    all.find(|t| CELSIUS.contains(t)).and_then(|t| i32::try_from(t).ok())
}

/// The drive's own limits. A drive without limits reports 0 to 100.
pub(super) fn limits(v: Fields) -> TemperatureLimits {
    let sane = |t: i64| i32::try_from(t).ok().filter(|t| (1..=150).contains(t));
    let limit = |paths: &[&str]| paths.iter().find_map(|path| v.int(path).and_then(sane));
    let is_made_up = |low: &str, high: &str| v.int(low) == Some(0) && v.int(high) == Some(100);
    let made_up_op = is_made_up("/temperature/op_limit_min", "/temperature/op_limit_max");
    let made_up = is_made_up("/temperature/limit_min", "/temperature/limit_max");
    TemperatureLimits {
        drive_trip_celsius: limit(&["/temperature/drive_trip", "/scsi_temperature/drive_trip"]),
        op_limit_max_celsius: limit(&["/temperature/op_limit_max", "/nvme_composite_temperature_threshold/warning"])
            .filter(|_| !made_up_op),
        critical_limit_max_celsius: limit(&[
            "/temperature/critical_limit_max",
            "/nvme_composite_temperature_threshold/critical",
        ]),
        limit_max_celsius: limit(&["/temperature/limit_max"]).filter(|_| !made_up),
    }
}

/// Power-on hours. `None` if a used drive reports 0, or for a packed raw value that smartctl did not unpack.
pub(super) fn hours(v: Fields, protocol: Option<Protocol>, ata: Option<&AtaDetail>) -> Option<u64> {
    let sources = ["/power_on_time/hours", "/nvme_smart_health_information_log/power_on_hours"];
    let attribute = ata.and_then(|ata| ata.attribute(9)?.count());
    let mut all = sources.iter().filter_map(|path| v.uint(path)).chain(attribute).filter(|h| *h <= MAX_HOURS);
    let first = all.next()?;
    if first > 0 {
        return Some(first);
    }
    let logged = match protocol {
        Some(Protocol::Ata) => super::ata::logged_hours(v),
        Some(Protocol::Scsi) => super::scsi::logged_hours(v),
        Some(Protocol::Nvme) => super::nvme::logged_hours(v),
        None => 0,
    };
    let is_used = logged > 0 || v.uint("/power_cycle_count").is_some_and(|n| n >= MIN_CYCLES_WHEN_USED);
    all.find(|h| *h > 0).or((!is_used).then_some(0))
}
