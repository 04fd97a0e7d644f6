// How current the page is: the age of the data, and an outage of the daemon. Old data is never shown as current.

import { ageOfMoment, ago, now, timeOfDay } from './clock.js';
import { lookup } from './decode.js';
import { byId, element, icon, memo, setText } from './dom.js';
import { duration } from './format.js';
import { connection, overview, pageTitle } from './state.js';
import { drawSentence } from './summary.js';
import { SOURCES } from './vocabulary.js';

/** Draws the state of the connection. Called every second, since it contains ages. */
export function drawFreshness() {
  const { outage, observedAt } = connection();
  document.body.classList.toggle('outage', outage !== null && overview() !== null);
  if (outage) {
    drawOutage(outage);
    return;
  }
  endOutage();
  if (observedAt !== null) drawAge(observedAt);
}

function drawAge(observedAt) {
  const { cache, source } = connection();
  const isStale = cache === 'STALE';
  const sourceName = lookup(SOURCES, source, source);
  const from = sourceName ? `, from ${sourceName}` : '';
  const freshness = byId('freshness');
  setText(freshness, `${isStale ? 'last-known copy, ' : ''}observed ${ago(observedAt)}${from}`);
  freshness.dataset.kind = isStale ? 'stale' : 'current';
  freshness.title = `Oldest current reading: ${timeOfDay(observedAt)}. X-Cache: ${cache}`;
  if (pageTitle() !== null && document.title !== pageTitle()) document.title = pageTitle();
}

function drawOutage({ kind, reason, since }) {
  const length = duration((now() - (connection().respondedAt ?? since)) / 1000);
  const labels = {
    empty: 'no data yet',
    silent: `no response for ${length}`,
    unreadable: `no readable response for ${length}`,
  };
  const sentences = {
    empty: `The daemon has no data yet: ${reason}.`,
    silent: `The daemon does not respond (${reason}).`,
    unreadable: 'The response of the daemon is unreadable.',
  };
  setText(byId('freshness'), labels[kind]);
  byId('freshness').dataset.kind = 'outage';
  document.title = `? ${overview()?.host ?? 'jbod-monitor'}: no response`;
  if (byId('last-update').hidden) beginOutage();
  const text = sentences[kind];
  memo(byId('sentence'), ['outage', text], () => {
    byId('sentence').replaceChildren(icon('silent'), element('span', {}, text));
  });
}

/** Moves the sentence of the last overview below that of the outage, with its time. */
function beginOutage() {
  const { observedAt } = connection();
  if (overview()) {
    const sentence = byId('sentence').cloneNode(true);
    sentence.querySelector('.icon')?.remove();
    const intro = `Showing data from ${timeOfDay(observedAt)}, `;
    byId('last-update').replaceChildren(intro, ageOfMoment(observedAt), ': ', ...sentence.childNodes);
  }
  byId('last-update').hidden = false;
  byId('status').dataset.kind = 'silent';
}

function endOutage() {
  if (byId('last-update').hidden) return;
  byId('last-update').hidden = true;
  if (overview()) drawSentence();
}
