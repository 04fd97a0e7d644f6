// Runs in the page, for unreadable.rs: responds in the daemon's place with values of unexpected types, and checks what is
// drawn. Returns { rounds, milliseconds, problems }.
(async (given) => {
  const { seed, devices } = given;
  const started = performance.now();
  const VALUES = [null, 7, 'x', [[7]], { x: [{}] }];
  const MORE_VALUES = [-1.5, 1e300, true, '', '\ud800', 'constructor', [], [null], {}];
  /** Text that must never be drawn; `null` only as part of smartctl's JSON. */
  const BAD_TEXT = /undefined|\[object|NaN|Invalid Date|Infinity|Symbol/;
  const isBad = (name, text) => BAD_TEXT.test(text) || (/null/.test(text) && !name.includes('json'));
  /** More problems are not collected. */
  const MAX_PROBLEMS = 20;
  const byId = (id) => document.getElementById(id);
  const isObject = (value) => typeof value === 'object' && value !== null;
  const problems = [];
  addEventListener('error', (event) => problems.push(`error: ${event.message}`));
  addEventListener('unhandledrejection', (event) => problems.push(`rejection: ${event.reason}`));

  const fetchJson = async (path) => (await fetch(path)).json();
  const original = { overview: await fetchJson('api/overview'), health: await fetchJson('api/health'), drive: null };
  let bodies = original;
  let servedBodies = null;
  let etagNumber = 0;
  globalThis.fetch = async (path) => {
    const name = nameOfBody(path);
    if (name === 'overview') servedBodies = bodies;
    etagNumber += 1;
    const headers = { 'X-Cache': 'HIT', 'X-Source': 'redis', Age: '1' };
    Object.assign(headers, { 'Content-Type': 'application/json', ETag: `"${etagNumber}"` });
    return new Response(JSON.stringify(bodies[name]), { headers });
  };

  function nameOfBody(path) {
    if (path.startsWith('api/overview')) return 'overview';
    return path === 'api/health' ? 'health' : 'drive';
  }

  const countDrawings = () => performance.getEntriesByName('jbod:patch').length;
  const nextTask = () => new Promise((resolve) => setTimeout(resolve));
  async function until(condition) {
    const end = Date.now() + 30000;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`never true: ${condition}`);
      await nextTask();
    }
  }
  /** The page reloads itself when the version of the daemon changes. */
  const isOtherVersion = ({ version }) => typeof version === 'string' && version !== original.health.version;
  /** Has these bodies drawn. A refresh that was under way may have fetched earlier ones. */
  async function draw(changes) {
    bodies = { ...original, ...changes };
    if (isObject(bodies.health) && isOtherVersion(bodies.health)) {
      bodies.health = { ...bodies.health, version: original.health.version };
    }
    const problemsBefore = problems.length;
    do {
      const drawingsBefore = countDrawings();
      byId('refresh').click();
      await until(() => countDrawings() > drawingsBefore || problems.length > problemsBefore);
      await nextTask();
    } while (servedBodies !== bodies && problems.length === problemsBefore);
  }

  const IDS = [
    'host',
    'status',
    'counts',
    'pools',
    'service',
    'version',
    'chips',
    'unslotted',
    'drive-title',
    'drive-sub',
  ];
  const withoutAges = (text) => text.replace(/\d+ (s|min|days?|h( \d+ min)?) ago/g, 'ago');
  /** The text of each part of the page, by name. */
  function drawnParts() {
    const parts = {};
    for (const id of IDS) parts[id] = byId(id).textContent;
    for (const [index, shelf] of document.querySelectorAll('#shelves > .shelf').entries()) {
      parts[`shelf ${index}`] = shelf.querySelector('.shelf-head').textContent;
      for (const [bay, tile] of shelf.querySelectorAll('.tile').entries()) {
        const { kind, colour } = tile.dataset;
        parts[`tile ${index}/${bay}`] = `${tile.ariaLabel} ${tile.textContent} ${kind} ${colour}`;
      }
    }
    const otherNodes = [...byId('shelves').childNodes].filter((node) => !node.matches?.('.shelf'));
    parts.shelves = otherNodes.map((node) => node.textContent).join();
    for (const node of byId('drive-body').children) {
      const name = node.querySelector('h3')?.textContent ?? (node.className || node.tagName);
      parts[`drive: ${name}`] = withoutAges(node.textContent);
    }
    return parts;
  }

  const valueAt = (value, path) => path.reduce((inner, key) => inner[key], value);
  function replaced(value, path, replacement) {
    if (path.length === 0) return replacement;
    const copy = structuredClone(value);
    valueAt(copy, path.slice(0, -1))[path.at(-1)] = replacement;
    return copy;
  }
  /** Every path in the value; of a list, only those of its largest element. */
  function* pathsIn(value, isWanted, path = []) {
    if (!isWanted(path)) return;
    if (path.length) yield path;
    if (Array.isArray(value) && value.length) {
      const sizes = value.map((item) => JSON.stringify(item).length);
      const index = sizes.indexOf(Math.max(...sizes));
      yield* pathsIn(value[index], isWanted, [...path, index]);
    } else if (isObject(value)) {
      for (const key of Object.keys(value)) yield* pathsIn(value[key], isWanted, [...path, key]);
    }
  }

  const DRIVE_PARTS = [
    'drive-title',
    'drive-sub',
    'drive: badges',
    'drive: Findings',
    'drive: findings',
    'drive: identifiers',
    'drive: Location',
    'drive: Drive',
    'drive: Reading',
  ];
  const SELF_TEST_PARTS = ['drive: Self-tests', 'drive: Self-test log'];
  /** The parts of some members of a drive's document; all others concern `DRIVE_PARTS`. */
  const PARTS_OF_DRIVE_MEMBERS = {
    ata: ['drive: ATA attributes'],
    scsi: ['drive: SAS error counters', 'drive: SAS counters', 'drive: Defects and mechanics'],
    nvme: ['drive: NVMe health log'],
    self_test: SELF_TEST_PARTS,
    smartctl: [...SELF_TEST_PARTS, 'drive: smartctl-json', 'drive: smartctl JSON output'],
    by_id: ['drive: identifiers', 'drive: Identifiers'],
    findings: ['drive: Findings', 'drive: findings'],
    wear: ['drive: Drive'],
    temperature_limits: ['drive: Reading'],
    exit_status: ['drive: Reading'],
  };
  const PARTS_OF_OVERVIEW_MEMBERS = {
    host: ['host'],
    sweep: ['counts'],
    totals: ['counts', 'status'],
    pools: ['pools', 'status'],
    zfs_error: ['status'],
    unslotted: ['unslotted', 'status', 'chips'],
  };

  /** The parts that may change if the value at that path is unreadable: a predicate, or null for any. */
  function concernedParts(body, path) {
    const [member, shelf, shelfMember, slot] = path;
    const among = (names) => (part) => names.includes(part);
    if (body === 'health') return among(['service', 'version']);
    if (body === 'drive') return among(PARTS_OF_DRIVE_MEMBERS[member] ?? DRIVE_PARTS);
    if (member !== 'enclosures') return among(PARTS_OF_OVERVIEW_MEMBERS[member] ?? []);
    if (shelf === undefined) return null;
    const head = `shelf ${shelf}`;
    const tiles = `tile ${shelf}/`;
    if (shelfMember === undefined || (shelfMember === 'slots' && slot === undefined)) {
      return (part) => part === head || part.startsWith(tiles) || among(['status', 'chips'])(part);
    }
    if (shelfMember !== 'slots') return among([head, 'status']);
    return among([head, `${tiles}${slot}`, 'status', 'chips']);
  }

  let rounds = 0;
  /** Draws the changes, and checks that only parts that may have changed differ from those before. */
  async function checkRound(changes, before, mayChange, description) {
    const problemsBefore = problems.length;
    rounds += 1;
    await draw(changes);
    if (problems.length > problemsBefore) problems[problemsBefore] = `${description}: ${problems[problemsBefore]}`;
    const after = drawnParts();
    for (const [name, text] of Object.entries(after)) {
      if (isBad(name, text)) problems.push(`${description}: ${name} is ${text}`);
    }
    if (mayChange === null) return;
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (before[name] === after[name] || mayChange(name)) continue;
      problems.push(`${description}: ${name} is ${after[name]}, not ${before[name]}`);
    }
  }

  /** Replaces every value of a body by each of `VALUES` in turn. */
  async function checkBody(name, isWanted) {
    const before = drawnParts();
    for (const path of pathsIn(original[name], isWanted)) {
      for (const value of VALUES) {
        if (problems.length > MAX_PROBLEMS) return;
        const changes = { [name]: replaced(original[name], path, value) };
        const description = `${name}.${path.join('.')} = ${JSON.stringify(value)}`;
        await checkRound(changes, before, concernedParts(name, path), description);
      }
    }
    await checkRound({}, before, () => false, `${name} unchanged`);
  }

  await draw({});
  // The members of a drive are the same in a bay and outside: they are replaced in a bay only.
  await checkBody('overview', (path) => path[0] !== 'unslotted' || path.length < 3);
  await checkBody('health', () => true);

  // Many unreadable values at once, anywhere. The generator is mulberry32.
  let state = seed;
  const random = (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  const ALL_VALUES = [...VALUES, ...MORE_VALUES];
  function damaged(value, depth) {
    if (depth > 0 && random(6) === 0) return ALL_VALUES[random(ALL_VALUES.length)];
    if (Array.isArray(value)) return value.map((item) => damaged(item, depth + 1));
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, damaged(item, depth + 1)]));
  }

  // Members that all drives have are replaced in the first drive only.
  const MEMBERS_OF_A_KIND = ['ata', 'scsi', 'nvme', 'self_test', 'smartctl', 'wear', 'temperature_limits'];
  const isOfKind = (path) =>
    path.length === 0 || (MEMBERS_OF_A_KIND.includes(path[0]) && (path[0] !== 'smartctl' || isDrawnOfSmartctl(path)));
  const isDrawnOfSmartctl = (path) =>
    path.length < 2 || /^(ata_smart|nvme)_self_test_log$|^scsi_self_test_0$/.test(path[1]);
  const isDrawn = (path) => isOfKind(path) || !MEMBERS_OF_A_KIND.includes(path[0]);
  for (const [index, device] of devices.entries()) {
    original.drive = await (await given.fetch(`api/drives/${device}`)).json();
    await draw({});
    location.hash = `#/drive/${device}`;
    await until(() => document.querySelector('#drive-body .smartctl-json'));
    await draw({});
    await checkBody('drive', index === 0 ? isDrawn : isOfKind);
    for (let batch = 0; batch < 40 && problems.length <= MAX_PROBLEMS; batch += 1) {
      const changes = {
        overview: damaged(original.overview, 0),
        health: damaged(original.health, 0),
        drive: damaged(original.drive, 0),
      };
      await checkRound(changes, {}, null, `seed ${seed}, ${device}, batch ${batch}`);
    }
    await draw({});
    location.hash = '';
    await until(() => !byId('drive').open);
  }
  const milliseconds = Math.round(performance.now() - started);
  return { rounds, milliseconds, problems: problems.slice(0, MAX_PROBLEMS).map((text) => text.slice(0, 600)) };
})(globalThis.given);
