// The keyboard focus among tiles. Each shelf is one stop of the Tab key (a roving tabindex, as the WAI-ARIA practices
// describe for grids); the arrow keys move within it, and up and down on to the next shelf.

const groups = () => [...document.querySelectorAll('.shelf:not([hidden]) .front, .unslotted:not([hidden]) .pile')];

/** Gives every shelf one tile that the Tab key reaches. */
export function keepTabStops() {
  for (const group of groups()) {
    if (group.querySelector('.tile[tabindex="0"]')) continue;
    const first = group.querySelector('.tile:not([aria-disabled])') ?? group.querySelector('.tile');
    if (first) first.tabIndex = 0;
  }
}

/** Focuses a tile, and makes it the tab stop of its shelf. */
export function focusTile(button) {
  const group = button.closest('.front, .pile');
  for (const other of group.querySelectorAll('.tile[tabindex="0"]')) other.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
  button.scrollIntoView({ block: 'nearest' });
}

/** Rows and columns of one step. */
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Handles a key that was pressed on a tile. */
export function moveFocus(button, event) {
  const target = targetOf(button, event);
  // No key of this module: it keeps its usual effect.
  if (target === undefined) return;
  event.preventDefault();
  if (target) focusTile(target);
}

/** The tile that a key leads to; null if there is none, undefined if the key does not move the focus. */
function targetOf(button, { key, ctrlKey: isWithControl }) {
  const group = button.closest('.front, .pile');
  const rows = rowsOf(group);
  const row = rows.findIndex((cells) => cells.includes(button));
  const column = rows[row].indexOf(button);
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowRight':
    case 'ArrowUp':
    case 'ArrowDown':
      return oneStep(group, rows, [row, column], ARROWS[key]);
    case 'Home':
      return (isWithControl ? rows[0] : rows[row]).find(Boolean);
    case 'End':
      return (isWithControl ? rows.at(-1) : rows[row]).findLast(Boolean);
    case 'PageUp':
      return tileOfNextGroup(group, -1, column);
    case 'PageDown':
      return tileOfNextGroup(group, 1, column);
    default:
      return undefined;
  }
}

/** One step, over places without a bay; up and down continue in the next shelf. */
function oneStep(group, rows, [row, column], [down, right]) {
  let nextRow = row + down;
  let nextColumn = column + right;
  while (rows[nextRow]?.[nextColumn] === null) {
    nextRow += down;
    nextColumn += right;
  }
  const tile = rows[nextRow]?.[nextColumn];
  if (tile) return tile;
  return down === 0 ? null : tileOfNextGroup(group, down, column);
}

/** The nearest tile of the shelf before (-1) or after (1) this one; null if there is none. */
function tileOfNextGroup(group, step, column) {
  const all = groups();
  const next = all[all.indexOf(group) + step];
  if (!next) return null;
  const rows = rowsOf(next);
  const row = step > 0 ? rows[0] : rows.at(-1);
  return row[Math.min(column, row.length - 1)] ?? row.find(Boolean) ?? null;
}

/** The tiles of a shelf as rows, with null where there is no bay. */
function rowsOf(group) {
  const tileOrNull = (cell) => (cell.classList.contains('tile') ? cell : null);
  if (group.classList.contains('front')) return [...group.children].map((row) => [...row.children].map(tileOrNull));
  const columns = getComputedStyle(group).gridTemplateColumns.split(' ').length;
  const all = [...group.children];
  const rowCount = Math.ceil(all.length / columns);
  return Array.from({ length: rowCount }, (_, row) => all.slice(row * columns, (row + 1) * columns));
}
