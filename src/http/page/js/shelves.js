// The shelves, drawn as their fronts: a tile for each bay, where it stands. A refresh touches the
// tiles that changed and no others; a shelf is built anew only when its bays are others.

/** By the place's key: {button, number, mark, name, text, is}. */
const tiles = new Map();
/** By the shelf's key: {section, grid, plan}. */
const fronts = new Map();

/** Where the bay of that index stands: [row, column], from the top left. */
function stands(index, { rows, columns, numbering, first_bay: first }) {
  const byColumns = numbering === 'columns';
  let row = byColumns ? index % rows : Math.floor(index / columns);
  let column = byColumns ? Math.floor(index / rows) : index % columns;
  if (first.startsWith('bottom')) row = rows - 1 - row;
  if (first.endsWith('right')) column = columns - 1 - column;
  return [row, column];
}

/** Rows or columns that are set are 64 at most, as in the rules file. */
const MOST = 64;

function layoutOf({ layout, slots }) {
  const isCount = (value, most) => Number.isInteger(value) && value >= 1 && value <= most;
  const hasRoom = layout && isCount(layout.columns, MOST) && isCount(layout.rows, Math.max(MOST, Math.ceil(slots.length / layout.columns))) && layout.rows * layout.columns >= slots.length;
  if (hasRoom) return layout;
  // What an earlier version has stored has none; what has no room for its bays is none.
  const columns = Math.min(12, Math.max(1, slots.length));
  return { rows: Math.max(1, Math.ceil(slots.length / columns)), columns, numbering: 'rows', first_bay: 'top_left', guessed: true, odd: layout !== null };
}

/** Rows of places, with null where no bay is. Numbers with holes leave the holes where there is room. */
function planOf(shelf, placesHere) {
  const layout = layoutOf(shelf);
  const room = layout.rows * layout.columns;
  const numbers = placesHere.map((at) => at.slot.slot);
  const base = numbers.reduce((least, n) => Math.min(least, n), Infinity);
  const areDistinct = new Set(numbers).size === numbers.length;
  const byNumber = areDistinct && numbers.every((n) => Number.isInteger(n) && n - base < room);
  const rows = Array.from({ length: layout.rows }, () => new Array(layout.columns).fill(null));
  placesHere.forEach((at, index) => {
    const [row, column] = stands(byNumber ? at.slot.slot - base : index, layout);
    rows[row][column] = at;
  });
  return { layout, rows };
}

function makeTile(at, role) {
  const number = el('span', { class: 'number' });
  const mark = el('span', { class: 'mark' });
  const name = el('span', { class: 'name' });
  const text = el('span', { class: 'text' });
  const button = el('button', { type: 'button', class: 'tile', role, tabindex: '-1' }, number, ' ', mark, name, text);
  const tile = { button, number, mark, name, text, is: null, key: at.key };
  button.tile = tile;
  tiles.set(at.key, tile);
  return tile;
}

/** Touches only what is not so yet. */
function drawTile(tile, at, shade, isOut) {
  const label = spoken(at);
  const is = `${label}\n${at.kind}\n${at.state}\n${at.link}\n${shade.colour}\n${shade.text}\n${isOut}`;
  if (tile.is === is) return false;
  const { button } = tile;
  if (tile.is === null || tile.label !== label) {
    button.setAttribute('aria-label', label);
    button.title = label;
    tile.label = label;
  }
  setText(tile.number, isOdd(at.slot?.slot) ? '?' : at.number);
  setText(tile.name, at.drive ? at.drive.device : '');
  // Drawn by the style: the letter of a colour is nothing to be read out.
  tile.text.dataset.text = at.drive ? shade.text : '';
  if (tile.kind !== at.kind) {
    tile.mark.replaceChildren(...(at.kind === 'empty' ? [] : [sign(at.kind === 'unlinked' ? 'unknown' : at.kind)]));
    tile.kind = at.kind;
    button.dataset.kind = at.kind;
  }
  button.dataset.c = at.drive ? shade.colour : at.kind;
  button.dataset.state = at.state ?? '';
  button.dataset.link = at.link ?? '';
  button.toggleAttribute('data-locate', at.locate);
  button.toggleAttribute('data-fault', at.fault);
  button.toggleAttribute('data-out', isOut);
  if (!at.drive) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
  tile.is = is;
  return true;
}

