// Decoders for the JSON of the API. A decoder takes any value and returns one of its own type, so that drawing code
// cannot throw on a response of an unexpected shape. A value of the wrong type is marked and drawn as "unreadable".

/** A text of the wrong type; also what is drawn for every unreadable value. */
export const UNREADABLE = 'unreadable';
/** Passed to the decoder of a required value that is absent. No decoder accepts it. */
const ABSENT = Symbol('absent');

export const isAbsent = (value) => value === null || value === undefined;
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
export const isUnreadable = (value) => value === UNREADABLE || Number.isNaN(value) || value?.isUnreadable === true;

/** Text; null if absent. Lone surrogates are replaced: `encodeURIComponent` throws on them. */
export function text(value) {
  if (isAbsent(value)) return null;
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : UNREADABLE;
}

/** A finite number; null if absent, NaN if unreadable. */
export function number(value) {
  if (isAbsent(value)) return null;
  return Number.isFinite(value) ? value : NaN;
}

/** True or false; null if absent, NaN if unreadable. */
export function flag(value) {
  if (isAbsent(value)) return null;
  return typeof value === 'boolean' ? value : NaN;
}

/** The observed value or the limit of a finding: a number or text. */
export function quantity(value) {
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' ? number(value) : text(value);
}

/** A timestamp, as text; null if absent. */
export function time(value) {
  if (isAbsent(value)) return null;
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : UNREADABLE;
}

/** A key of the table. */
export const oneOf = (table) => (value) =>
  typeof value === 'string' && Object.hasOwn(table, value) ? value : UNREADABLE;

/** Like `decode`, but an absent value is unreadable. */
export const required = (decode) => (value) => decode(isAbsent(value) ? ABSENT : value);

/** Like `decode`, but an absent value is null. */
export const optional = (decode) => (value) => (isAbsent(value) ? null : decode(value));

/** A list of what `decode` returns; if the value is not a list, an empty one that is marked. */
export const list = (decode) => (value) => (Array.isArray(value) ? value.map(required(decode)) : markUnreadable([]));

/** Like `decode`, but an absent list is empty: values that an earlier version has stored lack it. */
export const listOrAbsent = (decode) => (value) => list(decode)(isAbsent(value) ? [] : value);

export const markUnreadable = (value) => Object.assign(value, { isUnreadable: true });

/** An object with these fields; if the value is not an object, all of them are unreadable and the object is marked. */
export function object(shape) {
  const fields = Object.entries(shape);
  return (value) => {
    const isWrong = !isObject(value);
    const decoded = { isUnreadable: isWrong };
    for (const [name, decode] of fields) {
      decoded[name] = decode(isWrong ? ABSENT : value[name]);
      if (!isWrong && isUnreadable(decoded[name])) warnOnce(name);
    }
    return decoded;
  };
}

/** The entry of a table for any key, own properties only: `constructor` is not an entry. */
export const lookup = (table, key, fallback = null) => (Object.hasOwn(table, key) ? table[key] : fallback);

/** Text that is equal for values that are drawn alike. */
export function signature(value) {
  const replace = (_, inner) => (Number.isNaN(inner) || inner?.isUnreadable === true ? UNREADABLE : inner);
  return JSON.stringify(value, replace);
}

const warned = new Set();

/** Reports an unreadable value in the console, once per name. */
export function warnOnce(name, error) {
  if (warned.has(name)) return;
  warned.add(name);
  console.warn(`unreadable: ${name}`, error ?? '');
}

/** Returns what `draw` returns or, if it throws, `fallback`: the rest of the page is still drawn. */
export function guarded(name, draw, fallback) {
  try {
    return draw();
  } catch (error) {
    warnOnce(name, error);
    return fallback(UNREADABLE);
  }
}
