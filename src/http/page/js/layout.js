// Where the bays of a shelf are, seen from the front.

/** The largest number of rows or columns that the rules file accepts. */
const MAX_ROWS_OR_COLUMNS = 64;
/** Columns of a shelf whose layout is unknown. */
const DEFAULT_COLUMNS = 12;

/** The layout of a shelf: its own if it has room for all bays, else rows from the top left. */
export function layoutOf({ layout, slots }) {
  if (layout && hasRoom(layout, slots.length)) return layout;
  const columns = Math.min(DEFAULT_COLUMNS, Math.max(1, slots.length));
  return {
    rows: Math.max(1, Math.ceil(slots.length / columns)),
    columns,
    numbering: 'rows',
    first_bay: 'top_left',
    guessed: true,
    // Overviews of earlier versions have no layout.
    isUnreadable: layout !== null,
  };
}

function hasRoom({ rows, columns }, bays) {
  if (!isCount(columns, MAX_ROWS_OR_COLUMNS)) return false;
  // A guessed layout may have more rows: as many as its bays need.
  const maxRows = Math.max(MAX_ROWS_OR_COLUMNS, Math.ceil(bays / columns));
  return isCount(rows, maxRows) && rows * columns >= bays;
}

const isCount = (value, max) => Number.isInteger(value) && value >= 1 && value <= max;

/**
 * The rows of a layout with its places; null where there is no bay. Missing bay numbers are gaps in the rows, if there
 * is room.
 */
export function rowsOfPlaces(layout, shelfPlaces) {
  const room = layout.rows * layout.columns;
  const numbers = shelfPlaces.map((place) => place.slot.slot);
  const first = numbers.reduce((lowest, slot) => Math.min(lowest, slot), Infinity);
  const areUnique = new Set(numbers).size === numbers.length;
  const isByNumber = areUnique && numbers.every((slot) => Number.isInteger(slot) && slot - first < room);
  const rows = Array.from({ length: layout.rows }, () => new Array(layout.columns).fill(null));
  for (const [index, place] of shelfPlaces.entries()) {
    const [row, column] = positionOf(isByNumber ? place.slot.slot - first : index, layout);
    rows[row][column] = place;
  }
  return rows;
}

/** Row and column of the bay with that index, from the top left. */
function positionOf(index, { rows, columns, numbering, first_bay: firstBay }) {
  const isByColumns = numbering === 'columns';
  let row = isByColumns ? index % rows : Math.floor(index / columns);
  let column = isByColumns ? Math.floor(index / rows) : index % columns;
  if (firstBay.startsWith('bottom')) row = rows - 1 - row;
  if (firstBay.endsWith('right')) column = columns - 1 - column;
  return [row, column];
}
