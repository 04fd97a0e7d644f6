// The shelves, drawn as seen from the front, with a tile for each bay. A shelf is rebuilt only if its bays change.

import { UNREADABLE } from './decode.js';
import { shelfName } from './describe.js';
import { byId, element, forgetMemo, memo, setHidden, setText, setUnreadable } from './dom.js';
import { plural } from './format.js';
import { keepTabStops } from './keyboard.js';
import { layoutOf, rowsOfPlaces } from './layout.js';
import { overview, places } from './state.js';
import { drawTiles, keepTiles, makeTile, tileOf } from './tiles.js';

/** By the key of the shelf: its elements, and the plan that they were built from. */
const fronts = new Map();

/** More shelves than that are drawn side by side if the window is wide. */
const MAX_STACKED_SHELVES = 4;

/** Draws all places. Returns the number of tiles that have changed. */
export function drawShelves(scheme, isFilteredOut) {
  const { enclosures } = overview();
  const placesByShelf = new Map(enclosures.map((shelf) => [shelf, []]));
  const unslotted = [];
  for (const place of places()) {
    const group = place.shelf ? placesByShelf.get(place.shelf) : unslotted;
    group.push(place);
  }
  byId('shelves').toggleAttribute('data-many', enclosures.length > MAX_STACKED_SHELVES);
  let changed = 0;
  for (const [index, shelf] of enclosures.entries()) {
    const shelfPlaces = placesByShelf.get(shelf);
    const front = placeFront(shelf, index, shelfPlaces);
    setText(front.note, occupancyText(shelf, shelfPlaces));
    changed += drawTiles(shelfPlaces, scheme, isFilteredOut);
    setHidden(front.section, shelfPlaces.length > 0 && shelfPlaces.every(isFilteredOut));
  }
  removeOtherFronts(enclosures);
  setUnreadable(byId('shelves'), enclosures.isUnreadable === true);
  changed += drawUnslotted(unslotted, scheme, isFilteredOut);
  keepTiles(places());
  keepTabStops();
  return changed;
}

/** The front of the shelf, built or rebuilt if necessary, at its position on the page. */
function placeFront(shelf, index, shelfPlaces) {
  const isOneOfMany = overview().enclosures.length > 1;
  const bays = shelfPlaces.map((place) => [place.key, place.number]);
  const plan = JSON.stringify([index, isOneOfMany, shelfName(shelf), layoutOf(shelf), bays]);
  let front = fronts.get(shelf.key);
  if (front?.plan !== plan) {
    const previous = front;
    front = { ...buildFront(shelf, index, isOneOfMany, shelfPlaces), plan };
    fronts.set(shelf.key, front);
    if (previous) {
      previous.section.replaceWith(front.section);
      tileSizes.unobserve(previous.section);
    }
    tileSizes.observe(front.section);
  }
  const current = byId('shelves').children[index] ?? null;
  if (current !== front.section) byId('shelves').insertBefore(front.section, current);
  return front;
}

function buildFront(shelf, index, isOneOfMany, shelfPlaces) {
  const layout = layoutOf(shelf);
  const titleId = `shelf-${index}`;
  const model = element('span', { class: 'model' }, shelfName(shelf));
  const title = element('h2', { id: titleId }, isOneOfMany ? `Shelf ${index + 1}` : 'Shelf', ' ', model);
  const id = element('span', { class: 'id', title: layoutNote(layout) }, shelf.id);
  const note = element('p', { class: 'note' });
  const head = element('div', { class: 'shelf-head' }, title, id, note);
  const rows = rowsOfPlaces(layout, shelfPlaces).map(buildRow);
  const grid = element('div', { class: 'front', role: 'grid', 'aria-labelledby': titleId }, rows);
  grid.style.setProperty('--columns', layout.columns);
  grid.dataset.columns = layout.columns;
  return { section: element('section', { class: 'shelf' }, head, grid), note };
}

function buildRow(row) {
  const cells = row.map((place) =>
    place ? makeTile(place, 'gridcell').button : element('span', { class: 'gap', role: 'gridcell' }),
  );
  return element('div', { class: 'row', role: 'row' }, cells);
}

function layoutNote(layout) {
  if (layout.isUnreadable) return 'The layout is unreadable: rows and columns are guessed.';
  return layout.guessed ? 'Rows and columns are guessed. The rules file can set them.' : null;
}

function occupancyText(shelf, shelfPlaces) {
  const occupied = shelfPlaces.filter((place) => place.drive).length;
  const occupancy = `${occupied} of ${plural(shelfPlaces.length, 'bay')} occupied`;
  const text = shelf.slots.isUnreadable ? `bays ${UNREADABLE}` : occupancy;
  return shelf.error ? `${text}; ${shelf.error}` : text;
}

function removeOtherFronts(enclosures) {
  const keys = new Set(enclosures.map((shelf) => shelf.key));
  for (const [key, { section }] of fronts) {
    if (keys.has(key)) continue;
    section.remove();
    tileSizes.unobserve(section);
    fronts.delete(key);
  }
}

function drawUnslotted(unslotted, scheme, isFilteredOut) {
  const pile = byId('unslotted-tiles');
  const keys = unslotted.map((place) => place.key);
  memo(pile, keys, () => {
    const tiles = unslotted.map((place) => tileOf(place.key) ?? makeTile(place, null));
    pile.replaceChildren(...tiles.map((tile) => tile.button));
  });
  const isUnreadable = overview().unslotted.isUnreadable === true;
  setUnreadable(byId('unslotted'), isUnreadable);
  setHidden(byId('unslotted'), !isUnreadable && (unslotted.length === 0 || unslotted.every(isFilteredOut)));
  return drawTiles(unslotted, scheme, isFilteredOut);
}

/** Removes all shelves after one could not be drawn, so that the next call of `drawShelves` rebuilds them. */
export function clearShelves() {
  tileSizes.disconnect();
  fronts.clear();
  keepTiles([]);
  for (const id of ['shelves', 'unslotted-tiles']) byId(id).replaceChildren();
  forgetMemo(byId('unslotted-tiles'));
  setUnreadable(byId('shelves'), true);
}

/** Padding and border of a front, left and right together, in pixels. */
const FRONT_PADDING = 50;

/** Sets how much the tiles of a shelf show by their width: no selector can ask for that. */
const tileSizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const grid = target.querySelector('.front');
    const width = (contentRect.width - FRONT_PADDING) / Number(grid.dataset.columns);
    const fit = fitOf(width);
    if (grid.dataset.fit !== fit) grid.dataset.fit = fit;
  }
});

function fitOf(width) {
  if (width >= 66) return 'wide';
  return width >= 43 ? 'narrow' : 'tiny';
}
