//! Series of one protocol each: ATA attributes, SCSI error counters, the NVMe health log.

use super::drives::LabeledDrive;
use super::family_writer::{FamilyWriter, Label, optional_label_value};
use crate::domain::smart::{AtaAttribute, AtaDetail, ErrorCounters, NvmeDetail, ScsiDetail};
use std::fmt;

/// Attributes of health, wear or load. Temperature and hours have series of their own; the others mean nothing by
/// themselves.
const ATTRIBUTES: [u8; 19] =
    [5, 10, 22, 171, 172, 177, 184, 187, 188, 196, 197, 198, 199, 202, 231, 232, 233, 241, 242];
/// NVMe counts data in thousands of 512 bytes.
const DATA_UNIT_BYTES: u64 = 512_000;

pub(super) fn write(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    ata(writer, drives)?;
    scsi(writer, drives)?;
    nvme(writer, drives)
}

fn ata(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    let read = || drives.iter().filter_map(|d| Some((d, d.report()?.ata.as_ref()?)));
    writer.gauges(
        "jbod_device_attribute",
        "ATA attributes: raw is the number in the raw value, value, worst and thresh are normalised",
        read().flat_map(|(d, ata)| attributes(ata).flat_map(move |attribute| attribute_series(d, attribute))),
    )?;
    writer.gauges(
        "jbod_device_error_log_entries",
        "Entries in the error log of an ATA drive",
        read().filter_map(|(d, ata)| Some((d.labels(), ata.error_log_count?))),
    )?;
    writer.gauges(
        "jbod_device_interface_speed",
        "Bits a second of the link: what drive and port can do together, and what they have agreed on",
        read().flat_map(|(d, ata)| {
            let speeds = [("max", ata.link_max_bits_per_second), ("current", ata.link_current_bits_per_second)];
            speeds.into_iter().filter_map(|(kind, speed)| Some(((d.labels(), [("speed_type", kind)]), speed?)))
        }),
    )
}

/// Each once, also if a drive lists one twice.
fn attributes(ata: &AtaDetail) -> impl Iterator<Item = &AtaAttribute> {
    ATTRIBUTES.iter().filter_map(|id| ata.attribute(*id))
}

type AttributeLabels<'a> = ([Label<'a>; 2], ([(&'static str, u8); 1], [(&'static str, String); 2]));

fn attribute_series<'a>(
    drive: &'a LabeledDrive,
    attribute: &AtaAttribute,
) -> impl Iterator<Item = (AttributeLabels<'a>, u64)> + use<'a> {
    let values = [
        ("raw", attribute.raw_number),
        ("value", attribute.value.map(u64::from)),
        ("worst", attribute.worst.map(u64::from)),
        ("thresh", attribute.thresh.map(u64::from)),
    ];
    let (id, name) = (attribute.id, optional_label_value(attribute.name.as_deref()).into_owned());
    values.into_iter().filter_map(move |(kind, value)| {
        let what = [("attribute_name", name.clone()), ("attribute_value_type", kind.to_owned())];
        Some(((drive.labels(), ([("attribute_id", id)], what)), value?))
    })
}

fn scsi(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    let read = || drives.iter().filter_map(|d| Some((d, d.report()?.scsi.as_ref()?)));
    writer.gauges(
        "jbod_scsi_grown_defect_list",
        "Sectors that have gone bad since the drive was made",
        read().filter_map(|(d, s)| Some((d.labels(), s.grown_defect_list?))),
    )?;
    writer.gauges(
        "jbod_scsi_pending_defects",
        "Sectors that wait to be reallocated",
        read().filter_map(|(d, s)| Some((d.labels(), s.pending_defects?))),
    )?;
    let mut rows = |name: &str, help: &str, of: fn(&ErrorCounters) -> Option<u64>| {
        let series = read().flat_map(|(d, s)| {
            operations(s).filter_map(move |(op, row)| Some(((d.labels(), [("operation", op)]), of(&row)?)))
        });
        writer.counters(name, help, series)
    };
    rows("jbod_scsi_uncorrected_errors_total", "Errors that could not be corrected", |row| {
        row.total_uncorrected_errors
    })?;
    rows("jbod_scsi_corrected_errors_total", "Errors that were corrected", |row| row.total_errors_corrected)?;
    rows(
        "jbod_scsi_errors_corrected_by_rereads_rewrites_total",
        "Errors that were corrected only by reading or writing again",
        |row| row.errors_corrected_by_rereads_rewrites,
    )?;
    let mut counts = |name: &str, help: &str, of: fn(&ScsiDetail) -> Option<u64>| {
        writer.counters(name, help, read().filter_map(|(d, s)| Some((d.labels(), of(s)?))))
    };
    counts("jbod_scsi_non_medium_errors_total", "Errors that are not the medium's", |s| s.non_medium_errors)?;
    counts("jbod_scsi_start_stop_cycles_total", "How often the drive was started and stopped", |s| {
        s.start_stop_cycles.accumulated
    })?;
    counts("jbod_scsi_load_unload_cycles_total", "How often the heads were parked", |s| {
        s.load_unload_cycles.accumulated
    })
}

fn operations(scsi: &ScsiDetail) -> impl Iterator<Item = (&'static str, ErrorCounters)> {
    let rows = [("read", scsi.read), ("write", scsi.write), ("verify", scsi.verify)];
    rows.into_iter().filter_map(|(operation, row)| Some((operation, row?)))
}

fn nvme(writer: &mut FamilyWriter, drives: &[LabeledDrive]) -> fmt::Result {
    let read = || drives.iter().filter_map(|d| Some((d, d.report()?.nvme.as_ref()?)));
    writer.gauges(
        "jbod_nvme_critical_warning",
        "Bits by which an NVMe drive says what is wrong with it; 0 is well",
        read().filter_map(|(d, n)| Some((d.labels(), u64::from(n.critical_warning?)))),
    )?;
    let mut counts = |name: &str, help: &str, of: fn(&NvmeDetail) -> Option<u64>| {
        writer.counters(name, help, read().filter_map(|(d, n)| Some((d.labels(), of(n)?))))
    };
    counts("jbod_nvme_media_errors_total", "Media and data integrity errors", |n| n.media_errors)?;
    counts("jbod_nvme_error_log_entries_total", "Entries that the error log has had", |n| n.num_err_log_entries)?;
    counts("jbod_nvme_unsafe_shutdowns_total", "Losses of power without notice", |n| n.unsafe_shutdowns)?;
    counts("jbod_nvme_read_bytes_total", "Data that hosts have read", |n| Some(bytes(n.data_units_read?)))?;
    counts("jbod_nvme_written_bytes_total", "Data that hosts have written", |n| Some(bytes(n.data_units_written?)))?;
    counts("jbod_nvme_warning_temperature_seconds_total", "Time at or above the warning temperature", |n| {
        Some(n.warning_temp_time_minutes?.saturating_mul(60))
    })?;
    counts("jbod_nvme_critical_temperature_seconds_total", "Time at or above the critical temperature", |n| {
        Some(n.critical_comp_time_minutes?.saturating_mul(60))
    })
}

fn bytes(units: u64) -> u64 {
    units.saturating_mul(DATA_UNIT_BYTES)
}
