// What the daemon sends, checked. Whatever shape a value has, each of these readers gives one of its own type, so that nothing
// that is drawn from it can throw; a value of another shape is marked, and reads "unreadable" in its place.

const UNREADABLE = 'unreadable';
/** Stands for a value that should be there and is not. */
const ODD = Symbol('odd');

const isAbsent = (value) => value === null || value === undefined;
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isOdd = (value) => value === UNREADABLE || Number.isNaN(value) || value?.odd === true;

/** Text; null where it is not known. Half of a surrogate pair could not stand in an address. */
function text(value) {
  if (isAbsent(value)) return null;
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : UNREADABLE;
}

/** A number; null where it is not known, NaN where it is none. */
function number(value) {
  if (isAbsent(value)) return null;
  return Number.isFinite(value) ? value : NaN;
}

/** True or false; null where it is not known, NaN where it is neither. */
function flag(value) {
  if (isAbsent(value)) return null;
  return typeof value === 'boolean' ? value : NaN;
}

/** A number, or words. */
const quantity = (value) => (typeof value === 'boolean' ? String(value) : typeof value === 'number' ? number(value) : text(value));

/** A time as JSON has it. */
function time(value) {
  if (isAbsent(value)) return null;
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : UNREADABLE;
}

/** A word that stands in a table. */
const oneOf = (table) => (value) => (typeof value === 'string' && Object.hasOwn(table, value) ? value : UNREADABLE);

/** As `of` reads it, of a value that has to be there. */
const sure = (of) => (value) => of(isAbsent(value) ? ODD : value);

/** As `of` reads it, or null where there is none. */
const maybe = (of) => (value) => (isAbsent(value) ? null : of(value));

/** A list of what `of` reads; an empty one, marked, where it is no list. */
const list = (of) => (value) => (Array.isArray(value) ? value.map(sure(of)) : Object.assign([], { odd: true }));

/** An object with these fields; with nothing but odd ones, and marked, where it is no object. */
function object(shape) {
  const fields = Object.entries(shape);
  return (value) => {
    const odd = !isObject(value);
    const made = { odd };
    for (const [name, of] of fields) {
      made[name] = of(odd ? ODD : value[name]);
      if (!odd && isOdd(made[name])) note(name);
    }
    return made;
  };
}

/** The entry of a table, whatever the key is. */
const pick = (table, key, other = null) => (Object.hasOwn(table, key) ? table[key] : other);

/** Two values have the same one if they are drawn the same. */
const signature = (value) => JSON.stringify(value, (_, one) => (Number.isNaN(one) || one?.odd === true ? UNREADABLE : one));

const noted = new Set();

/** Says once in the console what was unreadable. */
function note(what, error) {
  if (noted.has(what)) return;
  noted.add(what);
  console.warn(`unreadable: ${what}`, error ?? '');
}

/** Draws a part of the page. One that cannot be drawn costs the others nothing: `instead` puts a word in its place. */
function drawn(name, draw, instead) {
  try {
    return draw();
  } catch (error) {
    note(name, error);
    return instead(UNREADABLE);
  }
}
