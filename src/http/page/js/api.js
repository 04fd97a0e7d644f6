// The shapes of the API's responses, limited to the fields that the page draws. docs/api.md describes all of them.

import { flag, list, listOrAbsent, number, object, oneOf, optional, quantity, required, text, time } from './decode.js';
import { SEVERITIES, STATES, VERDICTS } from './vocabulary.js';

const requiredText = required(text);
const requiredNumber = required(number);

const FINDINGS = list(
  object({
    code: requiredText,
    severity: oneOf(SEVERITIES),
    message: requiredText,
    observed: quantity,
    limit: quantity,
  }),
);

const MEMBERSHIPS = list(
  object({
    pool: text,
    vdev: text,
    role: text,
    state: text,
    read_errors: number,
    write_errors: number,
    checksum_errors: number,
  }),
);

const UNITS = list(object({ device: text, lun: number, size_bytes: number }));

const SUMMARY = {
  device: requiredText,
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
  stale: required(flag),
  verdict: oneOf(VERDICTS),
  findings: FINDINGS,
  error: text,
  bay_as_of: time,
  slot_name: text,
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
  drive: optional(object(SUMMARY)),
});

const LAYOUT = object({
  rows: requiredNumber,
  columns: requiredNumber,
  numbering: requiredText,
  first_bay: requiredText,
  guessed: flag,
});

const SHELF = object({
  id: requiredText,
  sysfs_name: requiredText,
  vendor: text,
  model: text,
  missing_since: time,
  modules: listOrAbsent(object({ sysfs_name: requiredText, missing_since: time })),
  error: text,
  slots: list(SLOT),
  layout: optional(LAYOUT),
});

const ACTIVITY = object({
  kind: requiredText,
  vdev: text,
  state: requiredText,
  done_percent: number,
  started_at: time,
  text,
});

const POOL = object({
  name: requiredText,
  state: text,
  scan: required(ACTIVITY),
  activities: listOrAbsent(ACTIVITY),
  verdict: oneOf(VERDICTS),
  findings: FINDINGS,
});

const TOTALS = object({
  drives: requiredNumber,
  paths: requiredNumber,
  slots: requiredNumber,
  slots_occupied: requiredNumber,
  enclosures: requiredNumber,
  capacity_bytes: requiredNumber,
  hottest_celsius: number,
  by_state: required(object({ reading: requiredNumber, standby: requiredNumber })),
});

/** The body of `/api/overview`. */
export const decodeOverview = object({
  host: requiredText,
  totals: required(TOTALS),
  sweep: required(object({ took_ms: number })),
  enclosures: list(SHELF),
  unslotted: list(object(SUMMARY)),
  pools: list(POOL),
  zfs_error: text,
});

/** The body of `/api/health`. */
export const decodeHealth = object({
  version: requiredText,
  degraded: list(object({ part: requiredText, error: requiredText, since: required(time) })),
});

const ATA = object({
  attributes: list(
    object({
      id: requiredNumber,
      name: text,
      prefailure: flag,
      value: number,
      worst: number,
      thresh: number,
      raw_value: number,
      raw_string: text,
      when_failed: text,
      not_judged: text,
    }),
  ),
  error_log_count: number,
  link_current_bits_per_second: number,
  link_max_bits_per_second: number,
});

const ERROR_COUNTERS = optional(
  object({
    total_uncorrected_errors: number,
    total_errors_corrected: number,
    errors_corrected_by_rereads_rewrites: number,
  }),
);
const CYCLES = required(object({ accumulated: number, specified: number }));

const SCSI = object({
  read: ERROR_COUNTERS,
  write: ERROR_COUNTERS,
  verify: ERROR_COUNTERS,
  grown_defect_list: number,
  pending_defects: number,
  non_medium_errors: number,
  start_stop_cycles: CYCLES,
  load_unload_cycles: CYCLES,
});

const NVME = object({
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
});

/** A code of smartctl's JSON with its text. */
const CODE = optional(object({ string: text, value: number, passed: flag }));
const ATA_TESTS = optional(
  object({ table: optional(list(object({ type: CODE, status: CODE, lifetime_hours: number }))) }),
);
const NVME_TEST = object({ self_test_code: CODE, self_test_result: CODE, power_on_hours: number });
const SCSI_TEST = optional(object({ code: CODE, result: CODE, power_on_time: optional(object({ hours: number })) }));

/** smartctl prints each SCSI self-test under a name of its own, 20 at most (`scsiprint.cpp` of smartmontools). */
export const SCSI_TEST_NAMES = Array.from({ length: 20 }, (_, index) => `scsi_self_test_${index}`);

const SMARTCTL = object({
  ata_smart_self_test_log: optional(object({ standard: ATA_TESTS, extended: ATA_TESTS })),
  nvme_self_test_log: optional(object({ table: optional(list(NVME_TEST)) })),
  ...Object.fromEntries(SCSI_TEST_NAMES.map((name) => [name, SCSI_TEST])),
});

const PATH_STATE = object({
  address: text,
  devices: list(text),
  scsi_host: number,
  status: text,
  error: text,
  missing_since: time,
});

const WEAR = object({
  endurance_used_percent: number,
  endurance_source: text,
  spare_available_percent: number,
  spare_threshold_percent: number,
});

const TEMPERATURE_LIMITS = object({
  op_limit_max_celsius: number,
  limit_max_celsius: number,
  drive_trip_celsius: number,
  critical_limit_max_celsius: number,
});

/** The body of `/api/drives/{id}`. */
export const decodeDocument = object({
  ...SUMMARY,
  by_id: list(text),
  path_states: list(PATH_STATE),
  power_cycle_count: number,
  wear: optional(WEAR),
  temperature_limits: optional(TEMPERATURE_LIMITS),
  smart_status_passed: flag,
  smart_status_not_judged: text,
  exit_status: required(object({ value: number, bits: list(text) })),
  power_mode: text,
  took_ms: number,
  smartctl_version: text,
  device_type: text,
  ata: optional(ATA),
  scsi: optional(SCSI),
  nvme: optional(NVME),
  self_test: optional(object({ status: text, remaining_percent: number, last_result_passed: flag })),
  smartctl: optional(SMARTCTL),
});
