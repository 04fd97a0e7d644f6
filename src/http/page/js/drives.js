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
  const states = { missing: 'missing', unresponsive: 'silent', reading: 'reading', standby: 'asleep' };
  return states[drive.state] ?? drive.verdict;
}

/** What else the drive's state says, where its verdict has come first. */
const STATES = { missing: 'missing', unresponsive: 'silent', reading: 'reading', standby: 'asleep' };

function emptyKind(slot, shelf) {
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
  const link = (drive) => (drive.serial_number && serials.get(drive.serial_number) === 1 ? drive.serial_number : drive.device);
  const all = [];
  overview.enclosures.forEach((shelf, index) => {
    const title = overview.enclosures.length > 1 ? `shelf ${index + 1}` : null;
    for (const [bay, slot] of shelf.slots.entries()) {
      all.push(place({ key: `${shelf.id} ${shelf.sysfs_name}/${bay}`, shelf, title, slot, drive: slot.drive }, link));
    }
  });
  const keys = new Set();
  for (const drive of overview.unslotted) {
    let key = `-/${link(drive)}`;
    while (keys.has(key)) key += '+';
    keys.add(key);
    all.push(place({ key, shelf: null, title: null, slot: null, drive }, link));
  }
  return all;
}

function place(at, link) {
  const { drive, slot, shelf, title } = at;
  at.kind = drive ? kindOf(drive) : emptyKind(slot, shelf);
  at.state = drive ? (STATES[drive.state] ?? null) : null;
  at.link = drive ? link(drive) : null;
  at.bay = slot ? `Bay ${slot.slot}` : null;
  at.where = slot ? (title ? `Bay ${slot.slot} of ${title}` : `Bay ${slot.slot}`) : 'In no bay';
  at.locate = slot?.locate === true;
  at.fault = slot?.fault_sensed === true || slot?.fault_requested === true;
  const words = drive
    ? [drive.device, ...drive.paths, drive.serial_number, drive.wwn, drive.model_name, drive.vendor, drive.firmware_version, drive.pool, drive.vdev, drive.role]
    : [];
  if (slot) words.push(`bay ${slot.slot}`, slot.name);
  if (shelf) words.push(title, shelf.id, shelf.model);
  at.words = words.filter(Boolean).join('\n').toLowerCase();
  return at;
}

const SEVERITY = { crit: 0, warn: 1, watch: 2 };

/** The finding that made the verdict. */
function worst(drive) {
  return [...drive.findings].sort((a, b) => SEVERITY[a.severity] - SEVERITY[b.severity])[0] ?? null;
}

/** Why a drive looks as it does, in one sentence; null where nothing is wrong. */
function reason(drive) {
  const finding = worst(drive);
  if (finding && ['crit', 'warn', 'watch'].includes(drive.verdict)) return finding.message;
  if (drive.state === 'missing') return 'The drive is gone.';
  return drive.error;
}

/** Whether the values of a drive are those of now. */
const isCurrent = (drive) => drive.state === 'active' && !drive.stale;

/** What a screen reader says of a tile; also its tooltip. */
function spoken(at) {
  const { drive } = at;
  const parts = [at.bay];
  if (!drive) {
    parts.push(at.kind === 'empty' ? 'empty' : 'not empty, but shows no drive');
  } else {
    parts.push(drive.device);
    if (isCurrent(drive) && drive.temperature_celsius !== null) parts.push(degrees(drive.temperature_celsius));
    const why = at.kind === 'ok' || at.kind === 'asleep' || at.kind === 'reading' ? null : reason(drive);
    parts.push(KINDS[at.kind] + (why ? `: ${why.replace(/\.$/, '')}` : ''));
    if (at.state && at.state !== at.kind) parts.push(KINDS[at.state]);
    if (drive.stale && drive.state === 'active') parts.push('old reading');
    if (drive.pool) parts.push(`pool ${drive.pool}`);
  }
  if (at.locate) parts.push('locate light on');
  if (at.fault) parts.push('fault light on');
  return parts.filter(Boolean).join(', ');
}

/** Takes a new overview in. */
function take(overview) {
  known.overview = overview;
  known.places = places(overview);
  known.byLink = new Map(known.places.filter((at) => at.drive).map((at) => [at.link, at]));
}

/** The place of the drive that a link means: by serial number, or by device. */
function linked(id) {
  return known.byLink.get(id) ?? known.places.find((at) => at.drive && (at.drive.serial_number === id || at.drive.paths.includes(id)));
}

const shelfName = (shelf) => [shelf.vendor, shelf.model].filter(Boolean).join(' ').trim() || shelf.sysfs_name;
