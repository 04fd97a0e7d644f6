// What the dialog of one drive shows. `drive` is its summary, or its document (`doc`), which has more.

function sections(drive, at, doc) {
  return [
    badges(drive, at),
    findings(drive, doc),
    copies(drive, doc),
    facts('Place', placeFacts(drive, at)),
    facts('Drive', driveFacts(drive, doc)),
    facts('Reading', readingFacts(drive, doc)),
    doc?.ata && attributes(doc.ata),
    doc?.scsi && counters(doc.scsi),
    doc?.nvme && facts('NVMe health log', nvmeFacts(doc.nvme)),
    doc && tests(doc),
    doc && raw(),
    doc ? null : el('p', { class: 'sub' }, 'Asking for the rest…'),
  ].filter(Boolean);
}

function badges(drive, at) {
  const kinds = [drive.verdict, STATES[drive.state]].filter(Boolean);
  const badge = (kind) => el('span', { class: 'badge', 'data-c': kind }, sign(kind), capital(KINDS[kind]));
  const lit = at?.locate ? el('span', { class: 'badge', 'data-c': 'locate' }, sign('locate'), 'Locate light on') : null;
  const fault = at?.fault ? el('span', { class: 'badge', 'data-c': 'crit' }, sign('warn'), 'Fault light on') : null;
  const temperature = drive.temperature_celsius === null ? null : el('span', { class: 'badge', 'data-c': 'none' }, degrees(drive.temperature_celsius), isCurrent(drive) ? '' : ' when last read');
  const age = aged(drive.collected_at);
  return el('p', { class: 'badges' }, kinds.map(badge), lit, fault, temperature, age ? el('span', { class: 'read' }, 'read ', age) : el('span', { class: 'read' }, 'not read yet'));
}

function findings(drive) {
  const items = drive.findings.map((finding) => {
    const measure = [finding.observed !== null ? `observed ${finding.observed}` : null, finding.limit !== null ? `${typeof finding.limit === 'number' ? 'limit' : 'wanted'} ${finding.limit}` : null, `rule ${finding.code}`];
    return el('li', { 'data-kind': finding.severity }, sign(finding.severity), el('div', {}, el('b', {}, finding.message), el('span', { class: 'sub' }, measure.filter(Boolean).join(' · '))));
  });
  const why = drive.error ? el('li', { 'data-kind': 'unknown' }, sign('unknown'), el('div', {}, el('b', {}, capital(drive.error)), el('span', { class: 'sub' }, 'why there is no newer reading'))) : null;
  const gone = drive.missing_since ? el('li', { 'data-kind': 'missing' }, sign('missing'), el('div', {}, el('b', {}, 'The drive is gone since '), aged(drive.missing_since))) : null;
  const fine = items.length || why || gone ? null : el('p', { class: 'fine' }, fineWords(drive));
  return el('section', { class: 'findings', 'aria-label': 'Findings' }, el('h3', {}, 'Findings'), fine ?? el('ul', {}, gone, why, items));
}

function fineWords(drive) {
  if (drive.verdict === 'ok') return drive.state === 'standby' ? 'Nothing was wrong with it when it was last read.' : 'Nothing is wrong with it.';
  if (drive.state === 'reading') return 'It is being read for the first time.';
  return 'Nothing is known of its health.';
}

/** What one needs in hand at the shelf. */
function copies(drive, doc) {
  const rows = [
    ['serial number', drive.serial_number],
    ...(doc?.by_id ?? []).map((name) => ['by-id name', name]),
  ].filter(([, text]) => text);
  if (!rows.length) return null;
  return el('section', { class: 'copies', 'aria-label': 'Names to copy' }, el('dl', {}, rows.map(([what, text]) => [el('dt', {}, capital(what)), el('dd', {}, el('code', {}, text), copyButton(text, what))])));
}

/** A row for everything that is known. */
function facts(title, rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (!shown.length) return null;
  return el('section', {}, el('h3', {}, title), el('dl', { class: 'facts-list' }, shown.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))));
}

