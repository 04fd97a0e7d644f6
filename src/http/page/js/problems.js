// Everything that is not healthy, as a list with the worst first.

import { timeOfDay } from './clock.js';
import { isUnreadable } from './decode.js';
import { bareBayText, reasonOf, shelfName } from './describe.js';
import { overview, places } from './state.js';

/** The order of problems; of equal rank, that of the page. */
const RANKS = {
  poolCritical: 0,
  driveCritical: 1,
  poolWarning: 2,
  shelfMissing: 2,
  driveWarning: 3,
  moduleMissing: 3,
  driveMissing: 4,
  poolUnknown: 4,
  driveUnresponsive: 5,
  shelfError: 6,
  bayUnknown: 6,
  listUnreadable: 6,
  driveUnknown: 7,
  watch: 8,
};

const POOL_RANKS = {
  crit: RANKS.poolCritical,
  warn: RANKS.poolWarning,
  unknown: RANKS.poolUnknown,
  watch: RANKS.watch,
};

const DRIVE_RANKS = {
  crit: RANKS.driveCritical,
  warn: RANKS.driveWarning,
  missing: RANKS.driveMissing,
  silent: RANKS.driveUnresponsive,
  unknown: RANKS.driveUnknown,
  watch: RANKS.watch,
};

const STATEMENTS = {
  crit: 'is critical',
  warn: 'needs attention',
  missing: 'is missing',
  silent: 'is unresponsive',
  unknown: 'has no verdict',
  watch: 'is worth watching',
};

/** Problems as `{rank, kind, subject, statement, reason, link}`: `Bay 7 (sdh) is critical: reason`. */
export function problems() {
  const { enclosures, pools } = overview();
  const found = [
    ...places().map(placeProblem),
    ...pools.map(poolProblem),
    ...enclosures.map(shelfProblem),
    ...listProblems(),
  ];
  // `sort` is stable.
  return found.filter((problem) => problem !== null).sort((a, b) => a.rank - b.rank);
}

function placeProblem(place) {
  if (place.drive) return driveProblem(place);
  if (place.kind !== 'unlinked' || place.shelf.error) return null;
  const statement = `is ${bareBayText(place)}`;
  return { rank: RANKS.bayUnknown, kind: 'unknown', subject: place.title, statement, reason: null };
}

function driveProblem({ drive, kind, slot, title, link }) {
  if (!(kind in DRIVE_RANKS)) return null;
  const subject = slot ? `${title} (${drive.device})` : `${drive.device} (not in a bay)`;
  return { rank: DRIVE_RANKS[kind], kind, subject, statement: STATEMENTS[kind], reason: reasonOf(drive), link };
}

/** The verdict on a pool; unknown if it or the state is unreadable. */
export const poolKind = (pool) => (isUnreadable(pool.verdict) || isUnreadable(pool.state) ? 'unknown' : pool.verdict);

function poolProblem(pool) {
  const kind = poolKind(pool);
  if (kind === 'ok') return null;
  const problem = { rank: POOL_RANKS[kind], kind, subject: `Pool ${pool.name}` };
  if (pool.state === 'ONLINE') {
    return { ...problem, statement: STATEMENTS[kind], reason: pool.findings[0]?.message ?? null };
  }
  return { ...problem, statement: `is ${pool.state ?? 'in an unknown state'}`, reason: null };
}

/** Whether a shelf or an IO module is known to be missing, which an unreadable time does not show. */
const isMissing = (part) => Boolean(part.missing_since) && !isUnreadable(part.missing_since);

function shelfProblem(shelf, index) {
  const subject = `Shelf ${index + 1} (${shelfName(shelf)})`;
  if (isMissing(shelf)) {
    const reason = `since ${timeOfDay(Date.parse(shelf.missing_since))}; its bays show the last known state`;
    return { rank: RANKS.shelfMissing, kind: 'missing', subject, statement: 'is missing', reason };
  }
  const missing = shelf.modules.filter(isMissing).map((module) => module.sysfs_name);
  if (missing.length > 0) {
    const statement = 'has lost an IO module';
    return { rank: RANKS.moduleMissing, kind: 'warn', subject, statement, reason: missing.join(', ') };
  }
  const reason = shelf.error ?? (shelf.slots.isUnreadable ? 'its bays are unreadable' : null);
  if (!reason) return null;
  return { rank: RANKS.shelfError, kind: 'unknown', subject, statement: 'has a problem', reason };
}

/** The parts of the overview that are unreadable or unavailable. */
function listProblems() {
  const { enclosures, unslotted, pools, zfs_error: zfsError } = overview();
  const unknown = { rank: RANKS.listUnreadable, kind: 'unknown' };
  const unreadable = { ...unknown, statement: 'are unreadable', reason: null };
  return [
    enclosures.isUnreadable ? { ...unreadable, subject: 'The shelves' } : null,
    unslotted.isUnreadable ? { ...unreadable, subject: 'The drives that are not in a bay' } : null,
    pools.isUnreadable ? { ...unreadable, subject: 'The pools' } : null,
    zfsError ? { ...unknown, subject: 'The pools', statement: 'are unknown', reason: zfsError } : null,
  ];
}
