// Copying to the clipboard.

import { byId, element, setText } from './dom.js';

/** How long the notice is shown. */
const NOTICE_MS = 6000;
let noticeTimer = 0;

export function copyButton(text, name) {
  const attributes = {
    type: 'button',
    class: 'secondary copy',
    'data-copy': text,
    'aria-label': `Copy ${name} ${text}`,
  };
  const button = element('button', attributes, 'Copy');
  button.addEventListener('click', () => copy(text, name));
  return button;
}

async function copy(text, name) {
  const isCopied = (await copyByApi(text)) || copyBySelection(text);
  setText(byId('notice'), isCopied ? `Copied ${name}: ${text}` : `The browser blocked copying: ${text}`);
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => setText(byId('notice'), ''), NOTICE_MS);
}

/** The clipboard API exists in secure contexts only: over HTTPS, or at localhost. */
async function copyByApi(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Works over plain HTTP, too. */
function copyBySelection(text) {
  const area = element('textarea', { class: 'off-screen', readonly: true, 'aria-hidden': 'true' });
  area.value = text;
  const focused = document.activeElement;
  byId('drive').append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  focused?.focus();
  return isCopied;
}
