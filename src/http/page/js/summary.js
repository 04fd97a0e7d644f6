// What is said above the shelves: one sentence, what else there is, the service's own troubles,
// counts.

/** More than that is for the filter. */
const ALSO = 5;
const POOL_RANK = { crit: 0, warn: 2, unknown: 4, watch: 8 };
const KIND_RANK = { crit: 1, warn: 3, missing: 4, silent: 5, unknown: 7, watch: 8 };
const SAYS = {
  crit: 'is critical',
  warn: 'needs attention',
  missing: 'is missing',
  silent: 'does not answer',
  unknown: 'has no verdict',
  watch: 'is worth watching',
};

/** The verdict on a pool; unknown where it is unreadable. */
const poolKind = (pool) => (isOdd(pool.verdict) || isOdd(pool.state) ? 'unknown' : pool.verdict);

/** A shelf or an IO module is known to be gone; an unreadable time does not say so. */
const isMissing = (part) => Boolean(part.missing_since) && !isOdd(part.missing_since);

/** Everything that is not well, worst first: {rank, kind, subject, says, why, link}. */
function troubles() {
  const { overview } = known;
  const all = [];
  for (const at of known.places) {
    if (at.drive && at.kind in KIND_RANK) {
      const subject = at.slot ? `${at.where} (${at.drive.device})` : `${at.drive.device} (in no bay)`;
      all.push({ rank: KIND_RANK[at.kind], kind: at.kind, subject, says: SAYS[at.kind], why: reason(at.drive), link: at.link });
    } else if (!at.drive && at.kind === 'unlinked' && !at.shelf.error) {
      all.push({ rank: 6, kind: 'unknown', subject: at.where, says: `is ${bareWords(at)}`, why: null });
    }
  }
  for (const pool of overview.pools) {
    const kind = poolKind(pool);
    if (kind === 'ok') continue;
    const subject = `Pool ${pool.name}`;
    if (pool.state === 'ONLINE') all.push({ rank: POOL_RANK[kind], kind, subject, says: SAYS[kind], why: pool.findings[0]?.message ?? null });
    else all.push({ rank: POOL_RANK[kind], kind, subject, says: `is ${pool.state ?? 'in a state that is not known'}`, why: null });
  }
  overview.enclosures.forEach((shelf, index) => {
    const why = shelf.error ?? (shelf.slots.odd ? 'its bays are unreadable' : null);
    const subject = `Shelf ${index + 1} (${shelfName(shelf)})`;
    const lost = shelf.modules.filter(isMissing).map((module) => module.sysfs_name);
    if (isMissing(shelf)) all.push({ rank: 2, kind: 'missing', subject, says: 'is missing', why: `since ${moment(Date.parse(shelf.missing_since))}, its bays are shown as they were last` });
    else if (lost.length > 0) {
      all.push({ rank: 3, kind: 'warn', subject, says: 'has lost an IO module', why: lost.join(', ') });
    } else if (why) all.push({ rank: 6, kind: 'unknown', subject, says: 'is not well', why });
  });
  const lists = { 'The shelves': overview.enclosures, 'The drives in no bay': overview.unslotted, 'The pools': overview.pools };
  for (const [subject, one] of Object.entries(lists)) if (one.odd) all.push({ rank: 6, kind: 'unknown', subject, says: 'are unreadable', why: null });
  if (overview.zfs_error) all.push({ rank: 6, kind: 'unknown', subject: 'The pools', says: 'are not known', why: overview.zfs_error });
  // Places come in the order of shelves and bays, and a sort leaves equals as they are.
  return all.sort((a, b) => a.rank - b.rank);
}

/** `…: why`, with one full stop. */
function told(trouble) {
  const why = trouble.why ? `: ${trouble.why}` : '';
  return ` ${trouble.says}${why.replace(/\.$/, '')}`;
}

const toDrive = (link, text) => el('a', { href: `#/drive/${encodeURIComponent(link)}`, 'data-link': link }, text);

/** `Bay 7 of shelf 1 (sdh) is critical: …`: a link where it is about a drive. */
function trouble(of) {
  const text = `${of.subject}${told(of)}`;
  return of.link ? toDrive(of.link, text) : text;
}

