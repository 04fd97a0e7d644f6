// Descriptions of drives, bays, shelves and pools in words.

import { isUnreadable, lookup, UNREADABLE } from './decode.js';
import { degrees, enumerated, withoutFullStop } from './format.js';
import { KINDS, SEVERITIES } from './vocabulary.js';

/** The kinds whose verdict needs no reason. */
const WITHOUT_REASON = ['ok', 'asleep', 'reading'];

/** Why a drive has its verdict or state, as a sentence; null if nothing is wrong. */
export function reasonOf(drive) {
  const { verdict, state } = drive;
  if (drive.isUnreadable) return 'The drive is unreadable.';
  if (isUnreadable(verdict)) return 'The verdict is unreadable.';
  if (isUnreadable(state) && !['crit', 'warn'].includes(verdict)) return 'The state is unreadable.';
  if (drive.findings.isUnreadable && verdict !== 'ok') return 'The findings are unreadable.';
  const finding = worstFinding(drive);
  if (finding && ['crit', 'warn', 'watch'].includes(verdict)) return finding.message;
  if (state === 'missing') return 'The drive is missing.';
  return drive.error;
}

/** The reason to show with the kind of a place; null if the kind needs none. */
export const reasonForKind = (place) => (WITHOUT_REASON.includes(place.kind) ? null : reasonOf(place.drive));

/** The finding that led to the verdict. */
function worstFinding(drive) {
  const rank = (finding) => lookup(SEVERITIES, finding.severity, 3);
  return [...drive.findings].sort((a, b) => rank(a) - rank(b))[0] ?? null;
}

/** Whether the values of a drive are of its latest reading. */
export const isCurrent = (drive) => drive.state === 'active' && drive.stale === false;

/** The names of its pools, in the order of its memberships: the worst first. */
export const poolsOf = (drive) => [...new Set(drive.memberships.map(({ pool }) => pool).filter(Boolean))];

/** `tank raidz2-0`, `tank log`. */
export function membershipName({ pool, vdev, role }) {
  const place = vdev && role !== 'data' ? role : vdev;
  return [pool, place].filter(Boolean).join(' ');
}

export const shelfName = (shelf) => [shelf.vendor, shelf.model].filter(Boolean).join(' ').trim() || shelf.sysfs_name;

/** What is known of a bay without a drive. */
export function bareBayText({ slot, kind }) {
  if (slot.isUnreadable) return UNREADABLE;
  if (slot.excluded) return `${slot.excluded}, excluded by JBOD_EXCLUDE`;
  if (kind === 'empty') return 'empty';
  if (isUnreadable(slot.status)) return UNREADABLE;
  return slot.status === null ? 'status unknown' : 'occupied, but no drive found';
}

/** The label of a tile for screen readers, which is its tooltip, too. */
export function tileLabel(place) {
  const contents = place.drive ? driveLabel(place) : [bareBayText(place)];
  const leds = [place.locate ? 'locate LED on' : null, place.fault ? 'fault LED on' : null];
  return [place.bay, ...contents, ...leds].filter(Boolean).join(', ');
}

function driveLabel(place) {
  const { drive, kind, stateKind } = place;
  const reason = reasonForKind(place);
  const pools = poolsOf(drive);
  return [
    drive.device,
    temperatureLabel(drive),
    reason ? `${KINDS[kind]}: ${withoutFullStop(reason)}` : KINDS[kind],
    stateKind && stateKind !== kind ? KINDS[stateKind] : null,
    drive.stale !== false && drive.state === 'active' ? 'stale reading' : null,
    pools.length ? `${pools.length > 1 ? 'pools' : 'pool'} ${enumerated(pools)}` : null,
  ];
}

function temperatureLabel(drive) {
  if (Number.isNaN(drive.temperature_celsius)) return 'temperature unreadable';
  return isCurrent(drive) ? degrees(drive.temperature_celsius) : null;
}
