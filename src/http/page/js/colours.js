// What a tile's colour means: by verdict, temperature, pool, age or model. Beside the colour there
// is always something to read: the sign, the degrees, the years, or a letter.

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
const LETTERS = 'ABCDEFGHI';

/** How the drives of now are coloured: `of(place)` gives {class, text}; `legend` what each class means. */
function colouring(mode) {
  const makers = { temperature: byTemperature, pool: byPool, age: byAge, model: byModel };
  return pick(makers, mode, byVerdict)();
}

function byVerdict() {
  const kinds = Object.keys(KINDS);
  const counts = count((at) => at.kind);
  return {
    of: (at) => ({ colour: at.kind, text: byDegrees(at) }),
    legend: kinds.filter((kind) => counts.has(kind)).map((kind) => ({ colour: kind, sign: kind, text: KINDS[kind], many: counts.get(kind) })),
  };
}

/** Degrees of a drive that is read now; for one that is not, its sign says why. */
function byDegrees(at) {
  const { drive } = at;
  if (at.state) return '';
  if (drive.stale !== false) return 'old';
  if (Number.isNaN(drive.temperature_celsius)) return '?';
  return drive.temperature_celsius === null ? '–' : `${drive.temperature_celsius}°`;
}

function steps(table, letter, value, text) {
  const step = (at) => {
    const found = value(at.drive);
    return found === null || Number.isNaN(found) ? null : table.findIndex(([below]) => found < below);
  };
  const counts = count(step);
  const legend = table.map(([, name], index) => ({ colour: `${letter}${index}`, text: name, many: counts.get(index) ?? 0 }));
  if (counts.has(null)) legend.push({ colour: 'none', text: 'not known', many: counts.get(null) });
  return { of: (at) => ({ colour: step(at) === null ? 'none' : `${letter}${step(at)}`, text: text(at) }), legend: legend.filter((row) => row.many) };
}

function byTemperature() {
  return steps(TEMPERATURES, 't', (drive) => (isCurrent(drive) ? drive.temperature_celsius : null), byDegrees);
}

function byAge() {
  const years = (drive) => (drive.power_on_hours === null ? null : drive.power_on_hours / YEAR_HOURS);
  const words = written((age) => `${age.toFixed(1)} y`);
  return steps(AGES, 'a', years, (at) => (Number.isNaN(years(at.drive)) ? '?' : (words(years(at.drive)) ?? '–')));
}

function named(value, none, names) {
  const counts = count((at) => value(at.drive));
  const index = (name) => Math.min(names.indexOf(name), LETTERS.length);
  const letter = (name) => (name === null ? '–' : (LETTERS[index(name)] ?? '*'));
  const legend = names.slice(0, LETTERS.length).map((name) => ({ colour: `p${index(name)}`, letter: letter(name), text: name, many: counts.get(name) }));
  const more = names.slice(LETTERS.length);
  if (more.length) legend.push({ colour: 'p9', letter: '*', text: `${more.length} more`, many: more.reduce((sum, name) => sum + counts.get(name), 0) });
  if (counts.has(null)) legend.push({ colour: 'none', letter: '–', text: none, many: counts.get(null) });
  const of = (at) => {
    const name = value(at.drive);
    return { colour: name === null ? 'none' : `p${index(name)}`, text: letter(name) };
  };
  return { of, legend };
}

const poolNames = () => [...new Set([...known.overview.pools.map((pool) => pool.name), ...known.places.flatMap((at) => (at.drive ? poolsOf(at.drive) : []))])].sort(byName);

function byPool() {
  return named((drive) => drive.pool, 'in no pool', poolNames());
}

function byModel() {
  const counts = count((at) => at.drive.model_name);
  const names = [...counts.keys()].filter((name) => name !== null);
  // The many first, so that those who share the last colour are few.
  names.sort((a, b) => counts.get(b) - counts.get(a) || byName(a, b));
  return named((drive) => drive.model_name, 'not known', names);
}

function count(of) {
  const counts = new Map();
  for (const at of known.places) {
    if (!at.drive) continue;
    const key = of(at);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function drawLegend(scheme) {
  const is = JSON.stringify(scheme.legend);
  const legend = byId('legend');
  if (legend.dataset.is === is) return;
  legend.dataset.is = is;
  legend.replaceChildren(
    ...scheme.legend.map((row) =>
      el('li', {}, el('span', { class: 'swatch', 'data-c': row.colour }, row.sign ? sign(row.sign) : (row.letter ?? '')), `${row.text} `, el('b', {}, String(row.many))),
    ),
  );
}
