// How values are written. Each formatter returns null for a value that is absent, and "unreadable" for one that is.

import { isAbsent, UNREADABLE } from './decode.js';

/** A formatter made of one for values that are known and readable. */
export const formatter = (write) => (value) => {
  if (isAbsent(value)) return null;
  return Number.isNaN(value) ? UNREADABLE : write(value);
};

export const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const withoutFullStop = (text) => text.replace(/\.$/, '');
export const plain = formatter(String);
export const plural = (count, one, many = `${one}s`) => `${plain(count)} ${count === 1 ? one : many}`;

/** `a, b and c`. */
export function enumerated(parts) {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

export const commaSeparated = (parts) => (parts.isUnreadable ? UNREADABLE : parts.join(', '));

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** Decimal, as drive makers count. */
export const bytes = formatter((count) => {
  let power = 0;
  let value = count;
  while (value >= 999.95 && power < BYTE_UNITS.length - 1) {
    value /= 1000;
    power += 1;
  }
  const digits = value >= 99.95 ? 0 : 1;
  return `${power < 2 ? Math.round(value) : value.toFixed(digits)} ${BYTE_UNITS[power]}`;
});

/** An integer with separators between thousands. */
export const grouped = formatter((count) =>
  Number.isSafeInteger(count) ? count.toLocaleString('en-US') : String(count),
);

export const HOURS_PER_YEAR = 8766;

export const hours = formatter((count) => {
  const years = count / HOURS_PER_YEAR;
  const rounded = years >= 1 ? `${years.toFixed(1)} years` : plural(Math.round(count / 24), 'day');
  return `${grouped(count)} h (${rounded})`;
});

export const degrees = formatter((celsius) => `${celsius} °C`);
export const percent = formatter((value) => `${value} %`);
export const minutes = formatter((value) => `${grouped(value)} min`);
export const milliseconds = formatter((value) => `${grouped(value)} ms`);

/** `yes` or `no` for a flag; null is not shown. */
export const either = (value, yes, no) => formatter((isSet) => (isSet ? yes : no))(value);

/** A duration in seconds, in one or two units. */
export const duration = formatter((value) => {
  const seconds = Math.max(0, Math.round(value));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return plural(Math.floor(seconds / 86400), 'day');
});

/** Orders names with numbers by their value: sda … sdz, sdaa; 2 before 10. */
export function compareNames(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