function placeFacts(drive, at) {
  const slot = at?.slot;
  const errors = [drive.read_errors, drive.write_errors, drive.cksum_errors];
  const yes = (value, on, off) => (value === null || value === undefined ? null : value ? on : off);
  return [
    ['Shelf', at?.shelf ? shelfName(at.shelf) : null],
    ['Its id', at?.shelf?.id],
    ['Bay', slot ? `${slot.slot}${slot.name && slot.name !== String(slot.slot) ? ` (${slot.name})` : ''}` : null],
    ['The shelf says', slot?.status],
    ['Power', slot?.power_status],
    ['Locate light', yes(slot?.locate, 'on', 'off')],
    ['Fault', slot ? yes(slot.fault_sensed, 'sensed by the shelf', null) : null],
    ['Pool', drive.pool],
    ['Vdev', drive.vdev ? `${drive.vdev}${drive.role && drive.role !== 'data' ? ` (${drive.role})` : ''}` : null],
    ['ZFS says', drive.vdev_state],
    ['ZFS errors', errors.every((count) => count === null) ? null : errors.every((count) => count === 0) ? 'none' : `${errors[0] ?? '?'} read, ${errors[1] ?? '?'} write, ${errors[2] ?? '?'} checksum`],
  ];
}

function driveFacts(drive, doc) {
  const speed = drive.rotation_rate_rpm;
  const wear = doc?.wear;
  return [
    ['Model', drive.model_name],
    ['Firmware', drive.firmware_version],
    ['Size', bytes(drive.user_capacity_bytes)],
    ['Kind', speed === null ? null : speed === 0 ? 'solid state' : `${number(speed)} rpm`],
    ['Protocol', [drive.protocol, drive.transport?.toUpperCase()].filter(Boolean).join(' over ')],
    ['Behind', drive.behind],
    ['Paths', drive.paths.join(', ')],
    ['WWN', drive.wwn],
    ['Powered on', hours(drive.power_on_hours)],
    ['Power cycles', doc?.power_cycle_count ?? null],
    ['Endurance used', percent(wear?.endurance_used_percent)],
    ['Spare left', wear?.spare_available_percent === null || !wear ? null : `${percent(wear.spare_available_percent)}${wear.spare_threshold_percent === null ? '' : `, at least ${percent(wear.spare_threshold_percent)}`}`],
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
  const status = doc?.smart_status_passed;
  const exit = doc?.exit_status;
  return [
    ['SMART status', status === null || status === undefined ? null : status ? 'passed' : 'failed'],
    ['Temperature', drive.temperature_celsius === null ? null : `${degrees(drive.temperature_celsius)}${isCurrent(drive) ? '' : ' when last read'}`],
    ['Its own limits', heat || null],
    ['Power mode', doc?.power_mode],
    ['Read', aged(drive.collected_at)],
    ['Last asked', drive.checked_at !== drive.collected_at ? aged(drive.checked_at) : null],
    ['Took', doc?.took_ms === null || !doc ? null : `${number(doc.took_ms)} ms`],
    ['smartctl', doc?.smartctl_version],
    ['Exit status', exit?.value ? `${exit.value}: ${exit.bits.join(', ').replaceAll('_', ' ')}` : null],
    ['Device type', doc?.device_type],
  ];
}

function table(title, head, rows) {
  const cells = (row) => row.map((cell, index) => (index === 0 ? el('th', { scope: 'row' }, cell) : el('td', {}, cell ?? '–')));
  return el('section', {}, el('h3', {}, title), el('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': title }, el('table', {}, el('thead', {}, el('tr', {}, head.map((name) => el('th', { scope: 'col' }, name)))), el('tbody', {}, rows.map((row) => el('tr', { 'data-kind': row.kind ?? null }, cells(row.cells)))))));
}

const text = (value) => (value === null || value === undefined ? null : String(value));

function attributes(ata) {
  const rows = ata.attributes.map((attribute) => ({
    kind: attribute.when_failed === 'now' ? 'crit' : attribute.when_failed ? 'watch' : null,
    cells: [
      String(attribute.id),
      `${(attribute.name ?? '').replaceAll('_', ' ')}${attribute.prefailure ? ' *' : ''}`,
      text(attribute.value),
      text(attribute.worst),
      text(attribute.thresh),
      attribute.raw_string ?? text(attribute.raw_value),
      attribute.when_failed === 'now' ? 'failing now' : attribute.when_failed ? 'in the past' : '',
    ],
  }));
  const all = table('ATA attributes', ['ID', 'Name (* foretells failure)', 'Value', 'Worst', 'Threshold', 'Raw', 'Failed'], rows);
  const bits = (speed) => (speed === null ? null : `${speed / 1e9} Gb/s`);
  all.append(el('p', { class: 'sub' }, [`${ata.error_log_count ?? 'unknown number of'} entries in the error log`, ata.link_current_bits_per_second === null ? null : `link at ${bits(ata.link_current_bits_per_second)} of ${bits(ata.link_max_bits_per_second) ?? '?'}`].filter(Boolean).join(', ')));
  return all;
}

