// Facts of a drive that all kinds of drive have: its location, the drive itself, and its latest reading.

import { ageOf } from './clock.js';
import { UNREADABLE } from './decode.js';
import { isCurrent, membershipName, shelfName } from './describe.js';
import { factsSection } from './drive_parts.js';
import {
  bytes,
  commaSeparated,
  degrees,
  either,
  formatter,
  grouped,
  hours,
  milliseconds,
  percent,
  plain,
} from './format.js';

export function locationSection(drive, place) {
  const slot = place?.slot;
  const otherMemberships = drive.memberships.slice(1).map((membership) => {
    return [membershipName(membership), membership.state].filter(Boolean).join(' ');
  });
  return factsSection('Location', [
    ['Shelf', place?.shelf ? shelfName(place.shelf) : null],
    ['Enclosure ID', place?.shelf?.id],
    ['Bay', slot ? bayText(place) : null],
    ['Bay last confirmed', ageOf(drive.bay_as_of)],
    ['Bay known from', drive.slot_source === 'ses' ? null : drive.slot_source],
    ['SES status', slot?.status],
    ['Contradiction', slot?.contradiction ?? drive.contradiction],
    ['Power', slot?.power_status],
    ['Locate LED', either(slot?.locate, 'on', 'off')],
    ['Fault', either(slot?.fault_sensed, 'sensed by the shelf', null)],
    ['Pool', drive.pool],
    ['Vdev', vdevText(drive)],
    ['ZFS state', drive.vdev_state],
    ['Other memberships', otherMemberships.join(', ')],
    ['ZFS errors', zfsErrorsText(drive)],
  ]);
}

function bayText({ slot, number }) {
  return slot.name && slot.name !== number ? `${number} (${slot.name})` : number;
}

function vdevText({ vdev, role }) {
  if (!vdev) return null;
  return role && role !== 'data' ? `${vdev} (${role})` : vdev;
}

function zfsErrorsText(drive) {
  const counts = { read: drive.read_errors, write: drive.write_errors, checksum: drive.checksum_errors };
  const values = Object.values(counts);
  if (values.every((count) => count === null)) return null;
  if (values.every((count) => count === 0)) return 'none';
  return Object.entries(counts)
    .map(([name, count]) => `${plain(count) ?? '?'} ${name}`)
    .join(', ');
}

/** `document` is null until it has been received. */
export function driveSection(drive, document) {
  return factsSection('Drive', [
    ['Model', drive.model_name],
    ['Firmware', drive.firmware_version],
    ['Size', bytes(drive.user_capacity_bytes)],
    ['Type', rotationText(drive.rotation_rate_rpm)],
    ['Protocol', [drive.protocol, drive.transport?.toUpperCase()].filter(Boolean).join(' over ')],
    ['RAID volume', drive.raid_volume],
    ['Logical units', unitsText(drive.units)],
    ['Paths', commaSeparated(drive.paths)],
    ['Lost paths', lostPathsText(document?.path_states)],
    ['WWN', drive.wwn],
    ['Power-on time', hours(drive.power_on_hours)],
    ['Power cycles', plain(document?.power_cycle_count)],
    ['Endurance used', enduranceText(document?.wear)],
    ['Spare remaining', spareText(document?.wear)],
  ]);
}

const rotationText = formatter((speed) => (speed === 0 ? 'solid state' : `${grouped(speed)} rpm`));

function unitsText(units) {
  if (units.length < 2) return null;
  return units.map((unit) => [unit.device, bytes(unit.size_bytes)].filter(Boolean).join(' of ')).join(', ');
}

function lostPathsText(paths) {
  if (!paths) return null;
  if (paths.isUnreadable) return UNREADABLE;
  const lost = paths.filter(({ status }) => status === 'failed' || status === 'missing');
  return commaSeparated(lost.map(lostPathText));
}

/** `sda on host 0: not asked: the kernel has sda as offline` */
function lostPathText({ address, devices, scsi_host: host, status, error }) {
  const name = host === null ? address : `${devices[0] ?? address} on host ${host}`;
  return `${name}: ${status === 'missing' ? 'missing' : (error ?? 'failed')}`;
}

function enduranceText(wear) {
  if (!wear || wear.endurance_used_percent === null) return null;
  const used = percent(wear.endurance_used_percent);
  return wear.endurance_source === 'guessed' ? `${used}, guessed from an attribute` : used;
}

function spareText(wear) {
  if (!wear || wear.spare_available_percent === null) return null;
  const spare = percent(wear.spare_available_percent);
  const threshold = percent(wear.spare_threshold_percent);
  return threshold === null ? spare : `${spare} (threshold ${threshold})`;
}

export function readingSection(drive, document) {
  const isCheckedLater = drive.checked_at !== drive.collected_at;
  return factsSection('Reading', [
    ['SMART status', smartStatusText(document)],
    ['Temperature', temperatureText(drive)],
    ['Temperature limits', temperatureLimitsText(document?.temperature_limits)],
    ['Power mode', document?.power_mode],
    ['Collected', ageOf(drive.collected_at)],
    ['Checked', isCheckedLater ? ageOf(drive.checked_at) : null],
    ['Duration', milliseconds(document?.took_ms)],
    ['smartctl version', document?.smartctl_version],
    ['smartctl exit status', exitStatusText(document?.exit_status)],
    ['Device type', document?.device_type],
  ]);
}

function smartStatusText(document) {
  return document?.smart_status_not_judged ?? either(document?.smart_status_passed, 'passed', 'failed');
}

/** The temperature, marked if it is not of the latest reading; null if none is known. */
export function temperatureText(drive) {
  const text = degrees(drive.temperature_celsius);
  return text === null || isCurrent(drive) ? text : `${text} when last read`;
}

function temperatureLimitsText(limits) {
  if (!limits) return null;
  const values = [
    [limits.op_limit_max_celsius, 'recommended'],
    [limits.limit_max_celsius, 'maximum'],
    [limits.drive_trip_celsius, 'trip'],
    [limits.critical_limit_max_celsius, 'critical'],
  ];
  const known = values.filter(([value]) => value !== null);
  return known.map(([value, name]) => `${degrees(value)} ${name}`).join(', ');
}

function exitStatusText(status) {
  if (!status) return null;
  const withBits = (value) => (value === 0 ? null : `${value}: ${commaSeparated(status.bits).replaceAll('_', ' ')}`);
  return formatter(withBits)(status.value);
}
