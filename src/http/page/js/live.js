// Keeping it true: asks the daemon again and again, says how old what is shown is, and says so when
// nobody answers. What is old is never shown as if it were of now.

/** A look costs the daemon a 304; drives are read every minute and a half. */
const EVERY_MS = 10000;
/** While nobody answers, so that a restart is seen soon. */
const LOST_EVERY_MS = 3000;
const PATIENCE_MS = 8000;
const TOKEN = 'jbod-monitor-token';

const live = { etag: null, busy: false, timer: 0, answered: null, lost: null, cache: null, source: null, age: null, ageAt: null, token: null, version: null };

/** One request: {status, etag, text, json, headers, why}; status 0 where there was no answer. */
async function ask(path, etag) {
  const headers = {};
  if (etag) headers['If-None-Match'] = etag;
  if (live.token) headers.Authorization = `Bearer ${live.token}`;
  try {
    const response = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await response.text();
    const isJson = (response.headers.get('Content-Type') ?? '').includes('json') && text !== '';
    const json = isJson ? JSON.parse(text) : null;
    const why = json?.detail ?? `the daemon answered ${response.status}`;
    return { status: response.status, etag: response.headers.get('ETag'), text, json, headers: response.headers, why };
  } catch (error) {
    const whys = { TimeoutError: 'no answer in time', SyntaxError: 'its answer cannot be read' };
    return { status: 0, why: whys[error.name] ?? 'no connection' };
  }
}

async function refresh() {
  clearTimeout(live.timer);
  if (live.busy) return;
  live.busy = true;
  try {
    await look();
  } finally {
    live.busy = false;
    clearTimeout(live.timer);
    if (!document.hidden && !byId('ask').open) live.timer = setTimeout(refresh, live.lost ? LOST_EVERY_MS : EVERY_MS);
  }
}

async function look() {
  const [answer, health] = await Promise.all([ask('/api/overview', live.etag), ask('/api/health', null), fetchDrive()]);
  if (answer.status === 401) return askForToken();
  if (answer.status !== 200 && answer.status !== 304) {
    // A daemon that answers, but has nothing yet, is not lost.
    live.lost = { since: live.lost?.since ?? clock.now(), why: answer.why, answers: answer.status !== 0 };
    return drawFreshness();
  }
  live.lost = null;
  heard(answer.headers);
  if (health.status === 200) {
    drawService(health.json);
    const { version } = health.json;
    setText(byId('version'), `jbod-monitor ${version}`);
    // Another daemon has other files; this page may not understand it.
    if (live.version && live.version !== version) location.reload();
    live.version = version;
  }
  if (answer.status === 200) {
    live.etag = answer.etag;
    draw(answer.json);
  }
  drawFreshness();
}

/** What the head of an answer says of how old it is. */
function heard(headers) {
  const date = Date.parse(headers.get('Date') ?? '');
  // Its seconds are whole: less than two of difference says nothing.
  if (!Number.isNaN(date) && Math.abs(date - clock.now()) > 2000) clock.offset = date - Date.now();
  live.answered = clock.now();
  live.cache = headers.get('X-Cache');
  live.source = headers.get('X-Source');
  known.observed = clock.now() - 1000 * Number(headers.get('Age') ?? 0);
}

function draw(overview) {
  const from = performance.now();
  const isFirst = known.overview === null;
  take(overview);
  drawSentence();
  drawCounts();
  drawPools();
  const touched = drawBays();
  drawDrive();
  performance.measure('jbod:patch', { start: from, detail: { touched, places: known.places.length } });
  if (isFirst) {
    document.body.dataset.drawn = '';
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('jbod:drawn')));
  }
}

const SOURCES = { redis: 'Redis', memory: 'the daemon’s memory', smartctl: 'the drives' };

