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

/** Says within a part of the page that it is unreadable, or takes that back. */
function setOdd(node, odd) {
  const said = node.querySelector(':scope > .odd');
  if (odd && !said) node.append(el('p', { class: 'sub odd' }, UNREADABLE));
  if (!odd) said?.remove();
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
/** How a value is written that is known; a number that is none is unreadable. */
const written = (write) => (value) => (isAbsent(value) ? null : Number.isNaN(value) ? UNREADABLE : write(value));
const shown = written(String);
const plural = (count, one, many = `${one}s`) => `${shown(count)} ${count === 1 ? one : many}`;

/** `a, b and c`. */
function joined(parts) {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** A list with something between its parts. */
const listed = (parts, between = ', ') => (parts.odd ? UNREADABLE : parts.join(between));

/** As drives are sold: decimal. */
const bytes = written((count) => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  let power = 0;
  let value = count;
  while (value >= 999.95 && power < units.length - 1) {
    value /= 1000;
    power += 1;
  }
  return `${power < 2 ? Math.round(value) : value.toFixed(value >= 99.95 ? 0 : 1)} ${units[power]}`;
});

const YEAR_HOURS = 8766;

const grouped = written((count) => (Number.isSafeInteger(count) ? count.toLocaleString('en-US') : String(count)));

const hours = written((count) => {
  const years = count / YEAR_HOURS;
  const long = years >= 1 ? `${years.toFixed(1)} years` : plural(Math.round(count / 24), 'day');
  return `${grouped(count)} h (${long})`;
});

const degrees = written((celsius) => `${celsius} °C`);
const percent = written((value) => `${value} %`);

/** Seconds as people say them. */
const span = written((seconds) => {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return plural(Math.floor(s / 86400), 'day');
});

/** The clock that the daemon dates by, carried on by this browser's. */
const clock = { offset: 0, now: () => Date.now() + clock.offset };

const ago = written((at) => `${span((clock.now() - at) / 1000)} ago`);

/** Date and time here, as on paper. */
const dated = written((at) => {
  const date = new Date(at);
  return `${date.toLocaleDateString('en-CA')} ${date.toLocaleTimeString('en-GB')}`;
});

/** The time of day here; with the date when it is not today. */
const moment = written((at) => {
  const isToday = new Date(at).toDateString() === new Date(clock.now()).toDateString();
  return isToday ? new Date(at).toLocaleTimeString('en-GB') : dated(at);
});

/** A time whose age goes on counting by itself. */
function aged(text) {
  if (text === null || text === UNREADABLE) return text;
  const at = Date.parse(text);
  return el('time', { datetime: text, 'data-at': String(at), title: moment(at) }, ago(at));
}

function tickAges() {
  for (const time of document.querySelectorAll('time[data-at]')) setText(time, ago(Number(time.dataset.at)));
}

/** Names in the order people count: sda … sdz, sdaa; 2 before 10. */
function byName(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
