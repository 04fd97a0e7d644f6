// What the dialog of one drive shows. `drive` is its summary, or its document (`doc`), which has more.

function sections(drive, at, doc) {
  const parts = {
    'Verdict and state': () => badges(drive, at),
    Findings: () => findings(drive),
    'Names to copy': () => copies(drive, doc),
    Place: () => facts('Place', placeFacts(drive, at)),
    Drive: () => facts('Drive', driveFacts(drive, doc)),
    Reading: () => facts('Reading', readingFacts(drive, doc)),
    'ATA attributes': () => doc?.ata && attributes(doc.ata),
    'SAS counters': () => doc?.scsi && counters(doc.scsi),
    'NVMe health log': () => doc?.nvme && facts('NVMe health log', nvmeFacts(doc.nvme)),
    'Self-tests': () => doc && tests(doc),
    'smartctl’s own JSON': () => doc && raw(doc),
  };
  const made = Object.entries(parts).map(([name, make]) => drawn(name, make, () => unreadable(name)));
  return [...made, doc ? null : el('p', { class: 'sub' }, 'Asking for the rest…')].filter(Boolean);
}

/** Stands for a part that cannot be drawn. */
const unreadable = (title) => el('section', {}, el('h3', {}, title), el('p', { class: 'sub odd' }, UNREADABLE));

function badges(drive, at) {
  const kinds = [drive.verdict, isOdd(drive.state) ? UNREADABLE : STATES[drive.state]].filter(Boolean);
  const badge = (kind) => el('span', { class: 'badge', 'data-c': isOdd(kind) ? 'unknown' : kind }, sign(isOdd(kind) ? 'unknown' : kind), capital(pick(KINDS, kind, UNREADABLE)));
  const lit = at?.locate ? el('span', { class: 'badge', 'data-c': 'locate' }, sign('locate'), 'Locate light on') : null;
  const fault = at?.fault ? el('span', { class: 'badge', 'data-c': 'crit' }, sign('warn'), 'Fault light on') : null;
  const temperature = drive.temperature_celsius === null ? null : el('span', { class: 'badge', 'data-c': 'none' }, degrees(drive.temperature_celsius), isCurrent(drive) ? '' : ' when last read');
  const age = aged(drive.collected_at);
  return el('p', { class: 'badges' }, kinds.map(badge), lit, fault, temperature, age ? el('span', { class: 'read' }, 'read ', age) : el('span', { class: 'read' }, 'not read yet'));
}

function findings(drive) {
  if (drive.findings.odd) return unreadable('Findings');
  const items = drive.findings.map((finding) => {
    const measure = [finding.observed !== null ? `observed ${shown(finding.observed)}` : null, finding.limit !== null ? `${typeof finding.limit === 'number' ? 'limit' : 'wanted'} ${shown(finding.limit)}` : null, `rule ${finding.code}`];
    const kind = pick(SEVERITY, finding.severity) === null ? 'unknown' : finding.severity;
    return el('li', { 'data-kind': kind }, sign(kind), el('div', {}, el('b', {}, finding.message), el('span', { class: 'sub' }, measure.filter(Boolean).join(' · '))));
  });
  const why = drive.error ? el('li', { 'data-kind': 'unknown' }, sign('unknown'), el('div', {}, el('b', {}, capital(drive.error)), el('span', { class: 'sub' }, 'why there is no newer reading'))) : null;
  const gone = drive.missing_since ? el('li', { 'data-kind': 'missing' }, sign('missing'), el('div', {}, el('b', {}, 'The drive is gone since '), aged(drive.missing_since))) : null;
  const fine = items.length || why || gone ? null : el('p', { class: 'fine' }, fineWords(drive));
  return el('section', { class: 'findings', 'aria-label': 'Findings' }, el('h3', {}, 'Findings'), fine ?? el('ul', {}, gone, why, items));
}

function fineWords(drive) {
  if (drive.verdict === 'ok') return drive.state === 'standby' || isOdd(drive.state) ? 'Nothing was wrong with it when it was last read.' : 'Nothing is wrong with it.';
  if (drive.state === 'reading') return 'It is being read for the first time.';
  return 'Nothing is known of its health.';
}

