// The bay sheet: what is printed, a table for each shelf. It is made when it is wanted, so that
// 1,000 rows weigh on nobody who only looks.

function makeSheet() {
  if (!known.overview) return;
  const { enclosures, host } = known.overview;
  const when = known.observed ? `observed ${dated(known.observed)}` : '';
  const state = live.lost ? `, the daemon has not answered since ${dated(live.answered)}` : '';
  const pages = enclosures.map((shelf, index) => {
    const here = known.places.filter((at) => at.shelf === shelf);
    return sheetTable(`${enclosures.length > 1 ? `Shelf ${index + 1}: ` : ''}${shelfName(shelf)} ${shelf.id}`, here);
  });
  const loose = known.places.filter((at) => !at.shelf);
  if (loose.length) pages.push(sheetTable('In no bay', loose));
  byId('sheet').replaceChildren(el('h1', {}, `Bays of ${host}`), el('p', {}, `${when}${state}. ${byId('sentence').textContent}`), ...pages);
}

function sheetTable(title, here) {
  const rows = here.map((at) => {
    const { drive } = at;
    const bay = at.number || '–';
    if (!drive) return el('tr', {}, el('th', { scope: 'row' }, bay), el('td', { colspan: '6' }, bareWords(at)));
    const why = ['ok', 'asleep', 'reading'].includes(at.kind) ? null : reason(drive);
    const verdict = [pick(KINDS, drive.verdict, UNREADABLE), at.state && at.state !== 'reading' ? KINDS[at.state] : null].filter(Boolean).join(', ') + (why ? `: ${why}` : '');
    const pool = drive.memberships.map(placeName).filter(Boolean).join(', ');
    return el('tr', {}, el('th', { scope: 'row' }, bay), [drive.device, drive.serial_number, drive.model_name, bytes(drive.user_capacity_bytes), pool, verdict].map((cell) => el('td', {}, cell ?? '')));
  });
  const head = ['Bay', 'Device', 'Serial number', 'Model', 'Size', 'Pool', 'Verdict'];
  return el('section', {}, el('h2', {}, title), el('table', {}, el('thead', {}, el('tr', {}, head.map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {}, rows)));
}

function listenToPrinting() {
  addEventListener('beforeprint', makeSheet);
  addEventListener('afterprint', () => byId('sheet').replaceChildren());
  matchMedia('print').addEventListener('change', (media) => (media.matches ? makeSheet() : byId('sheet').replaceChildren()));
}
