// What a tile can be coloured by, and the legend. A colour never stands alone: the tile also has an icon, a number or a
// letter.

import { lookup, UNREADABLE } from './decode.js';
import { isCurrent, poolsOf } from './describe.js';
import { byId, element, icon, memo } from './dom.js';
import { compareNames, formatter, HOURS_PER_YEAR } from './format.js';
import { overview, places } from './state.js';
import { KINDS } from './vocabulary.js';

const TEMPERATURES = [
  [25, 'below 25 °C'],
  [30, '25–29 °C'],
  [35, '30–34 °C'],
  [40, '35–39 °C'],
  [45, '40–44 °C'],
  [50, '45–49 °C'],
  [Infinity, '50 °C and above'],
];
const AGES = [
  [1, 'under 1 year'],
  [2, '1 year'],
  [3, '2 years'],
  [4, '3 years'],
  [5, '4 years'],
  [Infinity, '5 years and more'],
];
/** Of the first names, each of which has a colour of its own. All others share the last colour. */
const LETTERS = 'ABCDEFGHI';
const SHARED_COLOUR = { colour: `p${LETTERS.length}`, letter: '*' };
const NO_NAME = { colour: 'none', letter: '–' };

/**
 * How the drives are coloured in that mode: `colouringOf(place)` is `{colour, text}` of its tile, `legend` a list of
 * `{colour, icon or letter, text, count}`.
 */
export function colourScheme(mode) {
  const schemes = { temperature: byTemperature, pool: byPool, age: byAge, model: byModel };
  return lookup(schemes, mode, byVerdict)();
}

/** How many drives have each value of `readValue(place)`. */
export function countDrives(readValue) {
  const counts = new Map();
  for (const place of places()) {
    if (!place.drive) continue;
    const value = readValue(place);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

function byVerdict() {
  const counts = countDrives((place) => place.kind);
  const kinds = Object.keys(KINDS).filter((kind) => counts.has(kind));
  const legend = kinds.map((kind) => ({ colour: kind, icon: kind, text: KINDS[kind], count: counts.get(kind) }));
  return { colouringOf: (place) => ({ colour: place.kind, text: tileTemperatureText(place) }), legend };
}

/** The temperature on a tile; nothing if the drive is not active, which the icon shows. */
function tileTemperatureText({ drive, stateKind }) {
  if (stateKind) return '';
  if (drive.stale !== false) return 'stale';
  if (Number.isNaN(drive.temperature_celsius)) return '?';
  return drive.temperature_celsius === null ? '–' : `${drive.temperature_celsius}°`;
}

function byTemperature() {
  const temperatureOf = (drive) => (isCurrent(drive) ? drive.temperature_celsius : null);
  return byRange(TEMPERATURES, 't', temperatureOf, tileTemperatureText);
}

const yearsOf = (drive) => (drive.power_on_hours === null ? null : drive.power_on_hours / HOURS_PER_YEAR);
const yearsText = formatter((years) => `${years.toFixed(1)} y`);

function ageText({ drive }) {
  const text = yearsText(yearsOf(drive)) ?? '–';
  return text === UNREADABLE ? '?' : text;
}

const byAge = () => byRange(AGES, 'a', yearsOf, ageText);

/** A scheme for a number: `ranges` are upper bounds with their text, `prefix` that of their colours. */
function byRange(ranges, prefix, readValue, textOf) {
  const colourOf = ({ drive }) => {
    const value = readValue(drive);
    if (value === null || Number.isNaN(value)) return 'none';
    return `${prefix}${ranges.findIndex(([limit]) => value < limit)}`;
  };
  const counts = countDrives(colourOf);
  const rows = ranges.map(([, text], index) => ({ colour: `${prefix}${index}`, text }));
  rows.push({ colour: 'none', text: 'unknown' });
  const legend = rows.map((row) => ({ ...row, count: counts.get(row.colour) ?? 0 })).filter((row) => row.count > 0);
  return { colouringOf: (place) => ({ colour: colourOf(place), text: textOf(place) }), legend };
}

/** The pools of this host, and those that only a drive names. */
export function poolNames() {
  const known = overview().pools.map((pool) => pool.name);
  const named = places().flatMap((place) => (place.drive ? poolsOf(place.drive) : []));
  return [...new Set([...known, ...named])].sort(compareNames);
}

const byPool = () => byName((drive) => drive.pool, 'no pool', poolNames());

function byModel() {
  const counts = countDrives((place) => place.drive.model_name);
  const names = [...counts.keys()].filter((name) => name !== null);
  // The most frequent models get a colour of their own.
  names.sort((a, b) => counts.get(b) - counts.get(a) || compareNames(a, b));
  return byName((drive) => drive.model_name, 'unknown', names);
}

/** A scheme for a name: `noName` is the text for drives without one. */
function byName(nameOf, noName, names) {
  const styles = new Map(names.map((name, index) => [name, styleOfName(index)]));
  styles.set(null, NO_NAME);
  const counts = countDrives((place) => nameOf(place.drive));
  const countOf = (name) => counts.get(name) ?? 0;
  const own = names.slice(0, LETTERS.length);
  const others = names.slice(LETTERS.length);
  const legend = own.map((name) => ({ ...styles.get(name), text: name, count: countOf(name) }));
  if (others.length) {
    const count = others.reduce((sum, name) => sum + countOf(name), 0);
    legend.push({ ...SHARED_COLOUR, text: `${others.length} more`, count });
  }
  if (counts.has(null)) legend.push({ ...NO_NAME, text: noName, count: countOf(null) });
  const colouringOf = (place) => {
    const { colour, letter } = styles.get(nameOf(place.drive)) ?? SHARED_COLOUR;
    return { colour, text: letter };
  };
  return { colouringOf, legend };
}

function styleOfName(index) {
  return index < LETTERS.length ? { colour: `p${index}`, letter: LETTERS[index] } : SHARED_COLOUR;
}

export function drawLegend({ legend }) {
  memo(byId('legend'), legend, () => byId('legend').replaceChildren(...legend.map(legendRow)));
}

function legendRow(row) {
  const mark = row.icon ? icon(row.icon) : (row.letter ?? '');
  const swatch = element('span', { class: 'swatch', 'data-colour': row.colour }, mark);
  return element('li', {}, swatch, `${row.text} `, element('b', {}, String(row.count)));
}
