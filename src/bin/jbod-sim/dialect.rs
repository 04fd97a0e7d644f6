//! What the releases of smartctl tell differently: takes a whole answer back to an older one, from
//! the NEWS file of smartmontools and recorded outputs. Pure.

use crate::drive::{Drive, Kind};
use crate::version::Version;
use serde_json::{Map, Value};

/// Leaves of the answer what that release tells, under the names it has for it. A RAID volume is no drive.
pub fn speak(body: &mut Map<String, Value>, version: Version, drive: Option<&Drive>) {
    let mut before = |release: Version, names: &[&str]| {
        if version < release {
            for name in names {
                body.remove(*name);
            }
        }
    };
    before((8, 0), &["scsi_self_test_status"]);
    before((7, 5), &["endurance_used", "spare_available", "nvme_composite_temperature_threshold"]);
    before((7, 4), &["nvme_self_test_log", "nvme_error_information_log"]);
    before((7, 3), &["smart_support"]);
    before((7, 2), &["trim", "nvme_version"]);
    let scsi = body.contains_key("scsi_vendor");
    if scsi {
        of_scsi(body, version, drive);
    } else if version < (7, 5) {
        for log in ["nvme_smart_health_information_log", "nvme_self_test_log"] {
            if let Some(log) = body.get_mut(log).and_then(Value::as_object_mut) {
                log.remove("nsid");
            }
        }
        if drive.is_some_and(|d| d.kind == Kind::Nvme)
            && let Some(temperature) = body.get_mut("temperature").and_then(Value::as_object_mut)
        {
            temperature.remove("op_limit_max");
            temperature.remove("critical_limit_max");
        }
    }
}

fn of_scsi(body: &mut Map<String, Value>, version: Version, drive: Option<&Drive>) {
    // Before 7.2 it was the length of the list in bytes.
    if version < (7, 2)
        && let Some(count) = body.get("scsi_grown_defect_list").and_then(Value::as_u64)
    {
        body.insert("scsi_grown_defect_list".to_owned(), (8 * count).into());
    }
    // 7.3 and 7.4 have no model_name; older ones no scsi_ before these.
    if ((7, 3)..(7, 5)).contains(&version) {
        body.remove("model_name");
    }
    if version < (7, 3) {
        body.retain(|name, _| {
            !name.starts_with("scsi_self_test")
                && !matches!(
                    name.as_str(),
                    "scsi_model_name"
                        | "scsi_start_stop_cycle_counter"
                        | "scsi_pending_defects"
                        | "scsi_transport_protocol"
                        | "scsi_lb_provisioning"
                        | "scsi_extended_self_test_seconds"
                        | "temperature_warning"
                )
        });
        for (new, old) in [("scsi_vendor", "vendor"), ("scsi_product", "product"), ("scsi_revision", "revision")] {
            if let Some(value) = body.remove(new) {
                body.insert(old.to_owned(), value);
            }
        }
        // Only Seagate's own log page gave hours then.
        if drive.is_none_or(|d| d.vendor != "SEAGATE") {
            body.remove("power_on_time");
        }
    }
    // A drive without a temperature page tells its trip temperature with its health, and 7.3 put
    // that into an object of its own.
    if version == (7, 3) && drive.is_some_and(|d| d.flag("no_temperature_page")) {
        let trip = body.get_mut("temperature").and_then(Value::as_object_mut).and_then(|t| t.remove("drive_trip"));
        if let Some(trip) = trip {
            body.insert("scsi_temperature".to_owned(), serde_json::json!({"drive_trip": trip}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;
    use crate::{answer_nvme, answer_scsi};
    use serde_json::json;

    fn told(drive: &Drive, version: Version) -> Value {
        let mut body = match drive.kind {
            Kind::Nvme => answer_nvme::answer(drive, "nvme0").body,
            _ => answer_scsi::answer(drive).body,
        };
        speak(&mut body, version, Some(drive));
        Value::Object(body)
    }

    #[test]
    fn sas_names_change_with_the_release() {
        let mut drive = sample(Kind::Sas);
        drive.state.insert("no_temperature_page".to_owned(), json!(true));
        let has = |version, path: &str| told(&drive, version).pointer(path).is_some();
        for (path, from, until) in [
            ("/vendor", (7, 0), (7, 2)),
            ("/scsi_vendor", (7, 3), (8, 0)),
            ("/scsi_model_name", (7, 3), (8, 0)),
            ("/scsi_temperature/drive_trip", (7, 3), (7, 3)),
            ("/scsi_pending_defects", (7, 3), (8, 0)),
            ("/scsi_self_test_0", (7, 3), (8, 0)),
            ("/scsi_self_test_status", (8, 0), (8, 0)),
            ("/scsi_grown_defect_list", (7, 0), (8, 0)),
            ("/temperature/current", (7, 0), (8, 0)),
        ] {
            for version in [(7, 0), (7, 1), (7, 2), (7, 3), (7, 4), (7, 5), (8, 0)] {
                assert_eq!(has(version, path), (from..=until).contains(&version), "{path} in {version:?}");
            }
        }
        assert!(has((7, 2), "/model_name") && !has((7, 3), "/model_name") && !has((7, 4), "/model_name"));
        assert!(has((7, 5), "/model_name") && has((7, 4), "/temperature/drive_trip"));
    }

    #[test]
    fn nvme_tells_more_with_each_release() {
        let mut drive = sample(Kind::Nvme);
        drive.state.insert("self_test_result".to_owned(), json!(5));
        let has = |version, path: &str| told(&drive, version).pointer(path).is_some();
        for (path, from) in [
            ("/smart_support", (7, 3)),
            ("/nvme_self_test_log/table/0", (7, 4)),
            ("/temperature/critical_limit_max", (7, 5)),
            ("/temperature/op_limit_max", (7, 5)),
            ("/spare_available/threshold_percent", (7, 5)),
            ("/nvme_smart_health_information_log/percentage_used", (7, 0)),
        ] {
            for version in [(7, 0), (7, 2), (7, 3), (7, 4), (7, 5)] {
                assert_eq!(has(version, path), version >= from, "{path} in {version:?}");
            }
        }
    }
}
