// Tiles: a button for each place. A tile is changed only where the place has changed.

import { isUnreadable } from './decode.js';
import { tileLabel } from './describe.js';
import { element, icon, setText } from './dom.js';

/** By the key of the place: the elements of the tile, and what it shows. */
const tiles = new Map();

export const tileOf = (key) => tiles.get(key) ?? null;

export function makeTile(place, role) {
  const number = element('span', { class: 'number' });
  const mark = element('span', { class: 'mark' });
  const name = element('span', { class: 'name' });
  const text = element('span', { class: 'text' });
  const attributes = { type: 'button', class: 'tile', role, tabindex: '-1' };
  const button = element('button', attributes, number, ' ', mark, name, text);
  const tile = { button, number, mark, name, text, shown: null, label: null, kind: null };
  tiles.set(place.key, tile);
  return tile;
}

const NO_COLOUR = { colour: 'none', text: '' };

/** Draws the tiles of these places. Returns the number of those that have changed. */
export function drawTiles(shownPlaces, scheme, isFilteredOut) {
  let changed = 0;
  for (const place of shownPlaces) {
    const colouring = place.drive ? scheme.colouringOf(place) : NO_COLOUR;
    if (drawTile(tiles.get(place.key), place, colouring, isFilteredOut(place))) changed += 1;
  }
  return changed;
}

/** Returns whether anything has changed. */
function drawTile(tile, place, { colour, text }, isOut) {
  const label = tileLabel(place);
  const { kind, stateKind, link } = place;
  const shown = [label, kind, stateKind, link, colour, text, isOut].join('\n');
  if (tile.shown === shown) return false;
  const { button } = tile;
  if (tile.label !== label) {
    button.setAttribute('aria-label', label);
    button.title = label;
    tile.label = label;
  }
  setText(tile.number, isUnreadable(place.slot?.slot) ? '?' : place.number);
  setText(tile.name, place.drive ? place.drive.device : '');
  // Drawn by the style sheet, and not part of the text for screen readers: the label has it in words.
  tile.text.dataset.text = place.drive ? text : '';
  if (tile.kind !== kind) {
    tile.mark.replaceChildren(...iconsOf(kind));
    button.dataset.kind = kind;
    tile.kind = kind;
  }
  button.dataset.colour = place.drive ? colour : kind;
  button.dataset.state = stateKind ?? '';
  button.dataset.link = link ?? '';
  button.toggleAttribute('data-locate', place.locate);
  button.toggleAttribute('data-fault', place.fault);
  button.toggleAttribute('data-out', isOut);
  if (place.drive) button.removeAttribute('aria-disabled');
  else button.setAttribute('aria-disabled', 'true');
  tile.shown = shown;
  return true;
}

function iconsOf(kind) {
  if (kind === 'empty') return [];
  return [icon(kind === 'unlinked' ? 'unknown' : kind)];
}

/** Forgets the tiles of places that do not exist any more. */
export function keepTiles(shownPlaces) {
  const keys = new Set(shownPlaces.map((place) => place.key));
  for (const key of tiles.keys()) {
    if (!keys.has(key)) tiles.delete(key);
  }
}
