// The dialog of one drive: opened by a tile or a link, closed by Escape or Back. The address follows it.

import { address, readAddress } from './address.js';
import { decodeDocument } from './api.js';
import { request } from './client.js';
import { byId, drawPart, element, icon, memo, setText } from './dom.js';
import { driveSections } from './drive_sections.js';
import { drawBays } from './filter.js';
import { bytes } from './format.js';
import { smartctlJsonOf } from './json_text.js';
import { focusTile } from './keyboard.js';
import { opened, overview, placeOfDrive, setOpened, updateView, view } from './state.js';
import { tileOf } from './tiles.js';

/** The element that had the focus when the dialog was opened. */
let opener = null;
/** The dialog has been closed, and the history has not yet followed. */
let isGoingBack = false;

/** Opens, changes or closes the dialog as the address requires. */
export function followAddress() {
  if (isGoingBack) {
    isGoingBack = false;
    // The filter may have changed while the drive was open.
    history.replaceState(history.state, '', address());
    return;
  }
  readAddress();
  if (overview()) drawBays();
  const { drive } = view();
  if (drive === (opened()?.link ?? null)) return;
  if (drive === null) closeDialog();
  else openDialog(drive);
}

function openDialog(link) {
  setOpened({ link, etag: null, document: null, smartctlJson: null, error: null });
  const dialog = byId('drive');
  if (!dialog.open) {
    opener = document.activeElement;
    dialog.showModal();
  }
  byId('drive-body').scrollTop = 0;
  drawDrive();
  byId('drive-title').focus();
  fetchDrive();
}

function closeDialog() {
  const place = placeOfDrive(opened()?.link);
  setOpened(null);
  if (byId('drive').open) byId('drive').close();
  const previous = opener;
  opener = null;
  const canFocus = previous?.isConnected && previous !== document.body && previous !== byId('text');
  const tile = place ? tileOf(place.key) : null;
  if (canFocus) previous.focus();
  else if (tile) focusTile(tile.button);
}

/** Opens a drive as a step in the history, so that Back closes it. */
function openDrive(link) {
  if (link === opened()?.link) return;
  updateView({ drive: link });
  history.pushState({ opened: true }, '', address());
  followAddress();
}

/** Closes the dialog at once: `history.back` takes effect later, and keys pressed until then are for the page. */
function leaveDrive() {
  if (opened() === null) return;
  updateView({ drive: null });
  closeDialog();
  if (history.state?.opened) {
    isGoingBack = true;
    history.back();
  } else {
    history.replaceState(null, '', address());
  }
}

/** Requests the document of the opened drive, if there is one. */
export async function fetchDrive() {
  const before = opened();
  if (before === null) return;
  const { link } = before;
  const response = await request(`api/drives/${encodeURIComponent(link)}`, before.etag);
  // Another drive may have been opened since then.
  if (opened()?.link !== link) return;
  if (response.status === 200) {
    const document = decodeDocument(response.json);
    setOpened({ link, etag: response.etag, document, smartctlJson: smartctlJsonOf(response.text), error: null });
  } else if (response.status !== 304) {
    const error = response.status === 404 ? `Drive ${link} not found.` : `No details: ${response.reason}.`;
    setOpened({ ...opened(), error });
  }
  drawDrive();
}

export function drawDrive() {
  if (opened() === null) return;
  const { link, etag, document, error } = opened();
  const place = placeOfDrive(link) ?? null;
  const drive = document ?? place?.drive ?? null;
  // The shelf by its id only: with all its bays, any change of it would redraw the dialog.
  const placeKey = place && { ...place, shelf: place.shelf?.id, searchText: null };
  memo(byId('drive-body'), [link, placeKey, etag, error], () => {
    drawPart('drive-title', () => setText(byId('drive-title'), drive ? titleOf(drive, place) : link));
    drawPart('drive-sub', () => setText(byId('drive-sub'), drive ? subtitleOf(drive) : ''));
    drawPart('drive-body', () => drawBody(drive, place));
  });
}

const titleOf = (drive, place) => `${place ? place.title : 'Not in a bay'} · ${drive.device}`;

function subtitleOf(drive) {
  return [drive.model_name, bytes(drive.user_capacity_bytes), drive.serial_number].filter(Boolean).join(' · ');
}

/** Redraws the body, and keeps its scroll position, the focus and whether the JSON is shown. */
function drawBody(drive, place) {
  const body = byId('drive-body');
  const { document: driveDocument, smartctlJson, error } = opened();
  const { scrollTop } = body;
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.copy : null;
  const isJsonOpen = body.querySelector('.smartctl-json')?.open ?? false;
  const strip = error ? element('p', { class: 'strip' }, icon('unknown'), element('span', {}, error)) : null;
  const sections = drive ? driveSections(drive, place, driveDocument, smartctlJson) : [];
  body.replaceChildren(...[strip, ...sections].filter(Boolean));
  const json = body.querySelector('.smartctl-json');
  if (json) json.open = isJsonOpen;
  body.scrollTop = scrollTop;
  if (focused) body.querySelector(`[data-copy="${CSS.escape(focused)}"]`)?.focus();
}

/** Opens the drive of a tile or link, unless a modifier or another button asks the browser for something else. */
function handleClick(event) {
  const isPlain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) && event.button === 0;
  const target = event.target.closest?.('.tile, a[data-link]');
  if (!target || !isPlain) return;
  if (target.matches('.tile')) focusTile(target);
  if (!target.dataset.link) return;
  event.preventDefault();
  openDrive(target.dataset.link);
}

export function listenToDialog() {
  const dialog = byId('drive');
  document.addEventListener('click', handleClick);
  byId('drive-close').addEventListener('click', leaveDrive);
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    leaveDrive();
  });
  // Browsers close a dialog on the second Escape even if `cancel` is prevented.
  dialog.addEventListener('close', leaveDrive);
  // The target of a click on the backdrop is the dialog itself.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) leaveDrive();
  });
  addEventListener('popstate', followAddress);
  addEventListener('hashchange', followAddress);
}