/** What one needs in hand at the shelf. */
function copies(drive, doc) {
  const rows = [
    ['serial number', drive.serial_number],
    ...(doc?.by_id ?? []).map((name) => ['by-id name', name]),
    ['by-id names', doc?.by_id.odd ? UNREADABLE : null],
  ].filter(([, text]) => text);
  if (!rows.length) return null;
  return el('section', { class: 'copies', 'aria-label': 'Names to copy' }, el('dl', {}, rows.map(([what, text]) => [el('dt', {}, capital(what)), el('dd', {}, el('code', {}, text), isOdd(text) ? null : copyButton(text, what))])));
}

/** A row for everything that is known. */
function facts(title, rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (!shown.length) return null;
  return el('section', {}, el('h3', {}, title), el('dl', { class: 'facts-list' }, shown.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))));
}

const yes = (value, on, off) => written((is) => (is ? on : off))(value);

function placeFacts(drive, at) {
  const slot = at?.slot;
  const errors = [drive.read_errors, drive.write_errors, drive.checksum_errors];
  return [
    ['Shelf', at?.shelf ? shelfName(at.shelf) : null],
    ['Its id', at?.shelf?.id],
    ['Bay', slot ? `${at.number}${slot.name && slot.name !== at.number ? ` (${slot.name})` : ''}` : null],
    ['Bay known as of', aged(drive.bay_as_of)],
    ['Bay known by', drive?.slot_source && drive.slot_source !== 'ses' ? drive.slot_source : null],
    ['The shelf says', slot?.status],
    ['Contradiction', slot?.contradiction ?? drive?.contradiction],
    ['Power', slot?.power_status],
    ['Locate light', yes(slot?.locate, 'on', 'off')],
    ['Fault', yes(slot?.fault_sensed, 'sensed by the shelf', null)],
    ['Pool', drive.pool],
    ['Vdev', drive.vdev ? `${drive.vdev}${drive.role && drive.role !== 'data' ? ` (${drive.role})` : ''}` : null],
    ['ZFS says', drive.vdev_state],
    ['Also in', drive.memberships.slice(1).map((place) => [placeName(place), place.state].filter(Boolean).join(' ')).join(', ')],
    ['ZFS errors', errors.every((count) => count === null) ? null : errors.every((count) => count === 0) ? 'none' : ['read', 'write', 'checksum'].map((what, index) => `${shown(errors[index]) ?? '?'} ${what}`).join(', ')],
  ];
}

function isLost(path) {
  return path.status === 'failed' || path.status === 'missing';
}

/** `sda over host 0: not asked: the kernel has sda as offline` */
function lostPath(path) {
  const name = path.scsi_host === null ? path.address : `${path.devices[0] ?? path.address} over host ${path.scsi_host}`;
  return path.status === 'missing' ? `${name}: missing` : `${name}: ${path.error ?? 'failed'}`;
}

function driveFacts(drive, doc) {
  const wear = doc?.wear;
  return [
    ['Model', drive.model_name],
    ['Firmware', drive.firmware_version],
    ['Size', bytes(drive.user_capacity_bytes)],
    ['Kind', written((speed) => (speed === 0 ? 'solid state' : `${grouped(speed)} rpm`))(drive.rotation_rate_rpm)],
    ['Protocol', [drive.protocol, drive.transport?.toUpperCase()].filter(Boolean).join(' over ')],
    ['Behind', drive.raid_volume],
    ['Logical units', drive.units.length > 1 ? drive.units.map((unit) => [unit.device, bytes(unit.size_bytes)].filter(Boolean).join(' of ')).join(', ') : null],
    ['Paths', listed(drive.paths)],
    ['Lost paths', listed((doc?.path_states ?? []).filter(isLost).map(lostPath))],
    ['WWN', drive.wwn],
    ['Powered on', hours(drive.power_on_hours)],
    ['Power cycles', shown(doc?.power_cycle_count)],
    ['Endurance used', wear && wear.endurance_used_percent !== null ? `${percent(wear.endurance_used_percent)}${wear.endurance_source === 'guessed' ? ', guessed from an attribute' : ''}` : null],
    ['Spare left', !wear || wear.spare_available_percent === null ? null : `${percent(wear.spare_available_percent)}${wear.spare_threshold_percent === null ? '' : `, at least ${percent(wear.spare_threshold_percent)}`}`],
  ];
}

