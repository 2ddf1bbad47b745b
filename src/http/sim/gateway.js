// The simulated gateway itself: its connection, its version, and what goes wrong with it.

import { $, h } from './dom.js';

const CONTROL = '/gateway-sim/control';
const EVERY = 2000; // ms between two looks
const VERSIONS = ['2.3.0', '2.3.4', '2.3.6', '2.3.7', '2.4.0'];
/** What can go wrong, by field of a fault. */
const FAULTS = {
  send: ['Sends', ['refused', 'closed', 'rate', 'unknown-number', 'kind-refused', 'no-sessions', 'timed-out', '500', 'lookup-closed', 'lookup-rate', 'not-loaded', 'unauthorised', 'licence', 'slow', 'hang', 'sent-then-hang', 'sent-then-failed', 'sent-then-lost', 'no-ack', 'ack-error', 'status-early', 'graph-refused', 'graph-token', 'graph-rate', 'graph-unreachable']],
  webhook: ['Webhooks', ['duplicate', 'reorder', 'drop']],
  lookup: ['Look-ups', ['failing', 'hang', 'empty']],
  connection: ['Connection', ['dropped', 'closed']],
  lid: ['Addresses', ['2.3.0', '2.3.4', '2.3.6', '2.3.7', 'alone']],
};

let instance; // its name
let timer;
const form = $('gateway');
const state = h('span', { class: 'state', id: 'connection' });
const scan = h('button', { type: 'button', class: 'plain', hidden: true, onclick: () => call('PUT', `/instances/${instance}/scan`) }, 'Scan its code');
const version = choice('version', 'Version', VERSIONS);
const count = h('input', { type: 'number', id: 'fault-count', min: 1, max: 999, inputmode: 'numeric', placeholder: 'all' });
const faults = Object.entries(FAULTS).map(([field, [name, kinds]]) => choice(field, name, ['', ...kinds]));

form.append(
  h('p', { class: 'line' }, h('span', {}, 'WhatsApp: ', state, ' ', scan),
    h('span', { class: 'buttons' },
      button('Drop 10 s', 'state', 'PUT', { state: 'connecting', for_ms: 10_000 }),
      button('Log out', 'state', 'PUT', { state: 'close' }),
      button('Open', 'state', 'PUT', { state: 'open' }),
      button('Flood', 'flood', 'POST', { count: 1000, ms: 1000 }))),
  h('div', { class: 'fields' }, version, ...faults, h('p', {}, h('label', { for: 'fault-count' }, 'How many'), count)),
  h('p', { class: 'note', role: 'status', id: 'gateway-note' }));
form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('change', ({ target }) => {
  if (target === version.lastChild) call('PUT', '/version', { version: target.value });
  else setFaults();
});

/** Follows the instance of this business. */
export function open(tenant) {
  instance = tenant.instance;
  follow();
}

export function close() {
  clearInterval(timer);
  timer = undefined;
}

/** Follows again after `close`. */
export function follow() {
  close();
  timer = setInterval(look, EVERY);
  look();
}

async function look() {
  try {
    const found = (await (await fetch(`${CONTROL}/instances`)).json()).find(({ name }) => name === instance);
    state.textContent = found?.state ?? 'no such instance';
    state.className = `state ${{ open: 'ok', connecting: 'warn' }[found?.state] ?? 'bad'}`;
    scan.hidden = !found?.code;
    if (found && document.activeElement !== version.lastChild) version.lastChild.value = found.version;
  } catch {
    state.textContent = 'does not answer';
    state.className = 'state bad';
  }
}

/** Puts what is chosen in place of what went wrong before, all together. */
function setFaults() {
  const times = count.valueAsNumber > 0 ? { count: count.valueAsNumber } : {};
  const chosen = faults.map((field) => field.lastChild).filter(({ value }) => value)
    .map(({ id, value }) => ({ [id.replace('fault-', '')]: value, instance, ...times }));
  return call('PUT', '/faults', chosen, chosen.length ? 'Goes wrong from now on, for this business alone.' : 'Nothing goes wrong any more.');
}

async function call(method, path, body, done = 'Done.') {
  let told = done;
  try {
    const answer = await fetch(`${CONTROL}${path}`, {
      method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error ?? `it answered ${answer.status}`);
  } catch (error) {
    told = `That was not done: ${error.message}.`;
  }
  $('gateway-note').textContent = told;
  look();
}

function button(name, what, method, body) {
  return h('button', { type: 'button', class: 'plain', onclick: () => call(method, `/instances/${instance}/${what}`, body) }, name);
}

function choice(field, name, values) {
  const id = `fault-${field}`;
  return h('p', {}, h('label', { for: id }, name),
    h('select', { id }, ...values.map((value) => h('option', { value }, value || 'as they should'))));
}
