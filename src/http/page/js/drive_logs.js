// What only some kinds of drive report: ATA attributes, SAS counters, the NVMe health log, self-tests.

import { SCSI_TEST_NAMES } from './api.js';
import { isUnreadable, markUnreadable, UNREADABLE } from './decode.js';
import { element } from './dom.js';
import { factsSection, section, tableSection } from './drive_parts.js';
import { bytes, capitalized, either, formatter, grouped, minutes, percent, plain } from './format.js';

const ATTRIBUTE_COLUMNS = ['ID', 'Name (* pre-failure)', 'Value', 'Worst', 'Threshold', 'Raw', 'Failed'];

export function attributesSection(ata) {
  const rows = ata.attributes.isUnreadable ? ata.attributes : ata.attributes.map(attributeRow);
  const attributes = tableSection('ATA attributes', ATTRIBUTE_COLUMNS, rows);
  const errors = `${plain(ata.error_log_count) ?? 'unknown number of'} entries in the error log`;
  const note = [errors, linkSpeedText(ata)].filter(Boolean).join(', ');
  attributes.append(element('p', { class: 'sub' }, note));
  return attributes;
}

function attributeRow(attribute) {
  const name = (attribute.name ?? '').replaceAll('_', ' ');
  const cells = [
    plain(attribute.id),
    attribute.prefailure ? `${name} *` : name,
    plain(attribute.value),
    plain(attribute.worst),
    plain(attribute.thresh),
    attribute.raw_string ?? plain(attribute.raw_value),
    attributeFailureText(attribute),
  ];
  return { cells, kind: attributeKind(attribute.when_failed) };
}

function attributeKind(whenFailed) {
  if (whenFailed === 'now') return 'crit';
  return whenFailed ? 'watch' : null;
}

function attributeFailureText({ when_failed: whenFailed, not_judged: notJudged }) {
  if (whenFailed === 'now') return 'failing now';
  if (isUnreadable(whenFailed)) return UNREADABLE;
  if (whenFailed) return 'in the past';
  return notJudged ? `not judged: ${notJudged}` : '';
}

const gigabits = formatter((bits) => `${bits / 1e9} Gb/s`);

function linkSpeedText(ata) {
  const current = gigabits(ata.link_current_bits_per_second);
  if (current === null) return null;
  return `link at ${current} of ${gigabits(ata.link_max_bits_per_second) ?? '?'}`;
}

const COUNTER_COLUMNS = ['', 'Uncorrected', 'Corrected', 'By rereads or rewrites'];

export function sasSection(scsi) {
  const names = ['read', 'write', 'verify'].filter((name) => scsi[name]);
  const rows = names.map((name) => counterRow(name, scsi[name]));
  const title = rows.length ? 'SAS error counters' : 'SAS counters';
  const counters = rows.length ? tableSection(title, COUNTER_COLUMNS, rows) : section(title);
  const more = factsSection('Defects and mechanics', [
    ['Grown defects', plain(scsi.grown_defect_list)],
    ['Pending defects', plain(scsi.pending_defects)],
    ['Non-medium errors', plain(scsi.non_medium_errors)],
    ['Start-stop cycles', cyclesText(scsi.start_stop_cycles)],
    ['Load-unload cycles', cyclesText(scsi.load_unload_cycles)],
  ]);
  return element('div', {}, counters, more);
}

function counterRow(name, counters) {
  const uncorrected = counters.total_uncorrected_errors;
  const corrected = counters.total_errors_corrected;
  const retried = counters.errors_corrected_by_rereads_rewrites;
  const cells = [capitalized(name), plain(uncorrected), plain(corrected), plain(retried)];
  return { cells, kind: uncorrected > 0 ? 'warn' : null };
}

function cyclesText({ accumulated, specified }) {
  const text = grouped(accumulated);
  return text === null || specified === null ? text : `${text} of ${grouped(specified)} specified`;
}

/** Data units of the SMART / Health Information log are 1,000 times 512 bytes (NVM Express Base Specification). */
const NVME_DATA_UNIT = 512_000;
const dataUnits = formatter((count) => bytes(count * NVME_DATA_UNIT));
const warningBits = formatter((bits) => (bits === 0 ? 'none' : `0x${bits.toString(16).padStart(2, '0')}`));
const namespaceText = ({ id, size_bytes: size }) => `${plain(id) ?? '?'}: ${bytes(size) ?? '?'}`;

export function nvmeSection(log) {
  const { namespaces } = log;
  return factsSection('NVMe health log', [
    ['Critical warning', warningBits(log.critical_warning)],
    ['Spare remaining', percent(log.available_spare_percent)],
    ['Spare threshold', percent(log.available_spare_threshold_percent)],
    ['Endurance used', percent(log.percentage_used)],
    ['Media errors', plain(log.media_errors)],
    ['Error log entries', plain(log.num_err_log_entries)],
    ['Unsafe shutdowns', plain(log.unsafe_shutdowns)],
    ['Data read', dataUnits(log.data_units_read)],
    ['Data written', dataUnits(log.data_units_written)],
    ['Time at warning temperature', minutes(log.warning_temp_time_minutes)],
    ['Time at critical temperature', minutes(log.critical_comp_time_minutes)],
    ['Namespaces', namespaces.isUnreadable ? UNREADABLE : namespaces.map(namespaceText).join(', ')],
  ]);
}

const remainingText = formatter((percentLeft) => (percentLeft === 0 ? null : `running, ${percentLeft} % remaining`));

/** The latest self-test, and the log of earlier ones if smartctl printed it. */
export function selfTestsSection(document) {
  const test = document.self_test;
  const running = remainingText(test?.remaining_percent);
  const latest = factsSection('Self-tests', [
    ['Current', running],
    ['Latest', running ? null : test?.status],
    ['Last result', either(test?.last_result_passed, 'passed', 'failed')],
  ]);
  const rows = selfTestRows(document.smartctl);
  const hasLog = rows.isUnreadable || rows.length > 0;
  const log = hasLog ? tableSection('Self-test log', ['Test', 'Result', 'Power-on hours'], rows) : null;
  return latest || log ? element('div', {}, latest, log) : null;
}

/** The rows of the log of any kind of drive: smartctl prints each kind in another form. */
function selfTestRows(smartctl) {
  const ataLog = smartctl?.ata_smart_self_test_log;
  const ata = ataLog?.standard?.table ?? ataLog?.extended?.table ?? [];
  const nvme = smartctl?.nvme_self_test_log?.table ?? [];
  const scsi = SCSI_TEST_NAMES.map((name) => smartctl?.[name]).filter(Boolean);
  const rows = [...ata.map(ataTestRow), ...nvme.map(nvmeTestRow), ...scsi.map(scsiTestRow)];
  return ata.isUnreadable || nvme.isUnreadable || smartctl?.isUnreadable ? markUnreadable(rows) : rows;
}

const ataTestRow = (test) => selfTestRow(test.type, test.status, test.lifetime_hours, test.status?.passed);

function nvmeTestRow({ self_test_code: code, self_test_result: result, power_on_hours: hours }) {
  return selfTestRow(code, result, hours, result?.value === 0);
}

function scsiTestRow({ code, result, power_on_time: time }) {
  return selfTestRow(code, result, time?.hours, result?.value === 0);
}

function selfTestRow(code, result, hours, isPassed) {
  // A test that was aborted or is running has not passed, but has not failed either.
  const isFailed = isPassed === false && /fail|error/i.test(result?.string ?? '');
  return { cells: [code?.string ?? 'test', result?.string, grouped(hours)], kind: isFailed ? 'warn' : null };
}
