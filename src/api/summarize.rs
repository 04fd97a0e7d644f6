//! Builds the summary of one drive, as every list shows it.

use super::bay_contradictions;
use super::drive_summary::DriveSummary;
use super::overview_input::OverviewInput;
use crate::domain::drive::{Drive, DriveState};
use crate::domain::enclosure::{Bay, BayLabel, Enclosure, Slot};
use crate::domain::health::{DriveFacts, Judgement, Verdict, judge_drive};
use crate::domain::identity::DeviceName;
use crate::domain::inventory::DriveRecord;
use crate::domain::known_paths::LostPath;
use crate::domain::smart::{Protocol, SmartReport};
use crate::domain::transport::{Attachment, Transport};
use crate::domain::zfs::Membership;

/// The summary of a drive.
pub fn summarize(record: &DriveRecord, input: &OverviewInput) -> DriveSummary {
    let drive = &record.drive;
    let memberships = match input.memberships.get(&drive.device) {
        Some(memberships) if record.is_present() => memberships.as_slice(),
        _ => &[],
    };
    let place = memberships.first();
    let no_report = SmartReport::default();
    let report = record.report.as_deref().unwrap_or(&no_report);
    let vendor = if is_ata_by_vendor(drive) { None } else { drive.vendor.clone() };
    let [read_errors, write_errors, checksum_errors] = match place {
        Some(place) => [place.read_errors, place.write_errors, place.checksum_errors],
        None => [None; 3],
    };
    let lost_paths = record.lost_paths(input.now);
    let health = health(record, memberships, &lost_paths, input);
    let paths = count_paths(record, &lost_paths);
    DriveSummary {
        device: drive.device.clone(),
        paths: devices(drive),
        working_paths: paths.map(|(working, _)| working),
        expected_paths: paths.map(|(_, expected)| expected),
        units: drive.units.clone(),
        serial_number: record.serial_number().cloned(),
        wwn: record.wwn(),
        model_name: report.model_name.clone().or_else(|| full_model(vendor.as_deref(), drive)),
        vendor: report.vendor.clone().or(vendor),
        firmware_version: report.firmware_version.clone().or_else(|| drive.firmware.clone()),
        protocol: report.protocol.or(presumed_protocol(drive)),
        transport: transport(record),
        raid_volume: drive.raid_volume().cloned(),
        user_capacity_bytes: capacity_bytes(record),
        rotation_rate_rpm: record.rotation_rate_rpm(),
        temperature_celsius: report.temperature_celsius,
        power_on_hours: report.power_on_hours,
        state: record.state,
        verdict: health.verdict,
        findings: health.findings,
        enclosure: record.bay.as_ref().map(|bay| bay.enclosure.clone()),
        slot: record.bay.as_ref().and_then(|bay| bay.slot.number()),
        bay_as_of: record.bay_as_of,
        slot_name: record.bay.as_ref().and_then(|bay| bay.slot.name()).map(str::to_owned),
        slot_source: record.bay.as_ref().and(record.bay_source),
        contradiction: bay_contradictions::of_drive(record),
        pool: place.map(|place| place.pool.clone()),
        vdev: place.map(|place| place.vdev.clone()),
        role: place.map(|place| place.role),
        vdev_state: place.and_then(|place| place.state.clone()),
        read_errors,
        write_errors,
        checksum_errors,
        memberships: memberships.to_vec(),
        collected_at: record.collected_at,
        checked_at: record.checked_at,
        missing_since: record.missing_since,
        stale: is_stale(record, input),
        error: record.why_no_reading().map(|why| why.to_string()),
        health_expected: !record.may_lack_health(),
    }
}

/// sysfs reports `ATA` as the vendor of an ATA drive (SAT).
fn is_ata_by_vendor(drive: &Drive) -> bool {
    drive.vendor.as_deref() == Some("ATA")
}

/// The protocol of a drive without a reading. `None` if the SCSI interface that the host sees may be that of a bridge,
/// with a drive of another protocol behind it.
fn presumed_protocol(drive: &Drive) -> Option<Protocol> {
    let is_translated = drive.raid_volume().is_some() || drive.attachment.transport() == Some(Transport::Usb);
    if drive.is_nvme() {
        Some(Protocol::Nvme)
    } else if is_ata_by_vendor(drive) {
        Some(Protocol::Ata)
    } else if is_translated {
        None
    } else {
        Some(Protocol::Scsi)
    }
}

/// `raid` is the transport of a RAID volume only.
fn transport(record: &DriveRecord) -> Option<Transport> {
    match record.drive.attachment.transport() {
        Some(Transport::Raid) if !record.is_raid_volume() => None,
        transport => transport,
    }
}

