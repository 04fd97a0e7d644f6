// Times and ages by the daemon's clock, which the clock of this browser carries on between responses.

import { UNREADABLE } from './decode.js';
import { element, setText } from './dom.js';
import { duration, formatter } from './format.js';
import { clockOffset, setClockOffset } from './state.js';

/** The daemon's time, in milliseconds. */
export const now = () => Date.now() + clockOffset();

/** `Date` of a response has whole seconds: a difference of less than two may be rounding. */
const ROUNDING_MS = 2000;

/** Follows the `Date` of a response. */
export function adjustClock(header) {
  const date = Date.parse(header ?? '');
  if (!Number.isNaN(date) && Math.abs(date - now()) > ROUNDING_MS) setClockOffset(date - Date.now());
}

export const ago = formatter((at) => `${duration((now() - at) / 1000)} ago`);

/** Date and time in the time zone of the browser, for paper. */
export const dateAndTime = formatter((at) => {
  const date = new Date(at);
  return `${date.toLocaleDateString('en-CA')} ${date.toLocaleTimeString('en-GB')}`;
});

/** The time of day in the time zone of the browser; with the date unless it is today. */
export const timeOfDay = formatter((at) => {
  const isToday = new Date(at).toDateString() === new Date(now()).toDateString();
  return isToday ? new Date(at).toLocaleTimeString('en-GB') : dateAndTime(at);
});

/** The age of a timestamp, which `updateAges` keeps current. */
export function ageOf(timestamp) {
  if (timestamp === null || timestamp === UNREADABLE) return timestamp;
  const at = Date.parse(timestamp);
  return element('time', { datetime: timestamp, 'data-at': String(at), title: timeOfDay(at) }, ago(at));
}

export const ageOfMoment = (at) => element('time', { 'data-at': String(at) }, ago(at));

export function updateAges() {
  for (const time of document.querySelectorAll('time[data-at]')) setText(time, ago(Number(time.dataset.at)));
}