function readingFacts(drive, doc) {
  const limits = doc?.temperature_limits;
  const heat = limits && [
    [limits.op_limit_max_celsius, 'recommended'],
    [limits.limit_max_celsius, 'allowed'],
    [limits.drive_trip_celsius, 'trip'],
    [limits.critical_limit_max_celsius, 'critical'],
  ].filter(([value]) => value !== null).map(([value, word]) => `${degrees(value)} ${word}`).join(', ');
  const exit = doc?.exit_status;
  return [
    ['SMART status', doc?.smart_status_not_judged ?? yes(doc?.smart_status_passed, 'passed', 'failed')],
    ['Temperature', drive.temperature_celsius === null ? null : `${degrees(drive.temperature_celsius)}${isCurrent(drive) ? '' : ' when last read'}`],
    ['Its own limits', heat || null],
    ['Power mode', doc?.power_mode],
    ['Read', aged(drive.collected_at)],
    ['Last asked', drive.checked_at !== drive.collected_at ? aged(drive.checked_at) : null],
    ['Took', written((ms) => `${grouped(ms)} ms`)(doc?.took_ms)],
    ['smartctl', doc?.smartctl_version],
    ['Exit status', written((value) => (value === 0 ? null : `${value}: ${listed(exit.bits).replaceAll('_', ' ')}`))(exit?.value)],
    ['Device type', doc?.device_type],
  ];
}

function table(title, head, rows) {
  if (rows.odd) return unreadable(title);
  const cells = (row) => row.map((cell, index) => (index === 0 ? el('th', { scope: 'row' }, cell) : el('td', {}, cell ?? '–')));
  return el('section', {}, el('h3', {}, title), el('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': title }, el('table', {}, el('thead', {}, el('tr', {}, head.map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {}, rows.map((row) => el('tr', { 'data-kind': row.kind ?? null }, cells(row.cells)))))));
}

function attributes(ata) {
  const rows = ata.attributes.odd ? ata.attributes : ata.attributes.map((attribute) => ({
    kind: attribute.when_failed === 'now' ? 'crit' : attribute.when_failed ? 'watch' : null,
    cells: [
      shown(attribute.id),
      `${(attribute.name ?? '').replaceAll('_', ' ')}${attribute.prefailure ? ' *' : ''}`,
      shown(attribute.value),
      shown(attribute.worst),
      shown(attribute.thresh),
      attribute.raw_string ?? shown(attribute.raw_value),
      attribute.when_failed === 'now' ? 'failing now' : isOdd(attribute.when_failed) ? UNREADABLE : attribute.when_failed ? 'in the past' : attribute.not_judged ? `not judged: ${attribute.not_judged}` : '',
    ],
  }));
  const all = table('ATA attributes', ['ID', 'Name (* foretells failure)', 'Value', 'Worst', 'Threshold', 'Raw', 'Failed, or not judged'], rows);
  const bits = written((speed) => `${speed / 1e9} Gb/s`);
  all.append(el('p', { class: 'sub' }, [`${shown(ata.error_log_count) ?? 'unknown number of'} entries in the error log`, ata.link_current_bits_per_second === null ? null : `link at ${bits(ata.link_current_bits_per_second)} of ${bits(ata.link_max_bits_per_second) ?? '?'}`].filter(Boolean).join(', ')));
  return all;
}

