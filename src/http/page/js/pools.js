// The pools above the shelves: state, scan, and other activities.

import { timeOfDay } from './clock.js';
import { isUnreadable, lookup, UNREADABLE } from './decode.js';
import { byId, element, icon, memo } from './dom.js';
import { formatter } from './format.js';
import { poolKind } from './problems.js';
import { overview } from './state.js';

const ACTIVITY_STATES = {
  in_progress: 'running',
  finished: 'finished',
  canceled: 'cancelled',
  paused: 'paused',
  exists: 'exists',
  discarding: 'being discarded',
};
const ENDED = ['finished', 'canceled'];
/** The kind of scan as which a pool also reports an activity of that kind. */
const SCAN_KINDS = { scrub: 'scrub', error_scrub: 'scrub', resilver: 'resilver', rebuild: 'resilver' };
const ACTIVITY_NAMES = { error_scrub: 'error scrub', initialize: 'initialization' };

export function drawPools() {
  const { pools } = overview();
  const unreadable = pools.isUnreadable ? [element('li', { class: 'unreadable' }, 'Pools unreadable')] : [];
  memo(byId('pools'), pools, () => byId('pools').replaceChildren(...unreadable, ...pools.map(poolItem)));
}

function poolItem(pool) {
  const kind = poolKind(pool);
  const name = element('b', {}, pool.name);
  const attributes = { 'data-kind': kind, title: zpoolLines(pool) };
  const state = ` ${pool.state ?? 'state unknown'} `;
  return element('li', attributes, icon(kind), name, state, scan(pool), otherActivities(pool));
}

/** What `zpool status` prints for the scan and each activity. */
function zpoolLines(pool) {
  const lines = pool.activities.map((activity) => activity.text).filter((line) => line !== null);
  return lines.length ? lines.join('\n') : pool.scan.text;
}

function scan(pool) {
  if (pool.scan.isUnreadable) return activityLabel(`scan ${UNREADABLE}`);
  if (pool.scan.kind === 'none') return activityLabel('never scrubbed');
  return activityNodes(pool, pool.scan.kind, pool.scan);
}

/** The activities that run, are paused or exist, except for the scan. */
function otherActivities(pool) {
  if (pool.activities.isUnreadable) return activityLabel(`activities ${UNREADABLE}`);
  const others = pool.activities.filter((activity) => !ENDED.includes(activity.state) && !isScan(activity, pool.scan));
  return others.map((activity) => {
    const name = lookup(ACTIVITY_NAMES, activity.kind, activity.kind);
    return activityNodes(pool, name, activity);
  });
}

function isScan({ kind, vdev, state }, poolScan) {
  return lookup(SCAN_KINDS, kind) === poolScan.kind && vdev === poolScan.vdev && state === poolScan.state;
}

const activityLabel = (text) => element('span', { class: 'scan' }, text);
const exactPercent = formatter((value) => `${value.toFixed(1)} %`);

/** `resilver of mirror-0 running, 25.0 %`, with a bar if the progress is known. */
function activityNodes(pool, name, activity) {
  const { vdev, state, done_percent: done } = activity;
  const subject = vdev === null ? name : `${name} of ${vdev}`;
  const text = `${subject} ${lookup(ACTIVITY_STATES, state, state)}${sinceText(activity)}`;
  const progress = ENDED.includes(state) ? null : exactPercent(done);
  if (progress === null) return [activityLabel(text)];
  const textWithProgress = `${text}, ${progress}`;
  if (isUnreadable(done)) return [activityLabel(textWithProgress)];
  const attributes = { max: '100', value: String(done), 'aria-label': `${pool.name}: ${textWithProgress}` };
  return [activityLabel(textWithProgress), element('progress', attributes)];
}

function sinceText({ state, started_at: started }) {
  if (state !== 'exists' || started === null) return '';
  return ` since ${isUnreadable(started) ? UNREADABLE : timeOfDay(Date.parse(started))}`;
}