/** The words at the top right, and what is over all when nobody answers. Goes on by itself. */
function drawFreshness() {
  const { lost } = live;
  document.body.classList.toggle('lost', lost !== null && known.overview !== null);
  const fresh = byId('fresh');
  if (lost) {
    const waits = lost.answers ? `The daemon has nothing to show: ${lost.why}` : `The daemon does not answer (${lost.why})`;
    setText(fresh, lost.answers ? 'nothing to show yet' : `no answer for ${span((clock.now() - (live.answered ?? lost.since)) / 1000)}`);
    fresh.dataset.kind = 'lost';
    drawThen(waits);
    document.title = `? ${known.overview?.host ?? 'jbod-monitor'}: no answer`;
    return;
  }
  drawThen(null);
  if (known.observed === undefined || known.observed === null) return;
  const isStale = live.cache === 'STALE';
  const from = SOURCES[live.source] ?? live.source;
  setText(fresh, `${isStale ? 'last known, ' : ''}observed ${ago(known.observed)}${from ? `, from ${from}` : ''}`);
  fresh.dataset.kind = isStale ? 'stale' : 'fresh';
  fresh.title = `The oldest current reading is of ${moment(known.observed)}. X-Cache: ${live.cache}`;
  if (document.title !== known.title) document.title = known.title;
}

/** While nobody answers, that is the sentence; what was said before is told as of then. */
function drawThen(waits) {
  const then = byId('then');
  const sentence = byId('sentence');
  if (waits === null) {
    if (then.hidden) return;
    then.hidden = true;
    delete byId('say').dataset.is;
    if (known.overview) drawSentence();
    return;
  }
  const text = `${waits}.`;
  if (then.hidden || sentence.dataset.lost !== text) {
    if (then.hidden && known.overview) then.replaceChildren(`What is shown is of ${moment(known.observed)}, `, el('time', { 'data-at': String(known.observed) }, ago(known.observed)), '. Then: ', ...sentence.querySelector('span').cloneNode(true).childNodes);
    then.hidden = false;
    byId('say').dataset.kind = 'silent';
    sentence.dataset.lost = text;
    sentence.replaceChildren(sign('silent'), el('span', {}, text));
  }
}

function keptToken() {
  try {
    return localStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

function keepToken(token) {
  live.token = token;
  try {
    if (token === null) localStorage.removeItem(TOKEN);
    else localStorage.setItem(TOKEN, token);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
  setHidden(byId('forget'), token === null);
  setHidden(byId('token-note'), token === null);
  for (const link of byId('links').querySelectorAll('a')) link.toggleAttribute('data-shut', token !== null);
}

function askForToken() {
  const dialog = byId('ask');
  if (live.token !== null) setText(byId('ask-why'), 'The daemon does not take the token that was given. It is what its administrator has put into JBOD_TOKEN_FILE.');
  keepToken(null);
  byId('ask-token').value = '';
  if (!dialog.open) dialog.showModal();
  byId('ask-token').focus();
}

function listen() {
  byId('refresh').addEventListener('click', refresh);
  byId('ask-form').addEventListener('submit', (event) => {
    event.preventDefault();
    keepToken(byId('ask-token').value.trim());
    byId('ask').close();
    refresh();
  });
  // Without a token there is nothing behind this dialog.
  byId('ask').addEventListener('cancel', (event) => event.preventDefault());
  byId('ask').addEventListener('close', () => live.token === null && byId('ask').showModal());
  byId('forget').addEventListener('click', () => {
    keepToken(null);
    location.reload();
  });
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(live.timer) : refresh()));
  addEventListener('online', refresh);
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.altKey || event.metaKey) return;
    const isTyping = event.target.matches?.('input, select, textarea');
    if (event.key === '/' && !isTyping && !event.ctrlKey && !byId('drive').open) {
      event.preventDefault();
      byId('text').select();
      byId('text').focus();
    } else if (event.target.matches?.('.tile')) {
      moveFrom(event.target, event);
    }
  });
  document.addEventListener('focusin', (event) => event.target.matches?.('.tile') && event.target.tabIndex !== 0 && focusTile(event.target));
  setInterval(() => {
    tickAges();
    drawFreshness();
  }, 1000);
}

keepToken(keptToken());
listenToFilter();
listenToDrives();
listenToPrinting();
listen();
followAddress();
refresh();
