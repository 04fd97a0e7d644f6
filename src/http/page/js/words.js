// Words, numbers and elements: how a value is written, and how an element is made. What comes from
// drives becomes text by `textContent` only, never markup.

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a string is text, null is nothing. */
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'onclick') made.addEventListener('click', value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A sign stands beside every colour. */
function sign(kind) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'sign');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#s-${kind}`);
  svg.append(use);
  return svg;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

const KINDS = {
  crit: 'critical',
  warn: 'warning',
  watch: 'watch',
  unknown: 'unknown',
  silent: 'not answering',
  missing: 'missing',
  reading: 'reading',
  asleep: 'asleep',
  ok: 'healthy',
};

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** `a, b and c`. */
function list(parts) {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** As drives are sold: decimal. */
function bytes(count) {
  if (count === null || count === undefined) return null;
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  let power = 0;
  let value = count;
  while (value >= 999.95 && power < units.length - 1) {
    value /= 1000;
    power += 1;
  }
  return `${power < 2 ? Math.round(value) : value.toFixed(value >= 99.95 ? 0 : 1)} ${units[power]}`;
}

const YEAR_HOURS = 8766;

function hours(count) {
  if (count === null || count === undefined) return null;
  const years = count / YEAR_HOURS;
  const long = years >= 1 ? `${years.toFixed(1)} years` : plural(Math.round(count / 24), 'day');
  return `${number(count)} h (${long})`;
}

const number = (count) => (Number.isSafeInteger(count) ? count.toLocaleString('en-US') : String(count));
const degrees = (celsius) => (celsius === null || celsius === undefined ? null : `${celsius} °C`);
const percent = (value) => (value === null || value === undefined ? null : `${value} %`);

/** Seconds as people say them. */
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return plural(Math.floor(s / 86400), 'day');
}

/** The clock that the daemon dates by, carried on by this browser's. */
const clock = { offset: 0, now: () => Date.now() + clock.offset };

const ago = (at) => `${span((clock.now() - at) / 1000)} ago`;

/** Date and time here, as on paper. */
function dated(at) {
  const date = new Date(at);
  return `${date.toLocaleDateString('en-CA')} ${date.toLocaleTimeString('en-GB')}`;
}

/** The time of day here; with the date when it is not today. */
function moment(at) {
  const isToday = new Date(at).toDateString() === new Date(clock.now()).toDateString();
  return isToday ? new Date(at).toLocaleTimeString('en-GB') : dated(at);
}

/** A time whose age goes on counting by itself. */
function aged(text) {
  const at = Date.parse(text ?? '');
  if (Number.isNaN(at)) return null;
  return el('time', { datetime: text, 'data-at': String(at), title: moment(at) }, ago(at));
}

function tickAges() {
  for (const time of document.querySelectorAll('time[data-at]')) setText(time, ago(Number(time.dataset.at)));
}

/** Names in the order people count: sda … sdz, sdaa; 2 before 10. */
function byName(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
