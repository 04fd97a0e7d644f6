// Elements of the page. Values from drives become text or attributes, never markup.

import { guarded, signature, UNREADABLE } from './decode.js';

export const byId = (id) => document.getElementById(id);

/**
 * An element with attributes and children. An attribute that is null or false is omitted, one that is true is empty. A
 * child is a node or text, or a list of these; null and false are omitted.
 */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** The icon of a kind. No colour is used without one. */
export function icon(kind) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#icon-${kind}`);
  svg.append(use);
  return svg;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setHidden(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/** Adds or removes the note that a part of the page is unreadable. */
export function setUnreadable(node, isUnreadable) {
  const note = node.querySelector(':scope > .unreadable');
  if (isUnreadable && !note) node.append(unreadableNote());
  if (!isUnreadable) note?.remove();
}

export const unreadableNote = () => element('p', { class: 'sub unreadable' }, UNREADABLE);

/** What each node was last drawn from. */
const drawnKeys = new WeakMap();

/** Calls `build` unless the node was last built with an equal key. If it throws, the next call builds the node. */
export function memo(node, key, build) {
  const text = signature(key);
  if (drawnKeys.get(node) === text) return;
  drawnKeys.set(node, text);
  try {
    build();
  } catch (error) {
    forgetMemo(node);
    throw error;
  }
}

/** The next `memo` of this node builds it. */
export function forgetMemo(node) {
  drawnKeys.delete(node);
}

/** Draws the part of the page in the element with that id. If it cannot be drawn, it is replaced by "unreadable". */
export function drawPart(id, draw) {
  const fallback = (word) => {
    forgetMemo(byId(id));
    byId(id).replaceChildren(word);
  };
  guarded(id, draw, fallback);
}
