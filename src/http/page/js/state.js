// The state of the page: what the daemon has reported, what the address asks for, the connection, and the opened drive.
// Nothing else that changes is shared between modules. The state is replaced by the setters, never changed in place.

const state = {
  overview: null,
  places: [],
  placesByLink: new Map(),
  pageTitle: null,
  clockOffset: 0,
  token: null,
  view: { drive: null, verdicts: new Set(), pool: '', text: '', colour: 'verdict' },
  connection: { outage: null, respondedAt: null, observedAt: null, cache: null, source: null },
  opened: null,
};

/** The latest overview; null before the first. */
export const overview = () => state.overview;
/** Every bay, and every drive that is not in one, in the order of the page. */
export const places = () => state.places;

export function setOverview(latest, latestPlaces) {
  state.overview = latest;
  state.places = latestPlaces;
  state.placesByLink = new Map(latestPlaces.filter((place) => place.drive).map((place) => [place.link, place]));
}

/** The place of the drive with that serial number or device name, as in a link; undefined if there is none. */
export function placeOfDrive(id) {
  const hasName = ({ drive }) => drive && (drive.serial_number === id || drive.paths.includes(id));
  return state.placesByLink.get(id) ?? state.places.find(hasName);
}

/** The title while the daemon responds. */
export const pageTitle = () => state.pageTitle;
export function setPageTitle(title) {
  state.pageTitle = title;
}

/** Milliseconds from the clock of this browser to that of the daemon. */
export const clockOffset = () => state.clockOffset;
export function setClockOffset(milliseconds) {
  state.clockOffset = milliseconds;
}

export const token = () => state.token;
export function setToken(latest) {
  state.token = latest;
}

/**
 * What the address asks for: `drive` is the id of the drive to open, `verdicts` a set of keys of `KINDS`, `pool` a
 * name, `-` for no pool or empty for all, `text` the search text, `colour` one of `COLOUR_MODES`.
 */
export const view = () => state.view;
export function updateView(changes) {
  state.view = { ...state.view, ...changes };
}

/**
 * `outage` is null while the daemon responds, else `{since, kind, reason}`; `respondedAt` is the time of the last
 * response, `observedAt` that of the oldest current reading in it, `cache` and `source` its `X-Cache` and `X-Source`.
 */
export const connection = () => state.connection;
export function updateConnection(changes) {
  state.connection = { ...state.connection, ...changes };
}

/** The drive in the dialog, `{link, etag, document, smartctlJson, error}`; null while the dialog is closed. */
export const opened = () => state.opened;
export function setOpened(drive) {
  state.opened = drive;
}
