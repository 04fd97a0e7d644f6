//! Differences between the releases of smartctl: takes the output of the newest release back to that of an older one.
//! From the NEWS file of smartmontools and recorded outputs. Pure.

use crate::drive::{Drive, Kind};
use crate::version::Version;
use serde_json::{Map, Value, json};

/// Fields, and the first release that has them.
const ADDED: [(Version, &[&str]); 5] = [
    ((8, 0), &["scsi_self_test_status"]),
    ((7, 5), &["endurance_used", "spare_available", "nvme_composite_temperature_threshold"]),
    ((7, 4), &["nvme_self_test_log", "nvme_error_information_log"]),
    ((7, 3), &["smart_support"]),
    ((7, 2), &["trim", "nvme_version"]),
];

/// Fields of SCSI drives since 7.3, besides `scsi_self_test_N`.
const ADDED_SCSI: [&str; 7] = [
    "scsi_model_name",
    "scsi_start_stop_cycle_counter",
    "scsi_pending_defects",
    "scsi_transport_protocol",
    "scsi_lb_provisioning",
    "scsi_extended_self_test_seconds",
    "temperature_warning",
];

/// Names since 7.3, and before.
const RENAMED_SCSI: [(&str, &str); 3] =
    [("scsi_vendor", "vendor"), ("scsi_product", "product"), ("scsi_revision", "revision")];

/// Removes the fields that the release lacks, and renames those that have other names there. `drive` is `None` for a
/// RAID volume.
pub fn adapt(body: &mut Map<String, Value>, version: Version, drive: Option<&Drive>) {
    for (release, names) in ADDED {
        if version < release {
            body.retain(|name, _| !names.contains(&name.as_str()));
        }
    }
    if body.contains_key("scsi_vendor") {
        adapt_scsi(body, version, drive);
    } else if version < (7, 5) {
        remove_within(body, "nvme_smart_health_information_log", "nsid");
        remove_within(body, "nvme_self_test_log", "nsid");
        if matches!(drive, Some(drive) if drive.kind == Kind::Nvme) {
            remove_within(body, "temperature", "op_limit_max");
            remove_within(body, "temperature", "critical_limit_max");
        }
    }
}

fn remove_within(body: &mut Map<String, Value>, name: &str, field: &str) -> Option<Value> {
    body.get_mut(name)?.as_object_mut()?.remove(field)
}

fn adapt_scsi(body: &mut Map<String, Value>, version: Version, drive: Option<&Drive>) {
    // Before 7.2 the value is the length of the list in bytes.
    if version < (7, 2)
        && let Some(Value::Number(count)) = body.get("scsi_grown_defect_list")
    {
        let bytes = 8 * count.as_u64().unwrap_or(0);
        body.insert("scsi_grown_defect_list".to_owned(), json!(bytes));
    }
    if ((7, 3)..(7, 5)).contains(&version) {
        body.remove("model_name");
    }
    if version < (7, 3) {
        body.retain(|name, _| !name.starts_with("scsi_self_test") && !ADDED_SCSI.contains(&name.as_str()));
        for (new, old) in RENAMED_SCSI {
            if let Some(value) = body.remove(new) {
                body.insert(old.to_owned(), value);
            }
        }
        // The hours came from a vendor-specific log page of Seagate only.
        if !matches!(drive, Some(drive) if drive.vendor == "SEAGATE") {
            body.remove("power_on_time");
        }
    }
    // Without a temperature page the trip temperature comes from another one. 7.3 has an object of its own for it.
    if version == (7, 3)
        && matches!(drive, Some(drive) if drive.flag("no_temperature_page"))
        && let Some(trip) = remove_within(body, "temperature", "drive_trip")
    {
        body.insert("scsi_temperature".to_owned(), json!({"drive_trip": trip}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;
    use crate::{nvme_output, scsi_output};

    fn has(drive: &Drive, version: Version, path: &str) -> bool {
        output(drive, version).pointer(path).is_some()
    }

    fn output(drive: &Drive, version: Version) -> Value {
        let mut body = match drive.kind {
            Kind::Nvme => nvme_output::output(drive, "nvme0").body,
            _ => scsi_output::output(drive).body,
        };
        adapt(&mut body, version, Some(drive));
        Value::Object(body)
    }

    #[test]
    fn sas_names_change_with_the_release() {
        let mut drive = sample(Kind::Sas);
        drive.state.insert("no_temperature_page".to_owned(), json!(true));
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
                assert_eq!(has(&drive, version, path), (from..=until).contains(&version), "{path} in {version:?}");
            }
        }
        assert!(
            has(&drive, (7, 2), "/model_name")
                && !has(&drive, (7, 3), "/model_name")
                && !has(&drive, (7, 4), "/model_name")
        );
        assert!(has(&drive, (7, 5), "/model_name") && has(&drive, (7, 4), "/temperature/drive_trip"));
    }

    #[test]
    fn nvme_fields_are_added_by_release() {
        let mut drive = sample(Kind::Nvme);
        drive.state.insert("self_test_result".to_owned(), json!(5));
        for (path, from) in [
            ("/smart_support", (7, 3)),
            ("/nvme_self_test_log/table/0", (7, 4)),
            ("/temperature/critical_limit_max", (7, 5)),
            ("/temperature/op_limit_max", (7, 5)),
            ("/spare_available/threshold_percent", (7, 5)),
            ("/nvme_smart_health_information_log/percentage_used", (7, 0)),
        ] {
            for version in [(7, 0), (7, 2), (7, 3), (7, 4), (7, 5)] {
                assert_eq!(has(&drive, version, path), version >= from, "{path} in {version:?}");
            }
        }
    }
}
