// The filter: which places match, its controls, and everything below the sentence, which it concerns.

import { address } from './address.js';
import { colourScheme, countDrives, drawLegend, poolNames } from './colours.js';
import { guarded } from './decode.js';
import { poolsOf } from './describe.js';
import { byId, drawPart, element, icon, memo, setHidden, setText } from './dom.js';
import { capitalized, plural } from './format.js';
import { focusTile } from './keyboard.js';
import { clearShelves, drawShelves } from './shelves.js';
import { overview, places, updateView, view } from './state.js';
import { KINDS } from './vocabulary.js';

/** The value of the pool filter for drives without a pool. */
const NO_POOL = '-';

const isFiltering = () => view().verdicts.size > 0 || view().pool !== '' || view().text.trim() !== '';

/** A predicate for places that do not match the filter. With a filter, bays without a drive do not match. */
function filterOfView() {
  if (!isFiltering()) return () => false;
  const { verdicts, pool, text } = view();
  const words = text
    .toLowerCase()
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
  return (place) => {
    if (!place.drive) return true;
    if (verdicts.size && !verdicts.has(place.kind) && !verdicts.has(place.stateKind)) return true;
    if (pool && !isInPool(place.drive, pool)) return true;
    return words.length > 0 && !words.some((word) => hasWord(place.searchText, word));
  };
}

const isInPool = (drive, pool) => (pool === NO_POOL ? drive.pool === null : poolsOf(drive).includes(pool));

/** `bay 7` does not match bay 70; any other text matches anywhere. */
function hasWord(searchText, word) {
  return /^bay \d+$/.test(word) ? searchText.split('\n').includes(word) : searchText.includes(word);
}

/** Draws the filter and the bays. Returns the number of tiles that have changed. */
export function drawBays() {
  const isFilteredOut = filterOfView();
  drawPart('chips', drawChips);
  drawPart('pool', drawPoolChoice);
  setHidden(byId('legend'), view().colour === 'verdict');
  const changed = guarded('shelves', () => drawColouredShelves(isFilteredOut), clearShelves) ?? 0;
  setText(byId('matches'), isFiltering() ? matchesText(isFilteredOut) : '');
  document.body.dataset.colourBy = view().colour;
  setHidden(byId('filters'), false);
  return changed;
}

function drawColouredShelves(isFilteredOut) {
  const scheme = colourScheme(view().colour);
  drawLegend(scheme);
  return drawShelves(scheme, isFilteredOut);
}

function matchesText(isFilteredOut) {
  const drives = places().filter((place) => place.drive);
  const matching = drives.filter((place) => !isFilteredOut(place));
  return `${matching.length} of ${plural(drives.length, 'drive')} shown`;
}

/** A button for every kind that a drive has; together they are the legend of the verdicts. */
function drawChips() {
  const counts = countDrives((place) => place.kind);
  // A critical drive in standby counts as both.
  for (const { kind, stateKind } of places()) {
    if (stateKind && stateKind !== kind) counts.set(stateKind, (counts.get(stateKind) ?? 0) + 1);
  }
  const kinds = Object.keys(KINDS).filter((kind) => counts.has(kind) || view().verdicts.has(kind));
  const chips = byId('chips');
  const key = kinds.map((kind) => [kind, counts.get(kind)]);
  memo(chips, key, () => {
    const focused = document.activeElement?.dataset?.chip;
    chips.replaceChildren(...kinds.map((kind) => chip(kind, counts.get(kind) ?? 0)));
    if (focused) chips.querySelector(`[data-chip="${focused}"]`)?.focus();
  });
  for (const button of chips.children) {
    button.setAttribute('aria-pressed', String(view().verdicts.has(button.dataset.chip)));
  }
}

function chip(kind, count) {
  const swatch = element('span', { class: 'swatch', 'data-colour': kind }, icon(kind));
  const attributes = { type: 'button', class: 'chip', 'data-chip': kind };
  return element('button', attributes, swatch, `${capitalized(KINDS[kind])} `, element('b', {}, String(count)));
}

function drawPoolChoice() {
  const { pool, text, colour } = view();
  const names = poolNames();
  if (pool && pool !== NO_POOL && !names.includes(pool)) names.push(pool);
  const select = byId('pool');
  memo(select, names, () => {
    const options = names.map((name) => option(name, name));
    select.replaceChildren(option('', 'All'), ...options, option(NO_POOL, 'No pool'));
  });
  if (select.value !== pool) select.value = pool;
  const input = byId('text');
  if (input !== document.activeElement && input.value !== text) input.value = text;
  if (byId('colour').value !== colour) byId('colour').value = colour;
}

const option = (value, text) => element('option', { value }, text);

/** Changes the view without a step in the history. */
function changeView(changes) {
  updateView(changes);
  history.replaceState(history.state, '', address());
  if (overview()) drawBays();
}

function toggleVerdict(kind) {
  const verdicts = new Set(view().verdicts);
  if (!verdicts.delete(kind)) verdicts.add(kind);
  changeView({ verdicts });
}

export function focusFilter() {
  byId('text').select();
  byId('text').focus();
}

function handleKeyInFilter(event) {
  if (event.key === 'Enter') focusFirstMatch(event);
  if (event.key === 'Escape') {
    event.target.value = '';
    changeView({ text: '' });
  }
}

function focusFirstMatch(event) {
  const first = document.querySelector('.shelf:not([hidden]) .tile:not([data-out], [aria-disabled])');
  if (!first) return;
  // Without this, the same key press would also activate the tile.
  event.preventDefault();
  focusTile(first);
}

export function listenToFilter() {
  byId('text').addEventListener('input', (event) => changeView({ text: event.target.value }));
  byId('text').addEventListener('keydown', handleKeyInFilter);
  byId('pool').addEventListener('change', (event) => changeView({ pool: event.target.value }));
  byId('colour').addEventListener('change', (event) => changeView({ colour: event.target.value }));
  byId('chips').addEventListener('click', (event) => {
    const kind = event.target.closest('.chip')?.dataset.chip;
    if (kind) toggleVerdict(kind);
  });
}
