// Runs in the page (tests/it/page/odd.rs): answers in the daemon's place, with values of other shapes, and looks at what is drawn.
// Gives { rounds, problems }.
(async (given) => {
  const { seed, devices } = given;
  const began = performance.now();
  const VALUES = [null, 7, 'x', [[7]], { x: [{}] }];
  const MORE = [-1.5, 1e300, true, '', '\ud800', 'constructor', [], [null], {}];
  /** What no person should read. */
  const BAD = /undefined|\[object|NaN|Invalid Date|Infinity|Symbol/;
  const isObject = (value) => typeof value === 'object' && value !== null;
  const problems = [];
  addEventListener('error', (event) => problems.push(`error: ${event.message}`));
  addEventListener('unhandledrejection', (event) => problems.push(`rejection: ${event.reason}`));

  const fetched = async (path) => (await fetch(path)).json();
  const base = { overview: await fetched('api/overview'), health: await fetched('api/health'), drive: null };
  let answers = base;
  let served = null;
  let tags = 0;
  globalThis.fetch = async (path) => {
    const name = path.startsWith('api/overview') ? 'overview' : path === 'api/health' ? 'health' : 'drive';
    if (name === 'overview') served = answers;
    tags += 1;
    const headers = { 'Content-Type': 'application/json', ETag: `"${tags}"`, 'X-Cache': 'HIT', 'X-Source': 'redis', Age: '1' };
    return new Response(JSON.stringify(answers[name]), { headers });
  };

  const drawings = () => performance.getEntriesByName('jbod:patch').length;
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  async function until(look) {
    const end = Date.now() + 30000;
    while (!look()) {
      if (Date.now() > end) throw new Error(`never happened: ${look}`);
      await turn();
    }
  }
  /** Another version has the page load itself anew, as it should. */
  const isAnother = ({ health }) => typeof health.version === 'string' && health.version !== base.health.version;
  /** Has these answers drawn. A round that the page began by itself may have fetched earlier ones. */
  async function draw(now) {
    answers = { ...base, ...now };
    if (isObject(answers.health) && isAnother(answers)) answers.health = { ...answers.health, version: base.health.version };
    const wrong = problems.length;
    do {
      const before = drawings();
      document.getElementById('refresh').click();
      await until(() => drawings() > before || problems.length > wrong);
      await turn();
    } while (served !== answers && problems.length === wrong);
  }

  const timeless = (text) => text.replace(/\d+ (s|min|days?|h( \d+ min)?) ago/g, 'ago');
  /** What each part of the page says, by name. */
  function said() {
    const parts = {};
    for (const id of ['host', 'say', 'counts', 'pools', 'service', 'version', 'chips', 'loose', 'drive-title', 'drive-sub']) parts[id] = document.getElementById(id).textContent;
    [...document.querySelectorAll('#shelves > .shelf')].forEach((shelf, index) => {
      parts[`shelf ${index}`] = shelf.querySelector('.shelf-head').textContent;
      [...shelf.querySelectorAll('.tile')].forEach((tile, bay) => (parts[`tile ${index}/${bay}`] = `${tile.ariaLabel} ${tile.textContent} ${tile.dataset.kind} ${tile.dataset.c}`));
    });
    parts.shelves = [...document.getElementById('shelves').childNodes].filter((node) => !node.matches?.('.shelf')).map((node) => node.textContent).join();
    for (const node of document.getElementById('drive-body').children) {
      const name = node.querySelector('h3')?.textContent ?? (node.className || node.tagName);
      parts[`drive: ${name}`] = timeless(node.textContent);
    }
    return parts;
  }

  const at = (value, path) => path.reduce((inner, key) => inner[key], value);
  function changed(value, path, odd) {
    if (path.length === 0) return odd;
    const copy = structuredClone(value);
    at(copy, path.slice(0, -1))[path.at(-1)] = odd;
    return copy;
  }
  /** Every path that is not alike another: of a list, the element that says most. */
  function* paths(value, wanted, path = []) {
    if (!wanted(path)) return;
    if (path.length) yield path;
    if (Array.isArray(value) && value.length) {
      const sizes = value.map((one) => JSON.stringify(one).length);
      const index = sizes.indexOf(Math.max(...sizes));
      yield* paths(value[index], wanted, [...path, index]);
    } else if (typeof value === 'object' && value !== null) {
      for (const key of Object.keys(value)) yield* paths(value[key], wanted, [...path, key]);
    }
  }

  /** Which parts may say something else when the value at that path is odd. */
  function concerned(kind, path) {
    const [first, second, third, fourth] = path;
    const drive = ['drive-title', 'drive-sub', 'drive: badges', 'drive: Findings', 'drive: findings', 'drive: copies', 'drive: Place', 'drive: Drive', 'drive: Reading'];
    if (kind === 'health') return ['service', 'version'];
    if (kind === 'drive') {
      const own = {
        ata: ['drive: ATA attributes'],
        scsi: ['drive: SAS error counters', 'drive: SAS counters', 'drive: Defects and mechanics'],
        nvme: ['drive: NVMe health log'],
        self_test: ['drive: Self-tests', 'drive: Log of self-tests'],
        smartctl: ['drive: Self-tests', 'drive: Log of self-tests', 'drive: raw', 'drive: smartctl’s own JSON'],
        by_id: ['drive: copies', 'drive: Names to copy'],
        findings: ['drive: Findings', 'drive: findings'],
        wear: ['drive: Drive'],
        temperature_limits: ['drive: Reading'],
        exit_status: ['drive: Reading'],
      };
      return own[first] ?? drive;
    }
    if (first === 'host') return ['host'];
    if (first === 'sweep') return ['counts'];
    if (first === 'totals') return ['counts', 'say'];
    if (first === 'pools') return ['pools', 'say'];
    if (first === 'zfs_error') return ['say'];
    if (first === 'unslotted') return ['loose', 'say', 'chips'];
    if (first !== 'enclosures') return [];
    if (second === undefined) return null;
    if (third === undefined) return (part) => part.startsWith(`shelf ${second}`) || part.startsWith(`tile ${second}/`) || ['say', 'chips'].includes(part);
    if (third !== 'slots') return [`shelf ${second}`, 'say'];
    if (fourth === undefined) return (part) => part === `shelf ${second}` || part.startsWith(`tile ${second}/`) || ['say', 'chips'].includes(part);
    return [`shelf ${second}`, `tile ${second}/${fourth}`, 'say', 'chips'];
  }

  let rounds = 0;
  async function round(now, before, concern, what) {
    const wrong = problems.length;
    rounds += 1;
    await draw(now);
    if (problems.length > wrong) problems[wrong] = `${what}: ${problems[wrong]}`;
    const after = said();
    for (const [name, text] of Object.entries(after)) if (BAD.test(text)) problems.push(`${what}: ${name} says ${text}`);
    if (concern === null) return after;
    const isConcerned = typeof concern === 'function' ? concern : (part) => concern.includes(part);
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (before[name] !== after[name] && !isConcerned(name)) problems.push(`${what}: ${name} says ${after[name]}, not ${before[name]}`);
    }
    return after;
  }

  async function all(kind, wanted) {
    const before = said();
    for (const path of paths(base[kind], wanted)) {
      for (const odd of VALUES) {
        if (problems.length > 20) return;
        await round({ [kind]: changed(base[kind], path, odd) }, before, concerned(kind, path), `${kind}.${path.join('.')} = ${JSON.stringify(odd)}`);
      }
    }
    await round({}, before, [], `${kind} as it was`);
  }

  await draw({});
  // What a drive in no bay has is what any drive has.
  await all('overview', (path) => path[0] !== 'unslotted' || path.length < 3);
  await all('health', () => true);

  // Many at once, anywhere.
  let state = seed;
  const random = (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
  function damaged(value, depth) {
    if (depth > 0 && random(6) === 0) return [...VALUES, ...MORE][random(VALUES.length + MORE.length)];
    if (Array.isArray(value)) return value.map((one) => damaged(one, depth + 1));
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, damaged(one, depth + 1)]));
    return value;
  }

  // What all drives have is tried with the first, what a kind of drive has with one of that kind.
  const OWN = ['ata', 'scsi', 'nvme', 'self_test', 'smartctl', 'wear', 'temperature_limits'];
  const isOfKind = (path) => path.length === 0 || (OWN.includes(path[0]) && (path[0] !== 'smartctl' || path.length < 2 || /^(ata_smart|nvme)_self_test_log$|^scsi_self_test_0$/.test(path[1])));
  const isDrawn = (path) => isOfKind(path) || !OWN.includes(path[0]);
  for (const [index, device] of devices.entries()) {
    base.drive = await (await given.fetch(`api/drives/${device}`)).json();
    await draw({});
    location.hash = `#/drive/${device}`;
    await until(() => document.querySelector('#drive-body .raw'));
    await draw({});
    await all('drive', index === 0 ? isDrawn : isOfKind);
    for (let batch = 0; batch < 40; batch += 1) {
      const now = { overview: damaged(base.overview, 0), health: damaged(base.health, 0), drive: damaged(base.drive, 0) };
      if (problems.length <= 20) await round(now, {}, null, `seed ${seed}, ${device}, batch ${batch}`);
    }
    await draw({});
    location.hash = '';
    await until(() => !document.getElementById('drive').open);
  }
  return { rounds, milliseconds: Math.round(performance.now() - began), problems: problems.slice(0, 20).map((problem) => problem.slice(0, 600)) };
})(globalThis.given)
