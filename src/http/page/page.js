// The entry module of the page: connects its parts with events of the browser, and starts it. The daemon serves all
// modules joined into one script (src/http/page_script.rs), in which they share a scope.

import { updateAges } from './js/clock.js';
import { byId } from './js/dom.js';
import { followAddress, listenToDialog } from './js/drive_dialog.js';
import { focusFilter, listenToFilter } from './js/filter.js';
import { drawFreshness } from './js/freshness.js';
import { focusTile, moveFocus } from './js/keyboard.js';
import { listenToPrinting } from './js/print_sheet.js';
import { refresh, stopRefreshing } from './js/refresh.js';
import { listenToSignIn, restoreToken } from './js/sign_in.js';

function handleKey(event) {
  if (event.defaultPrevented || event.altKey || event.metaKey) return;
  const { target } = event;
  const isTyping = target.matches?.('input, select, textarea');
  if (event.key === '/' && !isTyping && !event.ctrlKey && !byId('drive').open) {
    event.preventDefault();
    focusFilter();
  } else if (target.matches?.('.tile')) {
    moveFocus(target, event);
  }
}

/** A tile that was focused by other means becomes the tab stop of its shelf. */
function handleFocus({ target }) {
  if (target.matches?.('.tile') && target.tabIndex !== 0) focusTile(target);
}

function handleVisibility() {
  if (document.hidden) stopRefreshing();
  else refresh();
}

function everySecond() {
  updateAges();
  drawFreshness();
}

restoreToken();
listenToFilter();
listenToDialog();
listenToPrinting();
listenToSignIn(refresh);
byId('refresh').addEventListener('click', refresh);
document.addEventListener('visibilitychange', handleVisibility);
document.addEventListener('keydown', handleKey);
document.addEventListener('focusin', handleFocus);
addEventListener('online', refresh);
setInterval(everySecond, 1000);
followAddress();
refresh();