function allIsWell() {
  const { drives, by_state: states, slots } = known.overview.totals;
  if (isOdd(drives) || isOdd(states.reading)) return { kind: 'unknown', text: 'Nothing is wrong with what can be read: how many drives there are is unreadable.' };
  if (drives === 0) {
    return { kind: 'unknown', text: slots ? `No drives are here: ${plural(slots, 'bay is', 'bays are')} empty.` : 'No drives and no shelves are here: jbod-monitor doctor says why.' };
  }
  if (states.reading > 0) {
    const all = states.reading === drives;
    return { kind: 'reading', text: all ? `The drives are being read for the first time: ${drives} to go.` : `Nothing is wrong so far: ${states.reading} of ${drives} drives are still being read.` };
  }
  const asleep = states.standby > 0 ? `, ${states.standby === drives ? 'all' : states.standby} of them asleep` : '';
  const pools = known.overview.pools.length ? `, and ${plural(known.overview.pools.length, 'pool is', 'pools are')} online` : '';
  return { kind: 'ok', text: `All is well: ${plural(drives, 'drive is', 'drives are')} healthy${asleep}${pools}.` };
}

/** Of every trouble, in a few words: `1 critical, 2 warning`. */
function tally(all) {
  const counts = new Map();
  for (const { kind } of all) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Object.keys(KINDS).filter((kind) => counts.has(kind)).map((kind) => `${counts.get(kind)} ${KINDS[kind]}`);
}

function drawSentence() {
  const all = troubles();
  const well = all.length ? null : allIsWell();
  const kind = well?.kind ?? all[0].kind;
  const is = JSON.stringify([well, all]);
  const sentence = byId('sentence');
  if (sentence.dataset.is !== is) {
    sentence.dataset.is = is;
    byId('say').dataset.kind = kind;
    sentence.replaceChildren(sign(kind), el('span', {}, well ? well.text : trouble(all[0]), well ? '' : '.'));
    const more = all.slice(1);
    byId('also').replaceChildren(...more.slice(0, ALSO).map((one) => el('li', { 'data-kind': one.kind }, sign(one.kind), el('span', {}, trouble(one)))));
    if (more.length > ALSO) byId('also').append(el('li', { class: 'more' }, `and ${more.length - ALSO} more: ${joined(tally(more.slice(ALSO)))}`));
  }
  const marks = { ok: '✓', crit: '✕', warn: '!', reading: '…' };
  known.title = `${pick(marks, kind, '?')} ${known.overview.host}${all.length ? `: ${joined(tally(all))}` : ''}`;
}

/** What does not work about the service itself. Silent drives and shelves are in the sentence already. */
function drawService(health) {
  const lines = health.degraded.odd ? ['What does not work is unreadable.'] : [];
  for (const part of health.degraded) {
    const since = `since ${moment(Date.parse(part.since))}`;
    if (part.part === 'redis') lines.push(`Redis is away ${since}: what is shown comes from the daemon’s own memory (${part.error}).`);
    else if (part.part === 'redis_writes') lines.push(`Redis takes no values ${since}: ${part.error}`);
    else if (!['drive', 'enclosure'].includes(part.part)) lines.push(`${part.part} ${since}: ${part.error}`);
  }
  const service = byId('service');
  if (service.dataset.is === JSON.stringify(lines)) return;
  service.dataset.is = JSON.stringify(lines);
  service.replaceChildren(...lines.map((line) => el('p', { class: 'strip' }, sign('warn'), el('span', {}, line))));
}

function drawCounts() {
  const { totals, sweep, host } = known.overview;
  setText(byId('host'), host);
  // What is unreadable is shown where it would be.
  const isAtLeast = (value, least) => !(value < least);
  const took = written((ms) => (ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : span(ms / 1000)))(sweep.took_ms);
  const parts = [
    isAtLeast(totals.paths, totals.drives + 1) ? `${plural(totals.drives, 'drive')} on ${shown(totals.paths)} paths` : plural(totals.drives, 'drive'),
    isAtLeast(totals.slots, 1) ? `${shown(totals.slots_occupied)} of ${plural(totals.slots, 'bay')} in use` : null,
    isAtLeast(totals.enclosures, 2) ? plural(totals.enclosures, 'shelf', 'shelves') : null,
    isAtLeast(totals.capacity_bytes, 1) ? `${isOdd(totals.capacity_bytes) ? 'capacity ' : ''}${bytes(totals.capacity_bytes)}` : null,
    totals.hottest_celsius === null ? null : `hottest ${degrees(totals.hottest_celsius)}`,
    took === null ? null : `last sweep took ${took}`,
  ];
  const counts = byId('counts');
  const text = parts.filter(Boolean).join('\n');
  if (counts.dataset.is === text) return;
  counts.dataset.is = text;
  counts.replaceChildren(...text.split('\n').map((part) => el('span', {}, part)));
}
