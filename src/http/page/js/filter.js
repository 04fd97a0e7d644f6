// What is looked for, and how it is coloured. Both stand in the address behind the `#`, with the
// drive that is open, so that a link carries them.

/** `verdicts` holds kinds of KINDS. */
const wanted = { drive: null, verdicts: new Set(), pool: '', text: '', colour: 'verdict' };
const COLOURS = ['verdict', 'temperature', 'pool', 'age', 'model'];

function readAddress() {
  const [path, query] = location.hash.slice(1).split(/\?(.*)/s);
  const asked = new URLSearchParams(query ?? '');
  const drive = /^\/drive\/(.+)$/.exec(path)?.[1];
  wanted.drive = drive === undefined ? null : decoded(drive);
  wanted.verdicts = new Set((asked.get('verdict') ?? '').split(',').filter((kind) => Object.hasOwn(KINDS, kind)));
  wanted.pool = asked.get('pool') ?? '';
  wanted.text = asked.get('q') ?? '';
  wanted.colour = COLOURS.includes(asked.get('colour')) ? asked.get('colour') : 'verdict';
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function address() {
  const asked = [];
  if (wanted.verdicts.size) asked.push(`verdict=${[...wanted.verdicts].join(',')}`);
  if (wanted.pool) asked.push(`pool=${encodeURIComponent(wanted.pool)}`);
  if (wanted.text) asked.push(`q=${encodeURIComponent(wanted.text)}`);
  if (wanted.colour !== 'verdict') asked.push(`colour=${wanted.colour}`);
  const path = wanted.drive === null ? '' : `/drive/${encodeURIComponent(wanted.drive)}`;
  return `#${path}${asked.length ? `?${asked.join('&')}` : ''}`;
}

const isFiltered = () => wanted.verdicts.size > 0 || wanted.pool !== '' || wanted.text.trim() !== '';

/** Says of a place whether it is not what is looked for. */
function sieve() {
  if (!isFiltered()) return () => false;
  const words = wanted.text.toLowerCase().split(',').map((word) => word.trim()).filter(Boolean);
  const hasKind = (at) => wanted.verdicts.has(at.kind) || wanted.verdicts.has(at.state);
  return (at) => {
    if (!at.drive) return true;
    if (wanted.verdicts.size && !hasKind(at)) return true;
    if (wanted.pool && (wanted.pool === '-' ? at.drive.pool !== null : !poolsOf(at.drive).includes(wanted.pool))) return true;
    return words.length > 0 && !words.some((word) => found(at.words, word));
  };
}

/** `bay 7` is not bay 70; anything else may stand within a word. */
function found(words, word) {
  return /^bay \d+$/.test(word) ? words.split('\n').includes(word) : words.includes(word);
}

/** Draws everything below the sentence, as it is looked for. Returns how many tiles were touched. */
function drawBays() {
  const isOut = sieve();
  part('chips', drawChips);
  part('pool', drawPoolChoice);
  byId('legend').hidden = wanted.colour === 'verdict';
  const touched = drawn('shelves', () => drawFronts(isOut), clearShelves);
  const drives = known.places.filter((at) => at.drive);
  const matching = isFiltered() ? drives.filter((at) => !isOut(at)).length : drives.length;
  setText(byId('matches'), isFiltered() ? `${matching} of ${plural(drives.length, 'drive')} shown` : '');
  document.body.dataset.colour = wanted.colour;
  setHidden(byId('tools'), false);
  return touched;
}

function drawFronts(isOut) {
  const scheme = colouring(wanted.colour);
  drawLegend(scheme);
  return drawShelves(scheme, isOut);
}

/** A chip for every verdict and state that some drive has; also the legend of the verdicts. */
function drawChips() {
  const counts = count((at) => at.kind);
  // A critical drive that sleeps is found as either.
  for (const at of known.places) if (at.state && at.state !== at.kind) counts.set(at.state, (counts.get(at.state) ?? 0) + 1);
  const shown = Object.keys(KINDS).filter((kind) => counts.has(kind) || wanted.verdicts.has(kind));
  const chips = byId('chips');
  const is = JSON.stringify(shown.map((kind) => [kind, counts.get(kind)]));
  if (chips.dataset.is !== is) {
    const focused = document.activeElement?.dataset?.chip;
    chips.dataset.is = is;
    const chip = (kind) => el('button', { type: 'button', class: 'chip', 'data-chip': kind }, el('span', { class: 'swatch', 'data-c': kind }, sign(kind)), `${capital(KINDS[kind])} `, el('b', {}, String(counts.get(kind) ?? 0)));
    chips.replaceChildren(...shown.map(chip));
    if (focused) chips.querySelector(`[data-chip="${focused}"]`)?.focus();
  }
  for (const chip of chips.children) chip.setAttribute('aria-pressed', String(wanted.verdicts.has(chip.dataset.chip)));
}

function drawPoolChoice() {
  const names = poolNames();
  if (wanted.pool && wanted.pool !== '-' && !names.includes(wanted.pool)) names.push(wanted.pool);
  const select = byId('pool');
  const is = JSON.stringify(names);
  if (select.dataset.is !== is) {
    select.dataset.is = is;
    select.replaceChildren(el('option', { value: '' }, 'All'), ...names.map((name) => el('option', { value: name }, name)), el('option', { value: '-' }, 'In no pool'));
  }
  if (select.value !== wanted.pool) select.value = wanted.pool;
  if (byId('text') !== document.activeElement && byId('text').value !== wanted.text) byId('text').value = wanted.text;
  if (byId('colour').value !== wanted.colour) byId('colour').value = wanted.colour;
}

/** A change of the filter is no step to go back to. */
function changeFilter() {
  history.replaceState(history.state, '', address());
  if (known.overview) drawBays();
}

function listenToFilter() {
  byId('text').addEventListener('input', (event) => {
    wanted.text = event.target.value;
    changeFilter();
  });
  byId('text').addEventListener('keydown', (event) => {
    const first = event.key === 'Enter' ? document.querySelector('.shelf:not([hidden]) .tile:not([data-out], [aria-disabled])') : null;
    if (first) {
      // The same key would open the tile that has got the focus.
      event.preventDefault();
      focusTile(first);
    }
    if (event.key === 'Escape') {
      wanted.text = event.target.value = '';
      changeFilter();
    }
  });
  byId('pool').addEventListener('change', (event) => {
    wanted.pool = event.target.value;
    changeFilter();
  });
  byId('colour').addEventListener('change', (event) => {
    wanted.colour = event.target.value;
    changeFilter();
  });
  byId('chips').addEventListener('click', (event) => {
    const kind = event.target.closest('.chip')?.dataset.chip;
    if (!kind) return;
    if (!wanted.verdicts.delete(kind)) wanted.verdicts.add(kind);
    changeFilter();
  });
}
