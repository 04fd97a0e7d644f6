// The places of an overview: every bay, with its drive if it holds one, and every drive that is not in a bay.

import { isUnreadable, lookup } from './decode.js';
import { plain } from './format.js';
import { STATES } from './vocabulary.js';

/**
 * All places in the order of the page. A place has
 * - `key`: unique, and the same in the next overview;
 * - `shelf`, `slot` and `drive` of the overview, or null;
 * - `kind`: a key of `KINDS`, or `empty` or `unlinked`; `stateKind`: that of the drive's state alone, or null;
 * - `link`: the id of the drive in links; `number`, `bay` and `title`: the bay as text, `title` with its shelf;
 * - `locate`, `fault`: whether these LEDs are on; `searchText`: lower-case lines in which the filter searches.
 */
export function placesOf(overview) {
  const serials = countSerials(overview);
  const isUnique = (serial) => serials.get(serial) === 1;
  const makeUnique = uniqueNames();
  const all = [];
  for (const [index, shelf] of overview.enclosures.entries()) {
    const shelfTitle = overview.enclosures.length > 1 ? `shelf ${index + 1}` : null;
    // Two shelves may have the same id.
    shelf.key = makeUnique(`${shelf.id} ${shelf.sysfs_name}`);
    for (const [bay, slot] of shelf.slots.entries()) {
      all.push(bayPlace(`${shelf.key}/${bay}`, shelf, shelfTitle, slot, isUnique));
    }
  }
  for (const drive of overview.unslotted) {
    const link = linkOf(drive, isUnique);
    all.push(unslottedPlace(makeUnique(`-/${link}`), drive, link));
  }
  return all;
}

function countSerials(overview) {
  const slots = overview.enclosures.flatMap((shelf) => shelf.slots);
  const drives = [...slots.map((slot) => slot.drive), ...overview.unslotted];
  const counts = new Map();
  for (const drive of drives) {
    if (drive?.serial_number) counts.set(drive.serial_number, (counts.get(drive.serial_number) ?? 0) + 1);
  }
  return counts;
}

/** The serial number of a drive, or its device name if another drive has the same number. */
function linkOf(drive, isUnique) {
  const names = [isUnique(drive.serial_number) ? drive.serial_number : null, drive.device];
  return names.find((name) => name && !isUnreadable(name)) ?? null;
}

/** A function that makes a repeated name unique by a suffix. */
function uniqueNames() {
  const seen = new Set();
  return (name) => {
    let unique = name;
    while (seen.has(unique)) unique += '+';
    seen.add(unique);
    return unique;
  };
}

function bayPlace(key, shelf, shelfTitle, slot, isUnique) {
  const drive = slot.isUnreadable ? null : slot.drive;
  const number = plain(slot.slot ?? slot.name) ?? '?';
  const bay = `Bay ${number}`;
  const shelfWords = [shelfTitle, shelf.id, shelf.model];
  return {
    key,
    shelf,
    slot,
    drive,
    kind: drive ? kindOfDrive(drive) : kindOfBareBay(slot, shelf),
    stateKind: drive ? lookup(STATES, drive.state) : null,
    link: drive ? linkOf(drive, isUnique) : null,
    number,
    bay,
    title: shelfTitle ? `${bay} of ${shelfTitle}` : bay,
    locate: slot.locate === true,
    fault: slot.fault_sensed === true || slot.fault_requested === true,
    searchText: searchText([...driveWords(drive), `bay ${number}`, slot.name, ...shelfWords]),
  };
}

function unslottedPlace(key, drive, link) {
  return {
    key,
    shelf: null,
    slot: null,
    drive,
    kind: kindOfDrive(drive),
    stateKind: lookup(STATES, drive.state),
    link,
    number: '',
    bay: null,
    title: 'Not in a bay',
    locate: false,
    fault: false,
    searchText: searchText(driveWords(drive)),
  };
}

/** A critical or warning verdict takes precedence over the state: it still holds while the drive is in standby. */
function kindOfDrive(drive) {
  if (drive.verdict === 'crit' || drive.verdict === 'warn') return drive.verdict;
  if (isUnreadable(drive.verdict) || isUnreadable(drive.state)) return 'unknown';
  return STATES[drive.state] ?? drive.verdict;
}

/** `empty`, or `unlinked` for a bay that may hold a drive, although none is known in it. */
function kindOfBareBay(slot, shelf) {
  if (slot.excluded) return 'unlinked';
  if (slot.status === 'not installed') return 'empty';
  // A bay without a status is empty, unless its shelf could not be read.
  return slot.status === null && !shelf.error ? 'empty' : 'unlinked';
}

function driveWords(drive) {
  if (!drive) return [];
  const names = [drive.device, ...drive.paths, drive.serial_number, drive.wwn];
  const product = [drive.model_name, drive.vendor, drive.firmware_version];
  return [...names, ...product, ...drive.memberships.flatMap(({ pool, vdev, role }) => [pool, vdev, role])];
}

const searchText = (words) => words.filter(Boolean).join('\n').toLowerCase();
