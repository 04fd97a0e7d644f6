// Requests to the daemon.

import { isObject, text } from './decode.js';
import { token } from './state.js';

const TIMEOUT_MS = 8000;

/** A response that the daemon does not send: a proxy may respond in its place. */
export const UNREADABLE_RESPONSE = { status: 0, isUnreadable: true, reason: 'unreadable response' };

/**
 * A GET request, to a path relative to the page, since a reverse proxy may serve it below a prefix. Returns
 * `{status, etag, text, json, headers, reason}`; status 0 if there is no response, or none that can be read.
 */
export async function request(path, etag = null) {
  const headers = {};
  if (etag !== null) headers['If-None-Match'] = etag;
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let response = null;
  let body = '';
  try {
    response = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    body = await response.text();
  } catch (error) {
    const isTimeout = error.name === 'TimeoutError';
    return { status: 0, reason: isTimeout ? `timeout after ${TIMEOUT_MS / 1000} s` : 'no connection' };
  }
  const { status } = response;
  const isJson = (response.headers.get('Content-Type') ?? '').includes('json');
  const json = isJson ? parsedObject(body) : null;
  if (status === 200 && json === null) return UNREADABLE_RESPONSE;
  return {
    status,
    etag: response.headers.get('ETag'),
    text: body,
    json,
    headers: response.headers,
    reason: text(json?.detail) ?? `HTTP status ${status}`,
  };
}

/** The JSON object in the body; null if it is anything else. */
function parsedObject(body) {
  try {
    const json = JSON.parse(body);
    return isObject(json) ? json : null;
  } catch {
    return null;
  }
}
