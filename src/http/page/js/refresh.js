// The refresh loop: requests the overview and the health of the service again and again, and draws what has changed.

import { decodeHealth, decodeOverview } from './api.js';
import { request, UNREADABLE_RESPONSE } from './client.js';
import { adjustClock, now } from './clock.js';
import { isUnreadable, warnOnce } from './decode.js';
import { byId, drawPart, setText } from './dom.js';
import { drawDrive, fetchDrive } from './drive_dialog.js';
import { drawBays } from './filter.js';
import { drawFreshness } from './freshness.js';
import { placesOf } from './places.js';
import { drawPools } from './pools.js';
import { askForToken } from './sign_in.js';
import { connection, overview, places, setOverview, updateConnection } from './state.js';
import { drawCounts, drawSentence, drawService } from './summary.js';

/** Most of these requests are answered by a 304. The daemon reads its drives every 90 s by default. */
const INTERVAL_MS = 10000;
/** During an outage, so that the end of a restart is noticed soon. */
const OUTAGE_INTERVAL_MS = 3000;

let isRefreshing = false;
let timer = 0;
let overviewEtag = null;
let daemonVersion = null;

/** Refreshes now, and schedules the next time. */
export async function refresh() {
  stopRefreshing();
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    await refreshOnce();
  } catch (error) {
    warnOnce('page', error);
    reportOutage(UNREADABLE_RESPONSE);
  } finally {
    isRefreshing = false;
    scheduleNext();
  }
}

/** Cancels the next refresh. */
export function stopRefreshing() {
  clearTimeout(timer);
}

/** A hidden page requests nothing, nor does one that waits for a token. */
function scheduleNext() {
  clearTimeout(timer);
  if (document.hidden || byId('token-dialog').open) return;
  timer = setTimeout(refresh, connection().outage ? OUTAGE_INTERVAL_MS : INTERVAL_MS);
}

async function refreshOnce() {
  const requests = [request('api/overview', overviewEtag), request('api/health'), fetchDrive()];
  const [latest, health] = await Promise.all(requests);
  if (latest.status === 401) {
    askForToken();
    return;
  }
  if (latest.status !== 200 && latest.status !== 304) {
    reportOutage(latest);
    return;
  }
  readHeaders(latest.headers);
  if (health.status === 200 || health.isUnreadable) drawPart('service', () => drawHealth(decodeHealth(health.json)));
  if (latest.status === 200) {
    draw(latest.json);
    overviewEtag = latest.etag;
  }
  drawFreshness();
}

/** Shows that there is no newer data: no response, an unreadable one, or a daemon that has no data yet. */
function reportOutage({ status, reason, isUnreadable: isUnreadableResponse }) {
  const kind = status === 0 ? 'silent' : 'empty';
  const since = connection().outage?.since ?? now();
  updateConnection({ outage: { since, reason, kind: isUnreadableResponse ? 'unreadable' : kind } });
  drawFreshness();
}

/** Reads how old the data in a response is. */
function readHeaders(headers) {
  adjustClock(headers.get('Date'));
  updateConnection({
    outage: null,
    respondedAt: now(),
    observedAt: now() - 1000 * Number(headers.get('Age') ?? 0),
    cache: headers.get('X-Cache'),
    source: headers.get('X-Source'),
  });
}

function drawHealth(health) {
  drawService(health);
  const { version } = health;
  if (isUnreadable(version)) return;
  setText(byId('version'), `jbod-monitor ${version}`);
  // Another version of the daemon has another version of this page.
  if (daemonVersion !== null && daemonVersion !== version) location.reload();
  daemonVersion = version;
}

function draw(body) {
  const start = performance.now();
  const isFirst = overview() === null;
  const latest = decodeOverview(body);
  setOverview(latest, placesOf(latest));
  drawPart('sentence', drawSentence);
  drawPart('counts', drawCounts);
  drawPart('pools', drawPools);
  const touched = drawBays();
  drawDrive();
  performance.measure('jbod:patch', { start, detail: { touched, places: places().length } });
  if (isFirst) markFirstDrawing();
}

/** After two frames, what was drawn is on the screen. */
function markFirstDrawing() {
  document.body.dataset.drawn = '';
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('jbod:drawn')));
}
