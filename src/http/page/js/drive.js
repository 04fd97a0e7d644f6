// One drive, opened: the dialog, its link, its document, and what it copies.

const open = { link: null, etag: null, doc: null, raw: null, why: null, opener: null, leaving: false };

/** Opens, closes or changes the dialog, as the address says. */
function followAddress() {
  // The way back from a drive has been gone already; what was filtered meanwhile goes along.
  if (open.leaving) {
    open.leaving = false;
    history.replaceState(history.state, '', address());
    return;
  }
  readAddress();
  if (known.overview) drawBays();
  if (wanted.drive === open.link) return;
  if (wanted.drive === null) return closeDialog();
  Object.assign(open, { link: wanted.drive, etag: null, doc: null, raw: null, why: null });
  const dialog = byId('drive');
  if (!dialog.open) {
    open.opener = document.activeElement;
    dialog.showModal();
  }
  byId('drive-body').scrollTop = 0;
  drawDrive();
  byId('drive-title').focus();
  fetchDrive();
}

/** A step in the history, so that Back closes it. */
function openDrive(link) {
  if (link === open.link) return;
  wanted.drive = link;
  history.pushState({ opened: true }, '', address());
  followAddress();
}

/** At once: the history follows in its own time, and keys that come meanwhile are for the page. */
function leaveDrive() {
  if (open.link === null) return;
  wanted.drive = null;
  closeDialog();
  if (history.state?.opened) {
    open.leaving = true;
    history.back();
  } else {
    history.replaceState(null, '', address());
  }
}

function closeDialog() {
  const link = open.link;
  Object.assign(open, { link: null, etag: null, doc: null, raw: null, why: null });
  if (byId('drive').open) byId('drive').close();
  const tile = tiles.get(linked(link)?.key)?.button;
  const opener = open.opener;
  open.opener = null;
  if (opener?.isConnected && opener !== document.body && opener !== byId('text')) opener.focus();
  else if (tile) focusTile(tile);
}

async function fetchDrive() {
  const { link } = open;
  if (link === null) return;
  const answer = await ask(`api/drives/${encodeURIComponent(link)}`, open.etag);
  // Another one may have been opened meanwhile.
  if (open.link !== link) return;
  if (answer.status === 200) {
    open.etag = answer.etag;
    open.raw = rawOf(answer.text);
    open.doc = DOCUMENT(answer.json);
    open.why = null;
  } else if (answer.status !== 304) {
    open.why = answer.status === 404 ? `No drive is called ${link} here (any more).` : answer.why;
  }
  drawDrive();
}

/** smartctl's own JSON as it stands: numbers beyond 2^53 would not survive being parsed. */
function rawOf(text) {
  const at = text.indexOf(',"smartctl":{');
  return at < 0 ? null : text.slice(at + 12, -1);
}

function indented(json) {
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|[[{]\s*[\]}]|[[{\]},:]|\s+/g, (token) => {
    if (token[0] === '"') return token;
    if (token === '{' || token === '[') {
      depth += 1;
      return token + line();
    }
    if (token === '}' || token === ']') {
      depth -= 1;
      return line() + token;
    }
    if (token === ',') return token + line();
    if (token === ':') return ': ';
    return token.trim().replace(/\s+/g, '');
  });
}

function drawDrive() {
  if (open.link === null) return;
  const at = linked(open.link);
  const drive = open.doc ?? at?.drive ?? null;
  const is = signature([open.link, at && { ...at, shelf: at.shelf?.id, words: null }, open.etag, open.why]);
  if (byId('drive-body').dataset.is === is) return;
  byId('drive-body').dataset.is = is;
  part('drive-title', () => setText(byId('drive-title'), drive ? `${at ? at.where : 'In no bay'} · ${drive.device}` : open.link));
  part('drive-sub', () => setText(byId('drive-sub'), drive ? [drive.model_name, bytes(drive.user_capacity_bytes), drive.serial_number].filter(Boolean).join(' · ') : ''));
  part('drive-body', () => drawDriveBody(byId('drive-body'), drive, at));
}

function drawDriveBody(body, drive, at) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.copy : null;
  const isRawOpen = body.querySelector('.raw')?.open ?? false;
  const top = body.scrollTop;
  const why = open.why ? el('p', { class: 'strip' }, sign('unknown'), el('span', {}, open.why)) : null;
  body.replaceChildren(...[why, ...(drive ? sections(drive, at, open.doc) : [])].filter(Boolean));
  const raw = body.querySelector('.raw');
  if (raw) raw.open = isRawOpen;
  body.scrollTop = top;
  if (focused) body.querySelector(`[data-copy="${CSS.escape(focused)}"]`)?.focus();
}

/** Copies also where the page is not served securely, as over plain HTTP by a host's name. */
async function copy(text, what) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyBySelection(text);
  }
  setText(byId('told'), done ? `Copied the ${what}: ${text}` : `This browser does not let the page copy: ${text}`);
  clearTimeout(copy.timer);
  copy.timer = setTimeout(() => setText(byId('told'), ''), 6000);
}

function copyBySelection(text) {
  const area = el('textarea', { class: 'off', readonly: true, 'aria-hidden': 'true' });
  area.value = text;
  const before = document.activeElement;
  byId('drive').append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  before?.focus();
  return done;
}

function copyButton(text, what) {
  return el('button', { type: 'button', class: 'quiet copy', 'data-copy': text, 'aria-label': `Copy ${what} ${text}`, onclick: () => copy(text, what) }, 'Copy');
}

function listenToDrives() {
  document.addEventListener('click', (event) => {
    const isPlain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) && event.button === 0;
    const to = event.target.closest?.('.tile, a[data-link]');
    if (!to || !isPlain) return;
    if (to.matches('.tile')) focusTile(to);
    if (!to.dataset.link) return;
    event.preventDefault();
    openDrive(to.dataset.link);
  });
  byId('drive-close').addEventListener('click', leaveDrive);
  byId('drive').addEventListener('cancel', (event) => {
    event.preventDefault();
    leaveDrive();
  });
  // A browser lets nobody hold a dialog open against a second Escape.
  byId('drive').addEventListener('close', () => open.link !== null && leaveDrive());
  // A click beside the dialog is one on the dialog itself.
  byId('drive').addEventListener('click', (event) => event.target === byId('drive') && leaveDrive());
  addEventListener('popstate', followAddress);
  addEventListener('hashchange', followAddress);
}