fn is_stale(record: &DriveRecord, input: &OverviewInput) -> bool {
    let age = record.collected_at.map(|at| at.age_seconds(input.now));
    record.state == DriveState::Missing || age > Some(input.stale_after_seconds)
}

/// Block devices of the drive, each once: the controllers of an NVMe subsystem share one.
fn devices(drive: &Drive) -> Vec<DeviceName> {
    let mut devices: Vec<DeviceName> = Vec::with_capacity(drive.paths.len());
    for path in &drive.paths {
        if !devices.contains(&path.device) {
            devices.push(path.device.clone());
        }
    }
    devices
}

/// The number of paths that work, and of paths that the drive is known to have. `None` for a missing drive, and for a
/// disk behind a RAID controller, whose paths are those of its volume.
fn count_paths(record: &DriveRecord, lost: &[LostPath]) -> Option<(usize, usize)> {
    let expected = record.paths.expected();
    if !record.is_present() || expected == 0 {
        return None;
    }
    Some((expected.saturating_sub(lost.len()), expected))
}

/// The kernel's size in bytes of the logical unit that is read, if the capacity in a report is of the same unit. It is
/// not behind a RAID controller or a USB bridge, nor for an NVMe controller with several namespaces.
fn comparable_size(drive: &Drive) -> Option<u64> {
    match drive.attachment {
        Attachment::Scsi(transport) if transport != Some(Transport::Usb) => drive.units.first()?.size_bytes,
        _ => None,
    }
}

/// The capacity that smartctl reports, or else the kernel. If the drive has several SCSI logical units, their sum,
/// since a reading covers one of them.
fn capacity_bytes(record: &DriveRecord) -> Option<u64> {
    let drive = &record.drive;
    if drive.units.len() > 1 && !drive.is_nvme() {
        return drive.size_bytes;
    }
    match &record.report {
        Some(report) => report.user_capacity_bytes.or(drive.size_bytes),
        None => drive.size_bytes,
    }
}

/// Vendor and product, as smartctl joins them for SCSI.
fn full_model(vendor: Option<&str>, drive: &Drive) -> Option<String> {
    let model = drive.model.as_deref()?;
    Some(match vendor {
        Some(vendor) => format!("{vendor} {model}"),
        None => model.to_owned(),
    })
}

/// The judgement of a drive. A drive that is unresponsive or missing has no verdict, unless its last values or its
/// state in the pool are bad (`warn` or worse): silence never improves the verdict of a failing drive.
fn health(
    record: &DriveRecord,
    memberships: &[Membership],
    lost_paths: &[LostPath],
    input: &OverviewInput,
) -> Judgement {
    let report = record.report.as_deref();
    let fault_sensed = match &record.bay {
        Some(bay) if record.is_present() => slot(input.enclosures, bay).and_then(|slot| slot.answer.fault_sensed),
        _ => None,
    };
    let facts = DriveFacts {
        now: input.now,
        report,
        collected_at: record.collected_at,
        asleep: record.state == DriveState::Standby,
        model: report.and_then(|report| report.model_name.as_deref()).or(record.drive.model.as_deref()),
        rotates: record.rotates(),
        kernel_size_bytes: comparable_size(&record.drive),
        memberships,
        fault_sensed,
        peers: input.peers.of_one(record),
        expected_paths: record.paths.expected(),
        lost_paths,
    };
    let mut health = judge_drive(&facts, input.rules);
    let is_unavailable = matches!(record.state, DriveState::Unresponsive | DriveState::Missing);
    // The status that a RAID controller reports of a volume is no evidence about the disks behind it.
    if is_unavailable && health.verdict < Verdict::Warn || record.is_raid_volume() && health.verdict == Verdict::Ok {
        health.verdict = Verdict::Unknown;
    }
    health
}

fn slot<'a>(enclosures: &'a [Enclosure], bay: &Bay) -> Option<&'a Slot> {
    let slots = &enclosures.iter().find(|enclosure| enclosure.id == bay.enclosure)?.slots;
    match &bay.slot {
        // Slots are sorted by number; those without one are last.
        BayLabel::Number(number) => {
            let wanted = (false, Some(*number));
            let found = slots.binary_search_by_key(&wanted, |slot| (slot.number.is_none(), slot.number));
            slots.get(found.ok()?)
        }
        BayLabel::Name(name) => slots.iter().find(|slot| slot.number.is_none() && slot.name == **name),
    }
}