function buildFront(shelf, index, many, here) {
  const { layout, rows } = planOf(shelf, here);
  const grid = el('div', { class: 'front', role: 'grid', 'aria-labelledby': `shelf-${index}` });
  grid.style.setProperty('--columns', layout.columns);
  grid.dataset.columns = layout.columns;
  for (const row of rows) {
    const cells = row.map((at) => (at ? makeTile(at, 'gridcell').button : el('span', { class: 'gap', role: 'gridcell' })));
    grid.append(el('div', { class: 'row', role: 'row' }, cells));
  }
  const guess = layout.odd ? 'layout unreadable: rows and columns guessed' : layout.guessed ? 'rows and columns guessed; the rules file sets them' : null;
  const title = el('h2', { id: `shelf-${index}` }, many ? `Shelf ${index + 1}` : 'Shelf', ' ', el('span', { class: 'model' }, shelfName(shelf)));
  const note = el('p', { class: 'note' });
  const head = el('div', { class: 'shelf-head' }, title, el('span', { class: 'id', title: guess }, shelf.id), note);
  return { section: el('section', { class: 'shelf' }, head, grid), grid, note, rows: layout.rows };
}

function drawShelves(scheme, isOut) {
  const { enclosures } = known.overview;
  const byShelf = new Map(enclosures.map((shelf) => [shelf, []]));
  const loose = [];
  for (const at of known.places) (at.shelf ? byShelf.get(at.shelf) : loose).push(at);
  const many = enclosures.length > 1;
  byId('shelves').toggleAttribute('data-many', enclosures.length > 4);
  const seen = new Set();
  let touched = 0;
  enclosures.forEach((shelf, index) => {
    const here = byShelf.get(shelf);
    const plan = JSON.stringify([index, many, shelfName(shelf), layoutOf(shelf), here.map((at) => [at.key, at.number])]);
    let front = fronts.get(shelf.key);
    if (front?.plan !== plan) {
      const old = front;
      front = { ...buildFront(shelf, index, many, here), plan };
      fronts.set(shelf.key, front);
      if (old) {
        old.section.replaceWith(front.section);
        fitting.unobserve(old.section);
      }
      front.section.grid = front.grid;
      fitting.observe(front.section);
    }
    const at = byId('shelves').children[index];
    if (at !== front.section) byId('shelves').insertBefore(front.section, at ?? null);
    seen.add(shelf.key);
    const inUse = here.filter((place) => place.drive).length;
    const use = shelf.slots.odd ? `bays ${UNREADABLE}` : `${inUse} of ${plural(here.length, 'bay')} in use`;
    setText(front.note, `${use}${shelf.error ? `; ${shelf.error}` : ''}`);
    touched += drawTiles(here, scheme, isOut);
    setHidden(front.section, here.length > 0 && here.every(isOut));
  });
  for (const [key, front] of fronts) {
    if (seen.has(key)) continue;
    front.section.remove();
    fitting.unobserve(front.section);
    fronts.delete(key);
  }
  setOdd(byId('shelves'), enclosures.odd);
  touched += drawLoose(loose, scheme, isOut);
  const keys = new Set(known.places.map((at) => at.key));
  for (const key of tiles.keys()) if (!keys.has(key)) tiles.delete(key);
  keepOneStop();
  return touched;
}

/** When they cannot be drawn: they are built anew the next time. */
function clearShelves() {
  fitting.disconnect();
  fronts.clear();
  tiles.clear();
  for (const id of ['shelves', 'loose-tiles']) byId(id).replaceChildren();
  delete byId('loose-tiles').dataset.is;
  setOdd(byId('shelves'), true);
  return 0;
}

