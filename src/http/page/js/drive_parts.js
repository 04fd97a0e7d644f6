// The building blocks of the drive dialog: sections with facts or a table.

import { element, unreadableNote } from './dom.js';

export const section = (title, ...children) => element('section', {}, element('h3', {}, title), children);

/** Takes the place of a section that cannot be drawn. */
export const unreadableSection = (title) => section(title, unreadableNote());

/** A list of names and values; null if no value is known. */
export function factsSection(title, rows) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (!known.length) return null;
  return section(title, element('dl', { class: 'facts-list' }, known.map(factRow)));
}

function factRow([name, value]) {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value));
}

/** A table with these column titles. A row is `{cells, kind}`: its first cell is its title, `kind` colours it. */
export function tableSection(title, columns, rows) {
  if (rows.isUnreadable) return unreadableSection(title);
  const head = element('thead', {}, element('tr', {}, columns.map(columnTitle)));
  const body = element('tbody', {}, rows.map(tableRow));
  // It can be scrolled by keyboard: wide tables do not fit on a phone.
  const attributes = { class: 'wide', tabindex: '0', role: 'region', 'aria-label': title };
  return section(title, element('div', attributes, element('table', {}, head, body)));
}

export const columnTitle = (text) => element('th', { scope: 'col' }, text);
export const rowTitle = (text) => element('th', { scope: 'row' }, text);

function tableRow({ cells: [title, ...cells], kind }) {
  return element(
    'tr',
    { 'data-kind': kind },
    rowTitle(title),
    cells.map((cell) => element('td', {}, cell ?? '–')),
  );
}
