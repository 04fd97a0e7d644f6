// Drives the installed browser for tests/it/page.rs. Reads an order as a line of JSON, and writes its result as one.
//
//   {"open": {"url": …, "viewport": …, "scheme": …, "clock": true}}   opens a page in a new, empty profile; with a
//                                          clock that the test controls
//   {"run": "await see('No problems')"}    runs a script, with the functions below
//   {"close": true}                        returns errors, requests to other hosts and violations of the policy
//
// It ends with its input.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { smaller } from './png.mjs';

const [modules, executablePath] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// Long, so that a slow machine does not fail a test.
const TIMEOUT_MS = 60000;

let browser = null;
let context = null;
let page = null;
let problems = [];

async function open({ url, viewport, scheme, clock }) {
  browser ??= await chromium.launch({ executablePath, headless: true, args });
  await context?.close();
  problems = [];
  context = await browser.newContext({
    viewport: viewport ?? { width: 1280, height: 860 },
    colorScheme: scheme ?? 'light',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  page = await context.newPage();
  page.on(
    'console',
    (message) => ['error', 'warning'].includes(message.type()) && problems.push(`${message.type()}: ${message.text()}`),
  );
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on(
    'request',
    (request) => request.url().startsWith(new URL(url).origin) || problems.push(`a request to ${request.url()}`),
  );
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  if (clock) await page.clock.install();
  await page.goto(url);
}

/** Waits until the text, or text that matches the expression, is visible. */
const see = (text) => page.getByText(text).filter({ visible: true }).first().waitFor();
const gone = (text) => page.getByText(text).filter({ visible: true }).first().waitFor({ state: 'hidden' });
/** A bay by its label. */
const bay = (name) => page.getByRole('gridcell', { name });
const choose = (list, option) => page.getByRole('combobox', { name: list, exact: true }).selectOption(option);
const press = (key) => page.keyboard.press(key);
/** Waits until `look` returns the wanted value or, without one, anything true. */
async function until(look, wanted) {
  const end = Date.now() + TIMEOUT_MS;
  let last;
  while (Date.now() < end) {
    last = await look();
    if (wanted === undefined ? last : String(last) === String(wanted)) return last;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`wanted ${wanted ?? 'a true value'}, found ${last}`);
}
const focused = () =>
  page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id ?? '');
/** The serious and critical violations of accessibility rules that axe finds. */
async function faults() {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const bad = found.violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  return bad.map(
    (one) =>
      `${one.id}: ${one.nodes
        .slice(0, 3)
        .map((node) => `${node.target} ${node.any[0]?.message ?? ''}`)
        .join('; ')}`,
  );
}
async function shot(path, options) {
  writeFileSync(path, smaller(await page.screenshot({ animations: 'disabled', ...options })));
}

const AsyncFunction = (async () => {}).constructor;
const tools = { see, gone, bay, choose, press, until, focused, faults, shot };

async function answer(order) {
  if (order.open) return open(order.open);
  if (order.close) return problems;
  const script = new AsyncFunction('page', 'context', ...Object.keys(tools), order.run);
  try {
    return await script(page, context, ...Object.values(tools));
  } catch (error) {
    // The text that is visible, which `textContent` is not.
    // biome-ignore lint/performance/useDomNodeTextContent: see above
    const seen = await page.evaluate(() => document.body.innerText.slice(0, 1500)).catch(() => '');
    throw new Error(`${error.message}\nThe page shows:\n${seen}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = { ok: (await answer(JSON.parse(line))) ?? null };
  } catch (error) {
    result = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
await browser?.close();
