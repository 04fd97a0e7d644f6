// The bay sheet: what is printed, a table for each shelf. It exists only while printing: its rows are many.

import { dateAndTime } from './clock.js';
import { lookup, UNREADABLE } from './decode.js';
import { bareBayText, membershipName, reasonForKind, shelfName } from './describe.js';
import { byId, element } from './dom.js';
import { columnTitle, rowTitle } from './drive_parts.js';
import { bytes } from './format.js';
import { connection, overview, places } from './state.js';
import { KINDS } from './vocabulary.js';

const COLUMNS = ['Bay', 'Device', 'Serial number', 'Model', 'Size', 'Pool', 'Verdict'];

function drawSheet() {
  if (!overview()) return;
  const { enclosures, host } = overview();
  const tables = enclosures.map((shelf, index) => {
    const shelfPlaces = places().filter((place) => place.shelf === shelf);
    const number = enclosures.length > 1 ? `Shelf ${index + 1}: ` : '';
    return sheetTable(`${number}${shelfName(shelf)} ${shelf.id}`, shelfPlaces);
  });
  const unslotted = places().filter((place) => !place.shelf);
  if (unslotted.length) tables.push(sheetTable('Not in a bay', unslotted));
  const title = element('h1', {}, `Bays of ${host}`);
  byId('sheet').replaceChildren(title, element('p', {}, statusText()), ...tables);
}

function statusText() {
  const { observedAt, outage, respondedAt } = connection();
  const parts = [
    observedAt === null ? null : `Observed ${dateAndTime(observedAt)}.`,
    outage ? `No response from the daemon since ${dateAndTime(respondedAt)}.` : null,
    byId('sentence').textContent,
  ];
  return parts.filter(Boolean).join(' ');
}

function sheetTable(title, shelfPlaces) {
  const head = element('thead', {}, element('tr', {}, COLUMNS.map(columnTitle)));
  const body = element('tbody', {}, shelfPlaces.map(sheetRow));
  return element('section', {}, element('h2', {}, title), element('table', {}, head, body));
}

function sheetRow(place) {
  const bay = rowTitle(place.number || '–');
  const { drive } = place;
  if (!drive) return element('tr', {}, bay, element('td', { colspan: '6' }, bareBayText(place)));
  const pools = drive.memberships.map(membershipName).filter(Boolean).join(', ');
  const size = bytes(drive.user_capacity_bytes);
  const cells = [drive.device, drive.serial_number, drive.model_name, size, pools, verdictText(place)];
  return element(
    'tr',
    {},
    bay,
    cells.map((cell) => element('td', {}, cell ?? '')),
  );
}

function verdictText(place) {
  const { drive, stateKind } = place;
  const verdict = lookup(KINDS, drive.verdict, UNREADABLE);
  const state = stateKind && stateKind !== 'reading' ? KINDS[stateKind] : null;
  const reason = reasonForKind(place);
  const text = [verdict, state].filter(Boolean).join(', ');
  return reason ? `${text}: ${reason}` : text;
}

const clearSheet = () => byId('sheet').replaceChildren();

export function listenToPrinting() {
  addEventListener('beforeprint', drawSheet);
  addEventListener('afterprint', clearSheet);
  matchMedia('print').addEventListener('change', (media) => (media.matches ? drawSheet() : clearSheet()));
}
