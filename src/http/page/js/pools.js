// The pools above the shelves: how each is, its scan, and what else it does.

const STATES_OF_WORK = { in_progress: 'running', finished: 'finished', canceled: 'cancelled', paused: 'paused', exists: 'exists', discarding: 'being discarded' };
const ENDED = ['finished', 'canceled'];
/** What each kind of activity is as the scan of its pool. */
const SCAN_KINDS = { scrub: 'scrub', error_scrub: 'scrub', resilver: 'resilver', rebuild: 'resilver' };
const WORK_NAMES = { error_scrub: 'error scrub', initialize: 'initialization' };

/** `resilver of mirror-0 running, 25.0 %`, with a bar where the progress is known. */
function work(pool, name, { vdev, state, done_percent: done, started_at: start }) {
  const isOpen = !ENDED.includes(state);
  const progress = isOpen ? written((percent) => `${percent.toFixed(1)} %`)(done) : null;
  const since = state === 'exists' && start !== null ? ` since ${start === UNREADABLE ? start : moment(Date.parse(start))}` : '';
  const what = `${name}${vdev === null ? '' : ` of ${vdev}`} ${pick(STATES_OF_WORK, state, state)}${since}`;
  const words = progress === null ? what : `${what}, ${progress}`;
  const bar = progress === null || isOdd(done) ? null : el('progress', { max: '100', value: String(done), 'aria-label': `${pool.name}: ${words}` });
  return [el('span', { class: 'scan' }, words), bar];
}

function scanOf(pool) {
  const { scan } = pool;
  if (scan.odd) return [el('span', { class: 'scan' }, `scan ${UNREADABLE}`)];
  return scan.kind === 'none' ? [el('span', { class: 'scan' }, 'never scrubbed')] : work(pool, scan.kind, scan);
}

/** What runs, is paused or exists beside the scan. */
function workBeside(pool) {
  if (pool.activities.odd) return [el('span', { class: 'scan' }, `activities ${UNREADABLE}`)];
  const { scan } = pool;
  const isScan = (one) => pick(SCAN_KINDS, one.kind) === scan.kind && one.vdev === scan.vdev && one.state === scan.state;
  const beside = pool.activities.filter((one) => !ENDED.includes(one.state) && !isScan(one));
  return beside.map((one) => work(pool, pick(WORK_NAMES, one.kind, one.kind), one));
}

/** The lines of zpool, one for each thing that it does. */
function linesOf(pool) {
  const lines = pool.activities.map((one) => one.text).filter((line) => line !== null);
  return lines.length ? lines.join('\n') : pool.scan.text;
}

function drawPools() {
  const { pools } = known.overview;
  const drawing = byId('pools');
  const is = signature(pools);
  if (drawing.dataset.is === is) return;
  drawing.dataset.is = is;
  drawing.replaceChildren(
    pools.odd ? el('li', { class: 'odd' }, 'Pools unreadable') : '',
    ...pools.map((pool) => {
      const kind = poolKind(pool);
      return el('li', { 'data-kind': kind, title: linesOf(pool) }, sign(kind), el('b', {}, pool.name), ` ${pool.state ?? 'not known'} `, scanOf(pool), workBeside(pool));
    }),
  );
}
