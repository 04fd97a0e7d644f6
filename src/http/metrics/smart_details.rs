//! Series of one protocol each: ATA attributes, SCSI error counters, the NVMe health log.

use super::drives::{DriveFamilies, LabeledDrive};
use super::family_writer::{FamilyWriter, Label, optional_label_value};
use crate::domain::smart::{AtaDetail, ErrorCounters, ScsiDetail};
use std::fmt;

/// Attributes of health, wear or load. Temperature and power-on hours have series of their own; other attributes mean
/// nothing without further knowledge of the model.
const ATTRIBUTES: [u8; 19] =
    [5, 10, 22, 171, 172, 177, 184, 187, 188, 196, 197, 198, 199, 202, 231, 232, 233, 241, 242];
/// NVMe counts data in thousands of 512 bytes.
const DATA_UNIT_BYTES: u64 = 512_000;

pub(super) fn write(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    let mut families = DriveFamilies { writer, drives };
    ata(&mut families)?;
    scsi(&mut families)?;
    nvme(&mut families)
}

fn ata(families: &mut DriveFamilies) -> fmt::Result {
    families.labeled_gauges(
        "jbod_device_attribute",
        "ATA attribute: raw is the number in the raw value; value, worst and thresh are normalised",
        |drive| Some(attribute_series(drive.ata()?)),
    )?;
    families.gauges("jbod_device_error_log_entries", "Entries in the ATA error log", |drive| {
        drive.ata()?.error_log_count
    })?;
    families.labeled_gauges(
        "jbod_device_interface_speed",
        "Speed of the SATA link in bits per second: max is the highest that drive and port support, current is the negotiated one",
        |drive| {
            let ata = drive.ata()?;
            let speeds = [("max", ata.link_max_bits_per_second), ("current", ata.link_current_bits_per_second)];
            Some(speeds.map(|(kind, speed)| ([("speed_type", kind)], speed)))
        },
    )
}

type AttributeLabels = ([(&'static str, u8); 1], [(&'static str, String); 2]);

/// Each attribute once, even if a drive lists it twice.
fn attribute_series(ata: &AtaDetail) -> Vec<(AttributeLabels, Option<u64>)> {
    let mut series = Vec::new();
    for id in ATTRIBUTES {
        let Some(attribute) = ata.attribute(id) else { continue };
        let name = optional_label_value(attribute.name.as_deref());
        let values = [
            ("raw", attribute.raw_number),
            ("value", attribute.value.map(u64::from)),
            ("worst", attribute.worst.map(u64::from)),
            ("thresh", attribute.thresh.map(u64::from)),
        ];
        for (kind, value) in values {
            let texts = [("attribute_name", name.to_string()), ("attribute_value_type", kind.to_owned())];
            series.push((([("attribute_id", attribute.id)], texts), value));
        }
    }
    series
}

fn scsi(families: &mut DriveFamilies) -> fmt::Result {
    families.gauges("jbod_scsi_grown_defect_list", "Defects found since manufacture", |drive| {
        drive.scsi()?.grown_defect_list
    })?;
    families
        .gauges("jbod_scsi_pending_defects", "Sectors pending reallocation", |drive| drive.scsi()?.pending_defects)?;
    families.labeled_counters("jbod_scsi_uncorrected_errors_total", "Errors that could not be corrected", |drive| {
        Some(by_operation(drive.scsi()?, |counters| counters.total_uncorrected_errors))
    })?;
    families.labeled_counters("jbod_scsi_corrected_errors_total", "Errors that were corrected", |drive| {
        Some(by_operation(drive.scsi()?, |counters| counters.total_errors_corrected))
    })?;
    families.labeled_counters(
        "jbod_scsi_errors_corrected_by_rereads_rewrites_total",
        "Errors that were corrected only by reading or writing again",
        |drive| Some(by_operation(drive.scsi()?, |counters| counters.errors_corrected_by_rereads_rewrites)),
    )?;
    families.counters(
        "jbod_scsi_non_medium_errors_total",
        "Errors not caused by the medium, such as transport errors",
        |drive| drive.scsi()?.non_medium_errors,
    )?;
    families.counters("jbod_scsi_start_stop_cycles_total", "Start-stop cycles of the drive", |drive| {
        drive.scsi()?.start_stop_cycles.accumulated
    })?;
    families.counters("jbod_scsi_load_unload_cycles_total", "Load-unload cycles of the heads", |drive| {
        drive.scsi()?.load_unload_cycles.accumulated
    })
}

/// One count of each operation whose counters the drive reports.
fn by_operation(
    scsi: &ScsiDetail,
    count: fn(&ErrorCounters) -> Option<u64>,
) -> [([Label<'static>; 1], Option<u64>); 3] {
    let operations = [("read", &scsi.read), ("write", &scsi.write), ("verify", &scsi.verify)];
    operations.map(|(operation, counters)| ([("operation", operation)], counters.as_ref().and_then(count)))
}

fn nvme(families: &mut DriveFamilies) -> fmt::Result {
    families.gauges(
        "jbod_nvme_critical_warning",
        "Critical warning bits of the NVMe health log; 0 if none is set",
        |drive| drive.nvme()?.critical_warning.map(u64::from),
    )?;
    families.counters("jbod_nvme_media_errors_total", "Media and data integrity errors", |drive| {
        drive.nvme()?.media_errors
    })?;
    families.counters(
        "jbod_nvme_error_log_entries_total",
        "Entries written to the error log in the life of the drive",
        |drive| drive.nvme()?.num_err_log_entries,
    )?;
    families.counters("jbod_nvme_unsafe_shutdowns_total", "Power losses without a shutdown notification", |drive| {
        drive.nvme()?.unsafe_shutdowns
    })?;
    families.counters("jbod_nvme_read_bytes_total", "Data read from the drive by hosts", |drive| {
        Some(bytes(drive.nvme()?.data_units_read?))
    })?;
    families.counters("jbod_nvme_written_bytes_total", "Data written to the drive by hosts", |drive| {
        Some(bytes(drive.nvme()?.data_units_written?))
    })?;
    families.counters(
        "jbod_nvme_warning_temperature_seconds_total",
        "Time at or above the warning temperature",
        |drive| Some(drive.nvme()?.warning_temp_time_minutes?.saturating_mul(60)),
    )?;
    families.counters(
        "jbod_nvme_critical_temperature_seconds_total",
        "Time at or above the critical temperature",
        |drive| Some(drive.nvme()?.critical_comp_time_minutes?.saturating_mul(60)),
    )
}

fn bytes(units: u64) -> u64 {
    units.saturating_mul(DATA_UNIT_BYTES)
}