function drawLoose(loose, scheme, isOut) {
  const pile = byId('loose-tiles');
  const plan = loose.map((at) => at.key).join('\n');
  if (pile.dataset.is !== plan) {
    pile.dataset.is = plan;
    pile.replaceChildren(...loose.map((at) => (tiles.get(at.key) ?? makeTile(at, null)).button));
  }
  const { odd } = known.overview.unslotted;
  setOdd(byId('loose'), odd);
  setHidden(byId('loose'), !odd && (loose.length === 0 || loose.every(isOut)));
  return drawTiles(loose, scheme, isOut);
}

const NONE = { colour: 'none', text: '' };

function drawTiles(here, scheme, isOut) {
  let touched = 0;
  for (const at of here) {
    const tile = tiles.get(at.key);
    tile.at = at;
    touched += drawTile(tile, at, at.drive ? scheme.of(at) : NONE, isOut(at));
  }
  return touched;
}

/** Each shelf is one stop of the Tab key; the arrows move within it. */
function keepOneStop() {
  for (const group of groups()) {
    if (group.querySelector('.tile[tabindex="0"]')) continue;
    const first = group.querySelector('.tile:not([aria-disabled])') ?? group.querySelector('.tile');
    if (first) first.tabIndex = 0;
  }
}

const groups = () => [...document.querySelectorAll('.shelf:not([hidden]) .front, .loose:not([hidden]) .pile')];

function focusTile(button) {
  const group = button.closest('.front, .pile');
  for (const other of group.querySelectorAll('.tile[tabindex="0"]')) other.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
  button.scrollIntoView({ block: 'nearest' });
}

/** The tiles of a group as rows, with null where nothing stands. */
function rowsOf(group) {
  const isTile = (cell) => (cell.classList.contains('tile') ? cell : null);
  if (group.classList.contains('front')) return [...group.children].map((row) => [...row.children].map(isTile));
  const columns = getComputedStyle(group).gridTemplateColumns.split(' ').length;
  const all = [...group.children];
  return Array.from({ length: Math.ceil(all.length / columns) }, (_, row) => all.slice(row * columns, (row + 1) * columns));
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function moveFrom(button, event) {
  const group = button.closest('.front, .pile');
  const rows = rowsOf(group);
  const row = rows.findIndex((cells) => cells.includes(button));
  const column = rows[row].indexOf(button);
  let to = null;
  if (event.key in MOVES) to = step(group, rows, row, column, MOVES[event.key]);
  else if (event.key === 'Home') to = (event.ctrlKey ? rows[0] : rows[row]).find(Boolean);
  else if (event.key === 'End') to = (event.ctrlKey ? rows.at(-1) : rows[row]).findLast(Boolean);
  else if (event.key === 'PageUp' || event.key === 'PageDown') to = beside(group, event.key === 'PageUp' ? -1 : 1, column);
  else return;
  event.preventDefault();
  if (to) focusTile(to);
}

/** One step, over places where no bay is; up and down go on in the next shelf. */
function step(group, rows, row, column, [down, right]) {
  let [r, c] = [row + down, column + right];
  while (rows[r]?.[c] === null) [r, c] = [r + down, c + right];
  return rows[r]?.[c] ?? (down ? beside(group, down, column) : null);
}

function beside(group, down, column) {
  const all = groups();
  const other = all[all.indexOf(group) + down];
  if (!other) return null;
  const rows = rowsOf(other);
  const row = down > 0 ? rows[0] : rows.at(-1);
  return row[Math.min(column, row.length - 1)] ?? row.find(Boolean);
}

/** What hangs a front in its rack takes so much of its width. */
const EARS = 50;

/** How much a tile can hold depends on how wide it is, which no selector can ask. */
const fitting = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const { grid } = target;
    const width = (contentRect.width - EARS) / Number(grid.dataset.columns);
    const fit = width >= 66 ? 'whole' : width >= 43 ? 'narrow' : 'tiny';
    if (grid.dataset.fit !== fit) grid.dataset.fit = fit;
  }
});
