//! Puts one drive together as every list shows it.

use super::bay_contradictions;
use super::drive_summary::DriveSummary;
use super::overview_input::OverviewInput;
use crate::domain::drive::{Drive, DriveState};
use crate::domain::enclosure::{Bay, BayLabel, Enclosure, Slot};
use crate::domain::health::{DriveFacts, Judgement, Verdict, judge_drive};
use crate::domain::identity::DeviceName;
use crate::domain::inventory::DriveRecord;
use crate::domain::known_paths::LostPath;
use crate::domain::smart::Protocol;
use crate::domain::transport::{Attachment, Transport};
use crate::domain::zfs::Membership;

/// One record as users see it.
pub fn summarize(record: &DriveRecord, input: &OverviewInput) -> DriveSummary {
    let drive = &record.drive;
    let memberships = match input.memberships.get(&drive.device) {
        Some(memberships) if record.is_present() => memberships.as_slice(),
        _ => &[],
    };
    let place = memberships.first();
    let report = record.report.as_deref();
    let ata_by_vendor = drive.vendor.as_deref() == Some("ATA");
    let vendor = drive.vendor.clone().filter(|_| !ata_by_vendor);
    let raid_volume = drive.raid_volume().cloned();
    let translated = raid_volume.is_some() || drive.attachment.transport() == Some(Transport::Usb);
    let presumed = match (drive.is_nvme(), ata_by_vendor) {
        (true, _) => Some(Protocol::Nvme),
        (false, true) => Some(Protocol::Ata),
        // The SCSI interface that the host sees may be that of a bridge, with a drive of another protocol behind it.
        (false, false) => (!translated).then_some(Protocol::Scsi),
    };
    let lost_paths = record.lost_paths(input.now);
    let health = health(record, memberships, &lost_paths, input);
    let paths = count_paths(record, &lost_paths);
    let stale = record.state == DriveState::Missing
        || record.collected_at.is_some_and(|at| at.age_seconds(input.now) > input.stale_after_seconds);
    DriveSummary {
        device: drive.device.clone(),
        paths: devices(drive),
        working_paths: paths.map(|(working, _)| working),
        expected_paths: paths.map(|(_, expected)| expected),
        units: drive.units.clone(),
        serial_number: record.serial_number().cloned(),
        wwn: record.wwn(),
        model_name: report.and_then(|r| r.model_name.clone()).or_else(|| full_model(vendor.as_deref(), drive)),
        vendor: report.and_then(|r| r.vendor.clone()).or(vendor),
        firmware_version: report.and_then(|r| r.firmware_version.clone()).or_else(|| drive.firmware.clone()),
        protocol: report.and_then(|r| r.protocol).or(presumed),
        transport: drive.attachment.transport().filter(|t| *t != Transport::Raid || record.is_raid_volume()),
        raid_volume,
        user_capacity_bytes: capacity_bytes(record),
        rotation_rate_rpm: record.rotation_rate_rpm(),
        temperature_celsius: report.and_then(|r| r.temperature_celsius),
        power_on_hours: report.and_then(|r| r.power_on_hours),
        state: record.state,
        verdict: health.verdict,
        findings: health.findings,
        enclosure: record.bay.as_ref().map(|b| b.enclosure.clone()),
        slot: record.bay.as_ref().and_then(|b| b.slot.number()),
        bay_as_of: record.bay_as_of,
        slot_source: record.bay.as_ref().and(record.bay_source),
        contradiction: bay_contradictions::of_drive(record),
        pool: place.map(|p| p.pool.clone()),
        vdev: place.map(|p| p.vdev.clone()),
        role: place.map(|p| p.role),
        vdev_state: place.and_then(|p| p.state.clone()),
        read_errors: place.and_then(|p| p.read_errors),
        write_errors: place.and_then(|p| p.write_errors),
        checksum_errors: place.and_then(|p| p.checksum_errors),
        memberships: memberships.to_vec(),
        collected_at: record.collected_at,
        checked_at: record.checked_at,
        missing_since: record.missing_since,
        stale,
        error: record.why_no_reading().map(|why| why.to_string()),
        health_expected: !record.may_lack_health(),
    }
}

/// Each once: the controllers of an NVMe subsystem share a block device.
fn devices(drive: &Drive) -> Vec<DeviceName> {
    let mut devices: Vec<DeviceName> = Vec::with_capacity(drive.paths.len());
    for path in &drive.paths {
        if !devices.contains(&path.device) {
            devices.push(path.device.clone());
        }
    }
    devices
}

/// Paths that work, and paths that the drive is known to have. `None`: it is missing, or has the paths of a RAID volume.
fn count_paths(record: &DriveRecord, lost: &[LostPath]) -> Option<(usize, usize)> {
    let expected = record.paths.expected();
    if !record.is_present() || expected == 0 {
        return None;
    }
    Some((expected.saturating_sub(lost.len()), expected))
}

/// The kernel's size of the logical unit that is read, where smartctl's capacity is of the same: not behind a RAID
/// controller or a USB bridge, and not of an NVMe controller with all its namespaces.
fn comparable_size(drive: &Drive) -> Option<u64> {
    match drive.attachment {
        Attachment::Scsi(transport) if transport != Some(Transport::Usb) => drive.units.first()?.size_bytes,
        _ => None,
    }
}

/// As smartctl reports it, or else the kernel; of several SCSI logical units together, since a reading is of one.
fn capacity_bytes(record: &DriveRecord) -> Option<u64> {
    let drive = &record.drive;
    if drive.units.len() > 1 && !drive.is_nvme() {
        return drive.size_bytes;
    }
    record.report.as_deref().and_then(|report| report.user_capacity_bytes).or(drive.size_bytes)
}

/// As smartctl puts it together for SCSI: vendor and product.
fn full_model(vendor: Option<&str>, drive: &Drive) -> Option<String> {
    let model = drive.model.as_deref()?;
    Some(vendor.map_or_else(|| model.to_owned(), |vendor| format!("{vendor} {model}")))
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
    let bay = record.bay.as_ref().filter(|_| record.is_present());
    let facts = DriveFacts {
        now: input.now,
        report,
        collected_at: record.collected_at,
        asleep: record.state == DriveState::Standby,
        model: report.and_then(|r| r.model_name.as_deref()).or(record.drive.model.as_deref()),
        rotates: record.rotates(),
        kernel_size_bytes: comparable_size(&record.drive),
        memberships,
        fault_sensed: bay.and_then(|bay| slot(input.enclosures, bay)?.answer.fault_sensed),
        peers: input.peers.of_one(record),
        expected_paths: record.paths.expected(),
        lost_paths,
    };
    let mut health = judge_drive(&facts, input.rules);
    let outside = matches!(record.state, DriveState::Unresponsive | DriveState::Missing);
    // The status that a RAID controller reports of a volume is no evidence about the disks behind it.
    if outside && health.verdict < Verdict::Warn || record.is_raid_volume() && health.verdict == Verdict::Ok {
        health.verdict = Verdict::Unknown;
    }
    health
}

fn slot<'a>(enclosures: &'a [Enclosure], bay: &Bay) -> Option<&'a Slot> {
    let slots = &enclosures.iter().find(|e| e.id == bay.enclosure)?.slots;
    match &bay.slot {
        // By number, as they are sorted; those without one are last.
        BayLabel::Number(number) => {
            let found = slots.binary_search_by_key(&(false, Some(*number)), |s| (s.number.is_none(), s.number));
            found.ok().and_then(|at| slots.get(at))
        }
        BayLabel::Name(name) => slots.iter().find(|s| s.number.is_none() && s.name == **name),
    }
}
