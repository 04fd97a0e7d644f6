// What an overview says, as the page needs it: every place with its drive, how it looks, what it is
// called, and by what it is found.

/** What is known at the moment; all of the page is drawn from it. */
const known = {
  overview: null,
  places: [],
  /** By the id in a link. */
  byLink: new Map(),
};

/** What a person sees first of a drive. What was bad stays shown as bad while it sleeps or is silent. */
function kindOf(drive) {
  if (drive.verdict === 'crit' || drive.verdict === 'warn') return drive.verdict;
  if (isOdd(drive.verdict) || isOdd(drive.state)) return 'unknown';
  return STATES[drive.state] ?? drive.verdict;
}

function emptyKind(slot, shelf) {
  if (slot.excluded) return 'unlinked';
  if (slot.status === 'not installed') return 'empty';
  // A shelf that does not answer has not called it empty.
  if (slot.status === null) return shelf.error ? 'unlinked' : 'empty';
  return 'unlinked';
}

function places(overview) {
  const serials = new Map();
  const count = (drive) => drive.serial_number && serials.set(drive.serial_number, (serials.get(drive.serial_number) ?? 0) + 1);
  for (const shelf of overview.enclosures) for (const slot of shelf.slots) if (slot.drive) count(slot.drive);
  overview.unslotted.forEach(count);
  // A serial number that two drives share names neither.
  const names = (drive) => [serials.get(drive.serial_number) === 1 ? drive.serial_number : null, drive.device];
  const link = (drive) => names(drive).find((name) => name && !isOdd(name)) ?? null;
  const unique = distinct();
  const all = [];
  overview.enclosures.forEach((shelf, index) => {
    const title = overview.enclosures.length > 1 ? `shelf ${index + 1}` : null;
    // Two shelves may have one id.
    shelf.key = unique(`${shelf.id} ${shelf.sysfs_name}`);
    for (const [bay, slot] of shelf.slots.entries()) {
      all.push(place({ key: `${shelf.key}/${bay}`, shelf, title, slot, drive: slot.odd ? null : slot.drive }, link));
    }
  });
  for (const drive of overview.unslotted) {
    all.push(place({ key: unique(`-/${link(drive)}`), shelf: null, title: null, slot: null, drive }, link));
  }
  return all;
}

/** Makes names distinct, those that come twice by what is added to them. */
function distinct() {
  const seen = new Set();
  return (name) => {
    let key = name;
    while (seen.has(key)) key += '+';
    seen.add(key);
    return key;
  };
}

function place(at, link) {
  const { drive, slot, shelf, title } = at;
  at.kind = drive ? kindOf(drive) : emptyKind(slot, shelf);
  at.state = drive ? pick(STATES, drive.state) : null;
  at.link = drive ? link(drive) : null;
  at.number = slot ? shown(slot.slot ?? slot.name) : '';
  at.bay = slot ? `Bay ${at.number}` : null;
  at.where = slot ? (title ? `${at.bay} of ${title}` : at.bay) : 'In no bay';
  at.locate = slot?.locate === true;
  at.fault = slot?.fault_sensed === true || slot?.fault_requested === true;
  const words = drive
    ? [drive.device, ...drive.paths, drive.serial_number, drive.wwn, drive.model_name, drive.vendor, drive.firmware_version, ...drive.memberships.flatMap((place) => [place.pool, place.vdev, place.role])]
    : [];
  if (slot) words.push(`bay ${at.number}`, slot.name);
  if (shelf) words.push(title, shelf.id, shelf.model);
  at.words = words.filter(Boolean).join('\n').toLowerCase();
  return at;
}

/** The names of its pools, the one in most trouble first. */
const poolsOf = (drive) => [...new Set(drive.memberships.map((place) => place.pool).filter(Boolean))];

/** A place in a pool: `tank raidz2-0`, `tank log`. */
const placeName = (place) => [place.pool, place.vdev && place.role !== 'data' ? place.role : place.vdev].filter(Boolean).join(' ');

/** The finding that made the verdict. */
function worst(drive) {
  const rank = (finding) => pick(SEVERITY, finding.severity, 3);
  return [...drive.findings].sort((a, b) => rank(a) - rank(b))[0] ?? null;
}

/** Why a drive looks as it does, in one sentence; null where nothing is wrong. */
function reason(drive) {
  if (drive.odd) return 'The drive is unreadable.';
  if (isOdd(drive.verdict)) return 'The verdict is unreadable.';
  if (isOdd(drive.state) && !['crit', 'warn'].includes(drive.verdict)) return 'The state is unreadable.';
  if (drive.findings.odd && drive.verdict !== 'ok') return 'The findings are unreadable.';
  const finding = worst(drive);
  if (finding && ['crit', 'warn', 'watch'].includes(drive.verdict)) return finding.message;
  if (drive.state === 'missing') return 'The drive is gone.';
  return drive.error;
}

/** Whether the values of a drive are those of now. */
const isCurrent = (drive) => drive.state === 'active' && drive.stale === false;

/** What is said of a bay that shows no drive. */
const bareWords = (at) => (at.slot.excluded ? `${at.slot.excluded}, excluded by JBOD_EXCLUDE` : at.kind === 'empty' ? 'empty' : isOdd(at.slot.status) ? UNREADABLE : 'not empty, but shows no drive');

/** What a screen reader says of a tile; also its tooltip. */
function spoken(at) {
  const { drive } = at;
  const parts = [at.bay];
  if (!drive) {
    parts.push(bareWords(at));
  } else {
    parts.push(drive.device);
    if (Number.isNaN(drive.temperature_celsius)) parts.push('temperature unreadable');
    else if (isCurrent(drive)) parts.push(degrees(drive.temperature_celsius));
    const why = at.kind === 'ok' || at.kind === 'asleep' || at.kind === 'reading' ? null : reason(drive);
    parts.push(KINDS[at.kind] + (why ? `: ${why.replace(/\.$/, '')}` : ''));
    if (at.state && at.state !== at.kind) parts.push(KINDS[at.state]);
    if (drive.stale !== false && drive.state === 'active') parts.push('old reading');
    const pools = poolsOf(drive);
    if (pools.length) parts.push(`${pools.length > 1 ? 'pools' : 'pool'} ${pools.join(' and ')}`);
  }
  if (at.locate) parts.push('locate light on');
  if (at.fault) parts.push('fault light on');
  return parts.filter(Boolean).join(', ');
}

/** Takes a new overview in, of whatever shape. */
function take(answer) {
  known.overview = OVERVIEW(answer);
  known.places = places(known.overview);
  known.byLink = new Map(known.places.filter((at) => at.drive).map((at) => [at.link, at]));
}

/** The place of the drive that a link means: by serial number, or by device. */
function linked(id) {
  return known.byLink.get(id) ?? known.places.find((at) => at.drive && (at.drive.serial_number === id || at.drive.paths.includes(id)));
}

const shelfName = (shelf) => [shelf.vendor, shelf.model].filter(Boolean).join(' ').trim() || shelf.sysfs_name;
