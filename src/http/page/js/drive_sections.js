// The contents of the drive dialog: the drive's verdict, findings and identifiers first, then what its document has.

import { copyButton } from './clipboard.js';
import { ageOf } from './clock.js';
import { guarded, isUnreadable, lookup, UNREADABLE } from './decode.js';
import { element, icon } from './dom.js';
import { driveSection, locationSection, readingSection, temperatureText } from './drive_facts.js';
import { attributesSection, nvmeSection, sasSection, selfTestsSection } from './drive_logs.js';
import { unreadableSection } from './drive_parts.js';
import { capitalized, plain } from './format.js';
import { indentJson } from './json_text.js';
import { KINDS, SEVERITIES, STATES } from './vocabulary.js';

const JSON_TITLE = 'smartctl JSON output';

/**
 * The sections of a drive, each of which may be missing. `drive` is its document, or its summary until that has been
 * received (`document` is null then); `place` is null if the drive is not in the overview.
 */
export function driveSections(drive, place, document, smartctlJson) {
  const builders = {
    'Verdict and state': () => badges(drive, place),
    Findings: () => findingsSection(drive),
    Identifiers: () => identifiersSection(drive, document),
    Location: () => locationSection(drive, place),
    Drive: () => driveSection(drive, document),
    Reading: () => readingSection(drive, document),
    'ATA attributes': () => document?.ata && attributesSection(document.ata),
    'SAS counters': () => document?.scsi && sasSection(document.scsi),
    'NVMe health log': () => document?.nvme && nvmeSection(document.nvme),
    'Self-tests': () => document && selfTestsSection(document),
    [JSON_TITLE]: () => document && jsonSection(document, smartctlJson),
  };
  const sections = Object.entries(builders).map(([name, build]) => {
    return guarded(name, build, () => unreadableSection(name));
  });
  const loading = document ? null : element('p', { class: 'sub' }, 'Loading details…');
  return [...sections, loading].filter(Boolean);
}

function badges(drive, place) {
  const stateKind = isUnreadable(drive.state) ? UNREADABLE : STATES[drive.state];
  const kinds = [drive.verdict, stateKind].filter(Boolean);
  const temperature = temperatureText(drive);
  const age = ageOf(drive.collected_at);
  return element(
    'p',
    { class: 'badges' },
    kinds.map(kindBadge),
    place?.locate ? badge('locate', icon('locate'), 'Locate LED on') : null,
    place?.fault ? badge('crit', icon('warn'), 'Fault LED on') : null,
    temperature === null ? null : badge('none', temperature),
    element('span', { class: 'read' }, age ? ['read ', age] : 'not read yet'),
  );
}

function kindBadge(kind) {
  const shown = isUnreadable(kind) ? 'unknown' : kind;
  return badge(shown, icon(shown), capitalized(lookup(KINDS, kind, UNREADABLE)));
}

const badge = (colour, ...children) => element('span', { class: 'badge', 'data-colour': colour }, children);

function findingsSection(drive) {
  if (drive.findings.isUnreadable) return unreadableSection('Findings');
  const items = [missingItem(drive), errorItem(drive), ...drive.findings.map(findingItem)].filter(Boolean);
  const list = element('ul', {}, items);
  const none = element('p', { class: 'no-findings' }, textWithoutFindings(drive));
  const title = element('h3', {}, 'Findings');
  return element('section', { class: 'findings', 'aria-label': 'Findings' }, title, items.length ? list : none);
}

function findingItem(finding) {
  const kind = lookup(SEVERITIES, finding.severity) === null ? 'unknown' : finding.severity;
  // A limit that is text is a value that the drive should have reported.
  const limitName = typeof finding.limit === 'number' ? 'limit' : 'expected';
  const evidence = [
    finding.observed === null ? null : `observed ${plain(finding.observed)}`,
    finding.limit === null ? null : `${limitName} ${plain(finding.limit)}`,
    `rule ${finding.code}`,
  ];
  return findingsItem(kind, finding.message, element('span', { class: 'sub' }, evidence.filter(Boolean).join(' · ')));
}

function errorItem({ error }) {
  if (!error) return null;
  return findingsItem(
    'unknown',
    capitalized(error),
    element('span', { class: 'sub' }, 'why there is no newer reading'),
  );
}

function missingItem({ missing_since: since }) {
  return since ? findingsItem('missing', 'Missing since ', ageOf(since)) : null;
}

function findingsItem(kind, text, detail) {
  return element('li', { 'data-kind': kind }, icon(kind), element('div', {}, element('b', {}, text), detail));
}

function textWithoutFindings({ verdict, state }) {
  if (verdict === 'ok') {
    return state === 'standby' || isUnreadable(state) ? 'No problems when last read.' : 'No problems.';
  }
  return state === 'reading' ? 'The drive is being read for the first time.' : 'The health of the drive is unknown.';
}

/** The names that identify the drive at the shelf and on the command line. */
function identifiersSection(drive, document) {
  const byIdNames = document?.by_id ?? [];
  const rows = [
    ['serial number', drive.serial_number],
    ...byIdNames.map((name) => ['by-id name', name]),
    ['by-id names', byIdNames.isUnreadable ? UNREADABLE : null],
  ].filter(([, value]) => value);
  if (!rows.length) return null;
  const list = element('dl', {}, rows.map(identifierRow));
  return element('section', { class: 'identifiers', 'aria-label': 'Identifiers' }, list);
}

function identifierRow([name, value]) {
  const button = isUnreadable(value) ? null : copyButton(value, name);
  return [element('dt', {}, capitalized(name)), element('dd', {}, element('code', {}, value), button)];
}

function jsonSection(document, smartctlJson) {
  if (document.smartctl?.isUnreadable) return unreadableSection(JSON_TITLE);
  if (!smartctlJson) return null;
  const text = element('pre', { tabindex: '0' }, indentJson(smartctlJson));
  return element('details', { class: 'smartctl-json' }, element('summary', {}, JSON_TITLE), text);
}
