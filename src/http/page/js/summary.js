// The top of the page: one sentence on the host, further problems, degraded components of the service, and counts.

import { driveHash } from './address.js';
import { timeOfDay } from './clock.js';
import { isUnreadable, lookup } from './decode.js';
import { byId, element, icon, memo, setText } from './dom.js';
import { bytes, degrees, duration, enumerated, formatter, plain, plural, withoutFullStop } from './format.js';
import { problems } from './problems.js';
import { overview, setPageTitle } from './state.js';
import { KINDS } from './vocabulary.js';

/** Problems shown below the sentence; the filter shows all. */
const MAX_FURTHER_PROBLEMS = 5;
/** Beginnings of the page's title. */
const TITLE_MARKS = { ok: '✓', crit: '✕', warn: '!', reading: '…' };

/** Draws the worst problem as the sentence, or that there is none, and the further problems below it. */
export function drawSentence() {
  const all = problems();
  const healthy = all.length ? null : sentenceWithoutProblems();
  const kind = healthy?.kind ?? all[0].kind;
  memo(byId('sentence'), [healthy, all], () => {
    byId('status').dataset.kind = kind;
    const text = healthy ? healthy.text : [problemNode(all[0]), '.'];
    byId('sentence').replaceChildren(icon(kind), element('span', {}, text));
    byId('problems').replaceChildren(...furtherProblems(all.slice(1)));
  });
  const mark = lookup(TITLE_MARKS, kind, '?');
  const { host } = overview();
  setPageTitle(all.length ? `${mark} ${host}: ${enumerated(countByKind(all))}` : `${mark} ${host}`);
}

/** `Bay 7 of shelf 1 (sdh) is critical: …`, as a link if it is about a drive. */
function problemNode({ subject, statement, reason, link }) {
  const text = `${subject} ${statement}${reason ? `: ${withoutFullStop(reason)}` : ''}`;
  return link ? element('a', { href: driveHash(link), 'data-link': link }, text) : text;
}

function furtherProblems(list) {
  const shown = list.slice(0, MAX_FURTHER_PROBLEMS).map((problem) => {
    const text = element('span', {}, problemNode(problem));
    return element('li', { 'data-kind': problem.kind }, icon(problem.kind), text);
  });
  const rest = list.slice(MAX_FURTHER_PROBLEMS);
  if (!rest.length) return shown;
  const more = `and ${rest.length} more: ${enumerated(countByKind(rest))}`;
  return [...shown, element('li', { class: 'more' }, more)];
}

/** `1 critical`, `2 warning`, … */
function countByKind(list) {
  const counts = new Map();
  for (const { kind } of list) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = Object.keys(KINDS).filter((kind) => counts.has(kind));
  return kinds.map((kind) => `${counts.get(kind)} ${KINDS[kind]}`);
}

function sentenceWithoutProblems() {
  const { drives, by_state: states, slots } = overview().totals;
  const { reading } = states;
  if (isUnreadable(drives) || isUnreadable(reading)) {
    const text = 'No problems in the data that is readable. The number of drives is unreadable.';
    return { kind: 'unknown', text };
  }
  if (drives === 0) return { kind: 'unknown', text: sentenceWithoutDrives(slots) };
  if (reading === drives) {
    return { kind: 'reading', text: `Reading all drives for the first time: ${drives} remaining.` };
  }
  if (reading > 0) {
    const text = `No problems so far. ${reading} of ${drives} drives are still being read for the first time.`;
    return { kind: 'reading', text };
  }
  return { kind: 'ok', text: sentenceOfHealthyHost(drives, states.standby) };
}

function sentenceWithoutDrives(slots) {
  if (slots) return `No drives found: ${plural(slots, 'bay is', 'bays are')} empty.`;
  return 'No drives and no shelves found. Run jbod-monitor doctor to find the cause.';
}

function sentenceOfHealthyHost(drives, standby) {
  const pools = overview().pools.length;
  const standbyPart = standby > 0 ? ` (${standby === drives ? 'all' : standby} in standby)` : '';
  const poolPart = pools ? ` and ${plural(pools, 'pool is', 'pools are')} online` : '';
  return `No problems: ${plural(drives, 'drive is', 'drives are')} healthy${standbyPart}${poolPart}.`;
}

/** Components that the sentence covers: the drives and the shelves themselves. */
const COMPONENTS_IN_SENTENCE = ['drive', 'enclosure'];

/** Draws the degraded components of the service. */
export function drawService(health) {
  const lines = health.degraded.isUnreadable ? ['The list of degraded components is unreadable.'] : [];
  const degraded = health.degraded.filter(({ part }) => !COMPONENTS_IN_SENTENCE.includes(part));
  lines.push(...degraded.map(degradationText));
  const strip = (line) => element('p', { class: 'strip' }, icon('warn'), element('span', {}, line));
  memo(byId('service'), lines, () => byId('service').replaceChildren(...lines.map(strip)));
}

function degradationText({ part, error, since }) {
  const time = timeOfDay(Date.parse(since));
  if (part === 'redis') return `Redis unavailable since ${time}, showing data from the daemon’s memory: ${error}`;
  if (part === 'redis_writes') return `Redis rejects writes since ${time}: ${error}`;
  return `Component ${part} degraded since ${time}: ${error}`;
}

/** Sweeps shorter than that, in milliseconds, are shown with tenths of a second. */
const SHORT_SWEEP_MS = 9950;
const sweepDuration = formatter((ms) => (ms < SHORT_SWEEP_MS ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000)));

/** Draws the host name, and what it has. */
export function drawCounts() {
  const { totals, sweep, host } = overview();
  setText(byId('host'), host);
  const hottest = degrees(totals.hottest_celsius);
  const sweepTook = sweepDuration(sweep.took_ms);
  const parts = [
    driveCount(totals),
    isAtLeast(totals.slots, 1) ? `${plain(totals.slots_occupied)} of ${plural(totals.slots, 'bay')} occupied` : null,
    isAtLeast(totals.enclosures, 2) ? plural(totals.enclosures, 'shelf', 'shelves') : null,
    isAtLeast(totals.capacity_bytes, 1) ? capacity(totals.capacity_bytes) : null,
    hottest === null ? null : `hottest ${hottest}`,
    sweepTook === null ? null : `last sweep took ${sweepTook}`,
  ];
  const shown = parts.filter(Boolean);
  memo(byId('counts'), shown, () => byId('counts').replaceChildren(...shown.map((part) => element('span', {}, part))));
}

/** True for an unreadable value, too: it is shown as such. */
const isAtLeast = (value, least) => !(value < least);

function driveCount({ drives, paths }) {
  const text = plural(drives, 'drive');
  return isAtLeast(paths, drives + 1) ? `${text} on ${plain(paths)} paths` : text;
}

const capacity = (value) => (isUnreadable(value) ? `capacity ${bytes(value)}` : bytes(value));