function counters(scsi) {
  const names = ['read', 'write', 'verify'].filter((name) => scsi[name]);
  const kind = (row) => (row.total_uncorrected_errors > 0 ? 'warn' : null);
  const rows = names.map((name) => ({ kind: kind(scsi[name]), cells: [capital(name), text(scsi[name].total_uncorrected_errors), text(scsi[name].total_errors_corrected), text(scsi[name].errors_corrected_by_rereads_rewrites)] }));
  const section = rows.length ? table('SAS error counters', ['', 'Uncorrected', 'Corrected', 'of these by rereads or rewrites'], rows) : el('section', {}, el('h3', {}, 'SAS counters'));
  const cycles = ({ accumulated, specified }) => (accumulated === null ? null : `${number(accumulated)}${specified === null ? '' : ` of ${number(specified)} specified`}`);
  const more = facts('Defects and mechanics', [
    ['Grown defects', text(scsi.grown_defect_list)],
    ['Sectors pending', text(scsi.pending_defects)],
    ['Errors beside the medium', text(scsi.non_medium_errors)],
    ['Starts and stops', cycles(scsi.start_stop_cycles)],
    ['Loads and unloads', cycles(scsi.load_unload_cycles)],
  ]);
  return el('div', {}, section, more);
}

function nvmeFacts(log) {
  const units = (count) => (count === null ? null : bytes(count * 512000));
  return [
    ['Critical warning', log.critical_warning === null ? null : log.critical_warning === 0 ? 'none' : `0x${log.critical_warning.toString(16).padStart(2, '0')}`],
    ['Spare left', percent(log.available_spare_percent)],
    ['Spare threshold', percent(log.available_spare_threshold_percent)],
    ['Used', percent(log.percentage_used)],
    ['Media errors', text(log.media_errors)],
    ['Error log entries', text(log.num_err_log_entries)],
    ['Unsafe shutdowns', text(log.unsafe_shutdowns)],
    ['Read', units(log.data_units_read)],
    ['Written', units(log.data_units_written)],
    ['Minutes too warm', text(log.warning_temp_time_minutes)],
    ['Minutes critical', text(log.critical_comp_time_minutes)],
    ['Namespaces', log.namespaces.map((space) => `${space.id}: ${bytes(space.size_bytes) ?? '?'}`).join(', ')],
  ];
}

/** The newest self-test, and the log of earlier ones where smartctl gave it. */
function tests(doc) {
  const test = doc.self_test;
  const rows = testLog(doc.smartctl ?? {});
  if (!test && !rows.length) return null;
  const running = test?.remaining_percent ? `running, ${test.remaining_percent} % to go` : null;
  const result = (passed) => (passed === null || passed === undefined ? null : passed ? 'passed' : 'failed');
  const newest = facts('Self-tests', [
    ['Now', running],
    ['Newest', running ? null : test?.status],
    ['Last result', result(test?.last_result_passed)],
  ]);
  return el('div', {}, newest, rows.length ? table('Log of self-tests', ['Test', 'Result', 'At hour'], rows) : null);
}

function testLog(said) {
  const ata = said.ata_smart_self_test_log?.standard?.table ?? said.ata_smart_self_test_log?.extended?.table ?? [];
  const nvme = said.nvme_self_test_log?.table ?? [];
  const scsi = Array.from({ length: 20 }, (_, index) => said[`scsi_self_test_${index}`]).filter(Boolean);
  const rows = [
    ...ata.map((row) => [row.type?.string, row.status?.string, row.lifetime_hours, row.status?.passed]),
    ...nvme.map((row) => [row.self_test_code?.string, row.self_test_result?.string, row.power_on_hours, row.self_test_result?.value === 0]),
    ...scsi.map((row) => [row.code?.string, row.result?.string, row.power_on_time?.hours, row.result?.value === 0]),
  ];
  return rows.map(([name, result, hour, passed]) => ({ kind: passed === false && /fail|error/i.test(result ?? '') ? 'warn' : null, cells: [text(name) ?? 'test', text(result), hour === undefined ? null : number(hour)] }));
}

function raw() {
  if (!open.raw) return null;
  return el('details', { class: 'raw' }, el('summary', {}, 'smartctl’s own JSON'), el('pre', { tabindex: '0' }, open.raw));
}
