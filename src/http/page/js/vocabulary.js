// Words of the API, and what the page shows for them.

/** Verdicts, worst first. */
export const VERDICTS = { crit: 0, warn: 1, watch: 2, ok: 3, unknown: 4 };
/** Severities of a finding, worst first. */
export const SEVERITIES = { crit: 0, warn: 1, watch: 2 };
/** States of a drive, and the kind under which each is shown: an active drive is shown by its verdict. */
export const STATES = {
  active: null,
  missing: 'missing',
  unresponsive: 'silent',
  reading: 'reading',
  standby: 'asleep',
};

/**
 * The kinds of tile, in order of importance. The keys are part of links (`#?verdict=asleep`), of the style sheet, and
 * of the names of the icons.
 */
export const KINDS = {
  crit: 'critical',
  warn: 'warning',
  watch: 'watch',
  unknown: 'unknown',
  silent: 'unresponsive',
  missing: 'missing',
  reading: 'reading',
  asleep: 'standby',
  ok: 'healthy',
};

/** `X-Source` of a response. */
export const SOURCES = { redis: 'Redis', memory: 'the daemon’s memory', smartctl: 'the drives' };

/** What tiles can be coloured by; the keys are part of links (`#?colour=age`). */
export const COLOUR_MODES = ['verdict', 'temperature', 'pool', 'age', 'model'];
