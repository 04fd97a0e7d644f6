// Keeping it true: asks the daemon again and again, says how old what is shown is, and says so when
// nobody answers. What is old is never shown as if it were of now.

/** A look costs the daemon a 304; drives are read every minute and a half. */
const EVERY_MS = 10000;
/** While nobody answers, so that a restart is seen soon. */
const LOST_EVERY_MS = 3000;
const PATIENCE_MS = 8000;
/** Several daemons may be behind one proxy, each below its own prefix and with its own token. */
const TOKEN = `jbod-monitor-token${location.pathname === '/' ? '' : location.pathname}`;

const live = { etag: null, busy: false, timer: 0, answered: null, lost: null, cache: null, source: null, age: null, ageAt: null, token: null, version: null };

/** Something in between may answer in the daemon's place. */
const NOT_OURS = { status: 0, isUnreadable: true, why: 'the answer is unreadable' };

/** One request; the path is relative to the page, which may be below a prefix of a proxy: {status, etag, text, json, headers, why}; status 0 where there was no answer, or none that can be read. */
async function ask(path, etag) {
  const headers = {};
  if (etag) headers['If-None-Match'] = etag;
  if (live.token) headers.Authorization = `Bearer ${live.token}`;
  let response = null;
  let body = '';
  try {
    response = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    body = await response.text();
  } catch (error) {
    return { status: 0, why: error.name === 'TimeoutError' ? 'no answer in time' : 'no connection' };
  }
  const { status, headers: head } = response;
  const json = (head.get('Content-Type') ?? '').includes('json') ? parsed(body) : null;
  if (status === 200 && json === null) return NOT_OURS;
  return { status, etag: head.get('ETag'), text: body, json, headers: head, why: text(json?.detail) ?? `the daemon answered ${status}` };
}

/** The object that it is; null where it is none. */
function parsed(body) {
  try {
    const json = JSON.parse(body);
    return isObject(json) ? json : null;
  } catch {
    return null;
  }
}

async function refresh() {
  clearTimeout(live.timer);
  if (live.busy) return;
  live.busy = true;
  try {
    await look();
  } catch (error) {
    note('page', error);
    lose(NOT_OURS);
  } finally {
    live.busy = false;
    clearTimeout(live.timer);
    if (!document.hidden && !byId('ask').open) live.timer = setTimeout(refresh, live.lost ? LOST_EVERY_MS : EVERY_MS);
  }
}

/** Says why there is nothing newer: no answer, none that can be read, or a daemon that has nothing yet. */
function lose({ status, why, isUnreadable }) {
  const kind = isUnreadable ? 'unreadable' : status === 0 ? 'silent' : 'empty';
  live.lost = { since: live.lost?.since ?? clock.now(), why, kind };
  drawFreshness();
}

async function look() {
  const [answer, health] = await Promise.all([ask('api/overview', live.etag), ask('api/health', null), fetchDrive()]);
  if (answer.status === 401) return askForToken();
  if (answer.status !== 200 && answer.status !== 304) return lose(answer);
  live.lost = null;
  heard(answer.headers);
  if (health.status === 200 || health.isUnreadable) part('service', () => drawHealth(HEALTH(health.json)));
  if (answer.status === 200) {
    draw(answer.json);
    live.etag = answer.etag;
  }
  drawFreshness();
}

function drawHealth(health) {
  drawService(health);
  const { version } = health;
  if (isOdd(version)) return;
  setText(byId('version'), `jbod-monitor ${version}`);
  // Another daemon has other files; this page may not understand it.
  if (live.version && live.version !== version) location.reload();
  live.version = version;
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

/** Draws what stands in that element, or says there that it cannot. */
function part(id, draw) {
  const instead = (word) => {
    delete byId(id).dataset.is;
    byId(id).replaceChildren(word);
    return 0;
  };
  return drawn(id, draw, instead);
}

function draw(overview) {
  const from = performance.now();
  const isFirst = known.overview === null;
  take(overview);
  part('sentence', drawSentence);
  part('counts', drawCounts);
  part('pools', drawPools);
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
    const waits = { empty: `The daemon has nothing to show: ${lost.why}`, silent: `The daemon does not answer (${lost.why})`, unreadable: 'The answer of the daemon is unreadable' };
    const since = span((clock.now() - (live.answered ?? lost.since)) / 1000);
    setText(fresh, { empty: 'nothing to show yet', silent: `no answer for ${since}`, unreadable: `no readable answer for ${since}` }[lost.kind]);
    fresh.dataset.kind = 'lost';
    drawThen(waits[lost.kind]);
    document.title = `? ${known.overview?.host ?? 'jbod-monitor'}: no answer`;
    return;
  }
  drawThen(null);
  if (known.observed === undefined || known.observed === null) return;
  const isStale = live.cache === 'STALE';
  const from = pick(SOURCES, live.source, live.source);
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
    delete sentence.dataset.is;
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
