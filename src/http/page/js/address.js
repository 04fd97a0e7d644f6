// The address of the page: `#/drive/SERIAL?verdict=crit,warn&pool=tank&q=bay 7&colour=age`. A link opens the same view.

import { updateView, view } from './state.js';
import { COLOUR_MODES, KINDS } from './vocabulary.js';

/** Makes the view that of the address. */
export function readAddress() {
  const [path, query] = location.hash.slice(1).split(/\?(.*)/s);
  const parameters = new URLSearchParams(query ?? '');
  const drive = /^\/drive\/(.+)$/.exec(path)?.[1];
  const kinds = (parameters.get('verdict') ?? '').split(',');
  const colour = parameters.get('colour');
  updateView({
    drive: drive === undefined ? null : decoded(drive),
    verdicts: new Set(kinds.filter((kind) => Object.hasOwn(KINDS, kind))),
    pool: parameters.get('pool') ?? '',
    text: parameters.get('q') ?? '',
    colour: COLOUR_MODES.includes(colour) ? colour : 'verdict',
  });
}

/** An id with an invalid escape is taken literally. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of the view. */
export function address() {
  const { drive, verdicts, pool, text, colour } = view();
  const parameters = [];
  if (verdicts.size) parameters.push(`verdict=${[...verdicts].join(',')}`);
  if (pool) parameters.push(`pool=${encodeURIComponent(pool)}`);
  if (text) parameters.push(`q=${encodeURIComponent(text)}`);
  if (colour !== 'verdict') parameters.push(`colour=${colour}`);
  const path = drive === null ? '' : driveHash(drive).slice(1);
  return `#${path}${parameters.length ? `?${parameters.join('&')}` : ''}`;
}

/** The address of a drive alone. */
export const driveHash = (link) => `#/drive/${encodeURIComponent(link)}`;
