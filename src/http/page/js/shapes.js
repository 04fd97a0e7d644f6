// What the daemon's answers look like, as far as the page draws them. docs/api.md says what each field means.

const VERDICTS = { crit: 0, warn: 1, watch: 2, ok: 3, unknown: 4 };
const SEVERITY = { crit: 0, warn: 1, watch: 2 };
/** States of a drive, and what is said of it for each; nothing of one that answers. */
const STATES = { active: null, missing: 'missing', unresponsive: 'silent', reading: 'reading', standby: 'asleep' };

const word = sure(text);
const amount = sure(number);

const FINDINGS = list(object({ code: word, severity: oneOf(SEVERITY), message: word, observed: quantity, limit: quantity }));

const MEMBERSHIPS = list(object({ pool: text, vdev: text, role: text, state: text, read_errors: number, write_errors: number, checksum_errors: number }));
const UNITS = list(object({ device: text, lun: number, size_bytes: number }));

const SUMMARY = {
  device: word,
  paths: list(text),
  units: UNITS,
  serial_number: text,
  wwn: text,
  model_name: text,
  vendor: text,
  firmware_version: text,
  protocol: text,
  transport: text,
  raid_volume: text,
  user_capacity_bytes: number,
  rotation_rate_rpm: number,
  temperature_celsius: number,
  power_on_hours: number,
  state: oneOf(STATES),
  stale: sure(flag),
  verdict: oneOf(VERDICTS),
  findings: FINDINGS,
  error: text,
  bay_as_of: time,
  slot_source: text,
  contradiction: text,
  pool: text,
  vdev: text,
  role: text,
  vdev_state: text,
  read_errors: number,
  write_errors: number,
  checksum_errors: number,
  memberships: MEMBERSHIPS,
  collected_at: time,
  checked_at: time,
  missing_since: time,
};

const SLOT = object({
  slot: number,
  name: text,
  status: text,
  power_status: text,
  locate: flag,
  fault_sensed: flag,
  fault_requested: flag,
  excluded: text,
  contradiction: text,
  drive: maybe(object(SUMMARY)),
});

/** An overview that an earlier version has stored has none. */
const MODULES = (value) => list(object({ sysfs_name: word, missing_since: time }))(isAbsent(value) ? [] : value);

const SHELF = object({
  id: word,
  sysfs_name: word,
  vendor: text,
  model: text,
  missing_since: time,
  modules: MODULES,
  error: text,
  slots: list(SLOT),
  layout: maybe(object({ rows: amount, columns: amount, numbering: word, first_bay: word, guessed: flag })),
});

const ACTIVITY = object({ kind: word, vdev: text, state: word, done_percent: number, started_at: time, text });
/** An overview that an earlier version has stored has none. */
const ACTIVITIES = (value) => list(ACTIVITY)(isAbsent(value) ? [] : value);

const POOL = object({
  name: word,
  state: text,
  scan: sure(object({ kind: word, vdev: text, state: word, done_percent: number, started_at: time, text })),
  activities: ACTIVITIES,
  verdict: oneOf(VERDICTS),
  findings: FINDINGS,
});

const OVERVIEW = object({
  host: word,
  totals: sure(
    object({
      drives: amount,
      paths: amount,
      slots: amount,
      slots_occupied: amount,
      enclosures: amount,
      capacity_bytes: amount,
      hottest_celsius: number,
      by_state: sure(object({ reading: amount, standby: amount })),
    }),
  ),
  sweep: sure(object({ took_ms: number })),
  enclosures: list(SHELF),
  unslotted: list(object(SUMMARY)),
  pools: list(POOL),
  zfs_error: text,
});

const HEALTH = object({ version: word, degraded: list(object({ part: word, error: word, since: sure(time) })) });

const COUNTERS = maybe(object({ total_uncorrected_errors: number, total_errors_corrected: number, errors_corrected_by_rereads_rewrites: number }));
const CYCLES = sure(object({ accumulated: number, specified: number }));

/** smartctl's own, where it is drawn: a value beside its words. */
const SAID = maybe(object({ string: text, value: number, passed: flag }));
const ATA_TESTS = maybe(object({ table: maybe(list(object({ type: SAID, status: SAID, lifetime_hours: number }))) }));
const SCSI_TEST = maybe(object({ code: SAID, result: SAID, power_on_time: maybe(object({ hours: number })) }));
const SCSI_TESTS = Array.from({ length: 20 }, (_, index) => `scsi_self_test_${index}`);

const DOCUMENT = object({
  ...SUMMARY,
  by_id: list(text),
  path_states: list(object({ address: text, devices: list(text), scsi_host: number, status: text, error: text, missing_since: time })),
  power_cycle_count: number,
  wear: maybe(object({ endurance_used_percent: number, endurance_source: text, spare_available_percent: number, spare_threshold_percent: number })),
  temperature_limits: maybe(object({ op_limit_max_celsius: number, limit_max_celsius: number, drive_trip_celsius: number, critical_limit_max_celsius: number })),
  smart_status_passed: flag,
  smart_status_not_judged: text,
  exit_status: sure(object({ value: number, bits: list(text) })),
  power_mode: text,
  took_ms: number,
  smartctl_version: text,
  device_type: text,
  ata: maybe(
    object({
      attributes: list(
        object({ id: amount, name: text, prefailure: flag, value: number, worst: number, thresh: number, raw_value: number, raw_string: text, when_failed: text, not_judged: text }),
      ),
      error_log_count: number,
      link_current_bits_per_second: number,
      link_max_bits_per_second: number,
    }),
  ),
  scsi: maybe(
    object({
      read: COUNTERS,
      write: COUNTERS,
      verify: COUNTERS,
      grown_defect_list: number,
      pending_defects: number,
      non_medium_errors: number,
      start_stop_cycles: CYCLES,
      load_unload_cycles: CYCLES,
    }),
  ),
  nvme: maybe(
    object({
      critical_warning: number,
      available_spare_percent: number,
      available_spare_threshold_percent: number,
      percentage_used: number,
      media_errors: number,
      num_err_log_entries: number,
      unsafe_shutdowns: number,
      data_units_read: number,
      data_units_written: number,
      warning_temp_time_minutes: number,
      critical_comp_time_minutes: number,
      namespaces: list(object({ id: number, size_bytes: number })),
    }),
  ),
  self_test: maybe(object({ status: text, remaining_percent: number, last_result_passed: flag })),
  smartctl: maybe(
    object({
      ata_smart_self_test_log: maybe(object({ standard: ATA_TESTS, extended: ATA_TESTS })),
      nvme_self_test_log: maybe(object({ table: maybe(list(object({ self_test_code: SAID, self_test_result: SAID, power_on_hours: number }))) })),
      ...Object.fromEntries(SCSI_TESTS.map((name) => [name, SCSI_TEST])),
    }),
  ),
});