function counters(scsi) {
  const names = ['read', 'write', 'verify'].filter((name) => scsi[name]);
  const kind = (row) => (row.total_uncorrected_errors > 0 ? 'warn' : null);
  const rows = names.map((name) => ({ kind: kind(scsi[name]), cells: [capital(name), shown(scsi[name].total_uncorrected_errors), shown(scsi[name].total_errors_corrected), shown(scsi[name].errors_corrected_by_rereads_rewrites)] }));
  const section = rows.length ? table('SAS error counters', ['', 'Uncorrected', 'Corrected', 'of these by rereads or rewrites'], rows) : el('section', {}, el('h3', {}, 'SAS counters'));
  const cycles = ({ accumulated, specified }) => (accumulated === null ? null : `${grouped(accumulated)}${specified === null ? '' : ` of ${grouped(specified)} specified`}`);
  const more = facts('Defects and mechanics', [
    ['Grown defects', shown(scsi.grown_defect_list)],
    ['Sectors pending', shown(scsi.pending_defects)],
    ['Errors beside the medium', shown(scsi.non_medium_errors)],
    ['Starts and stops', cycles(scsi.start_stop_cycles)],
    ['Loads and unloads', cycles(scsi.load_unload_cycles)],
  ]);
  return el('div', {}, section, more);
}

function nvmeFacts(log) {
  const units = written((count) => bytes(count * 512000));
  const warning = written((bits) => (bits === 0 ? 'none' : `0x${bits.toString(16).padStart(2, '0')}`));
  const space = ({ id, size_bytes: size }) => `${shown(id)}: ${bytes(size) ?? '?'}`;
  return [
    ['Critical warning', warning(log.critical_warning)],
    ['Spare left', percent(log.available_spare_percent)],
    ['Spare threshold', percent(log.available_spare_threshold_percent)],
    ['Used', percent(log.percentage_used)],
    ['Media errors', shown(log.media_errors)],
    ['Error log entries', shown(log.num_err_log_entries)],
    ['Unsafe shutdowns', shown(log.unsafe_shutdowns)],
    ['Read', units(log.data_units_read)],
    ['Written', units(log.data_units_written)],
    ['Minutes too warm', shown(log.warning_temp_time_minutes)],
    ['Minutes critical', shown(log.critical_comp_time_minutes)],
    ['Namespaces', log.namespaces.odd ? UNREADABLE : log.namespaces.map(space).join(', ')],
  ];
}

/** The newest self-test, and the log of earlier ones where smartctl gave it. */
function tests(doc) {
  const test = doc.self_test;
  const rows = testLog(doc.smartctl);
  const running = written((left) => (left === 0 ? null : `running, ${left} % to go`))(test?.remaining_percent);
  const newest = facts('Self-tests', [
    ['Now', running],
    ['Newest', running ? null : test?.status],
    ['Last result', yes(test?.last_result_passed, 'passed', 'failed')],
  ]);
  const log = rows.odd || rows.length ? table('Log of self-tests', ['Test', 'Result', 'At hour'], rows) : null;
  return newest || log ? el('div', {}, newest, log) : null;
}

/** Each kind of drive has a log of its own: the rows of those that are there. */
function testLog(said) {
  const log = said?.ata_smart_self_test_log;
  const ata = log?.standard?.table ?? log?.extended?.table ?? [];
  const nvme = said?.nvme_self_test_log?.table ?? [];
  const scsi = SCSI_TESTS.map((name) => said?.[name]).filter(Boolean);
  const row = (name, result, hour, passed) => ({
    kind: passed === false && /fail|error/i.test(result?.string ?? '') ? 'warn' : null,
    cells: [name?.string ?? 'test', result?.string, grouped(hour)],
  });
  const rows = [
    ...ata.map((test) => row(test.type, test.status, test.lifetime_hours, test.status?.passed)),
    ...nvme.map((test) => row(test.self_test_code, test.self_test_result, test.power_on_hours, test.self_test_result?.value === 0)),
    ...scsi.map((test) => row(test.code, test.result, test.power_on_time?.hours, test.result?.value === 0)),
  ];
  return ata.odd || nvme.odd || said?.odd ? Object.assign(rows, { odd: true }) : rows;
}

function raw(doc) {
  if (doc.smartctl?.odd) return unreadable('smartctl’s own JSON');
  if (!open.raw) return null;
  return el('details', { class: 'raw' }, el('summary', {}, 'smartctl’s own JSON'), el('pre', { tabindex: '0' }, indented(open.raw)));
}
