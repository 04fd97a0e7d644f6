// The token that the daemon requires: the dialog that asks for it, and where the browser stores it.

import { byId, setHidden, setText } from './dom.js';
import { setToken, token } from './state.js';

/** Several daemons may be behind one proxy, each below a prefix of its own and with a token of its own. */
const STORAGE_KEY = `jbod-monitor-token${location.pathname === '/' ? '' : location.pathname}`;

const REJECTED = 'The daemon rejected this token. Enter the token from the file that JBOD_TOKEN_FILE names.';

/** Uses the token that was stored by an earlier visit. */
export function restoreToken() {
  useToken(storedToken());
}

function storedToken() {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    // The browser allows no storage.
    return null;
  }
}

function useToken(latest) {
  setToken(latest);
  try {
    if (latest === null) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, latest);
  } catch {
    // The browser allows no storage: the token is asked for at the next visit.
  }
  setHidden(byId('sign-out'), latest === null);
  setHidden(byId('token-note'), latest === null);
  // A link cannot send the token.
  for (const link of byId('links').querySelectorAll('a')) link.toggleAttribute('data-disabled', latest !== null);
}

/** Discards the token, if any, and asks for another. */
export function askForToken() {
  if (token() !== null) setText(byId('token-hint'), REJECTED);
  useToken(null);
  const input = byId('token');
  input.value = '';
  const dialog = byId('token-dialog');
  if (!dialog.open) dialog.showModal();
  input.focus();
}

/** Calls `signedIn` with every token that is entered. */
export function listenToSignIn(signedIn) {
  const dialog = byId('token-dialog');
  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    useToken(byId('token').value.trim());
    dialog.close();
    signedIn();
  });
  // Without a token there is nothing to return to.
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  dialog.addEventListener('close', () => {
    if (token() === null) dialog.showModal();
  });
  byId('sign-out').addEventListener('click', () => {
    useToken(null);
    location.reload();
  });
}
