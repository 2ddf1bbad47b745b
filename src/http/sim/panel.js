// Behind the scenes: the rows of Postgres that the conversation moves, live.

import { $, h, countdown, forget, fromNow, light, localTime, now, reconcile, setNow } from './dom.js';
import { shown as shownPhone } from './people.js';

const STEPS = [
  ['greeting', 'Greeting', 'Says hello and shows what can be booked.'],
  ['service_selection', 'Service', 'Waits for one service or several.'],
  ['date_time', 'Time', 'Waits for a day, a time, or the number of a proposed slot.'],
  ['confirmation', 'Confirm', 'The time is held while the customer decides.'],
  ['completed', 'Booked', 'The booking is committed; change or cancel at any time.'],
];
const RETRY = 2000; // ms

let tenant;
let customer;
let stream;
let onMode = () => {};
const opened = new Set(); // ids of rows whose snippet is shown

/** Shows what the database knows of this customer, and follows it. */
export function open(nextTenant, nextCustomer, tellMode) {
  close();
  tenant = nextTenant;
  customer = nextCustomer;
  onMode = tellMode;
  lists().forEach(forget);
  $('conversation').shown = undefined;
  follow();
}

export function close() {
  stream?.close();
  stream = undefined;
}

/** Follows again after `close`. */
export function follow() {
  if (!tenant || stream) return;
  const query = new URLSearchParams({ tenant: tenant.slug, phone: `+${customer.phone}` });
  const mine = new EventSource(`/sim/watch?${query}`);
  stream = mine;
  mine.addEventListener('open', () => live('on', 'live'));
  mine.addEventListener('snapshot', (event) => render(JSON.parse(event.data)));
  mine.addEventListener('trouble', (event) => live('off', event.data));
  mine.addEventListener('error', () => {
    if (stream !== mine) return;
    live('off', 'not connected; trying again');
    if (mine.readyState !== EventSource.CLOSED) return;
    stream = undefined; // refused: too many pages watch, or the server is starting
    setTimeout(follow, RETRY);
  });
}

const lists = () => ['bookings', 'reminders', 'jobs', 'turns'].map($);

function live(state, words) {
  $('live').dataset.state = state;
  $('live').textContent = words;
}

function render(seen) {
  setNow(seen.now);
  live('on', 'live');
  renderConversation(seen.conversation);
  renderPeek(seen);
  reconcile($('bookings'), seen.bookings, booking, 'None yet. A chosen time appears here as a hold.');
  const next = seen.reminders.find(({ status }) => status === 'planned');
  reconcile($('reminders'), seen.reminders.map((row) => ({ ...row, next: row === next })), reminder, 'Planned in the same transaction as the booking.');
  reconcile($('jobs'), seen.jobs, job, 'None yet. Each message that comes in makes one.');
  reconcile($('turns'), seen.turns, turn, 'None yet. Each turn notes what was read and decided.');
  onMode(seen.conversation?.mode);
  tick();
}

function renderConversation(conversation) {
  const place = $('conversation');
  const text = JSON.stringify(conversation);
  if (place.shown === text) return;
  const changed = place.shown !== undefined;
  place.shown = text;
  const at = STEPS.findIndex(([state]) => state === conversation?.state);
  const steps = STEPS.map(([state, name], index) =>
    h('li', { class: index < at ? 'past' : index === at ? 'here' : '', 'aria-current': index === at && 'step', title: state }, h('span', {}, name)));
  const facts = h('p', { class: 'facts' },
    h('strong', {}, conversation?.name ?? customer.name), ` ${shownPhone(customer.phone)} `,
    conversation && chip(conversation.mode === 'human' ? 'warn' : 'ok', conversation.mode === 'human' ? 'human answers' : 'bot answers'),
    conversation?.opted_out_at && chip('bad', 'no reminders'));
  const note = !conversation ? 'Never wrote here. The row appears with the first message.'
    : conversation.mode === 'human' ? 'A person was asked for: the bot stays silent until the mode is bot again.'
      : STEPS[at]?.[2] ?? '';
  place.replaceChildren(h('ol', { class: 'steps' }, ...steps), facts, h('p', { class: 'note' }, note),
    ...(conversation?.mode === 'human' ? [snippet(conversation.id, 'Let the bot answer again with SQL',
      `update app.conversations set mode = 'bot' where id = '${conversation.id}';`, 'Run it in psql, then write a message.')] : []));
  if (changed) light(place);
}

/** On a narrow screen, one line stands for the panel. */
function renderPeek({ conversation, bookings }) {
  const at = STEPS.findIndex(([state]) => state === conversation?.state);
  $('dots').replaceChildren(...STEPS.map((_, index) => h('i', { class: index < at ? 'past' : index === at ? 'here' : '' })));
  const current = bookings.find((b) => ['held', 'confirmed'].includes(b.status));
  const state = conversation?.mode === 'human' ? 'A person answers' : STEPS[at]?.[1] ?? 'Behind the scenes';
  $('peek-text').textContent = current ? `${state} · ${current.status} ${current.code}` : state;
}

const BOOKING_KINDS = { held: 'warn', confirmed: 'ok', arrived: 'info', completed: 'info', cancelled: 'bad', no_show: 'bad' };

function booking(row) {
  const statement = `update app.bookings set status = 'cancelled' where code = '${row.code.replaceAll("'", "''")}';`;
  return h('li', { class: 'row' },
    h('p', { class: 'line' }, h('strong', {}, `${row.service} with ${row.staff}`), chip(BOOKING_KINDS[row.status], row.status)),
    h('p', {}, `${localTime(row.starts_at, tenant.timezone)} to ${hour(row.ends_at)}`),
    h('p', { class: 'note' }, 'code ', h('code', {}, row.code), `, revision ${row.revision}`,
      row.cancel_reason && `, ${row.cancel_reason}`),
    row.status === 'held' && h('p', { class: 'hold', 'data-until': row.hold_expires_at, 'data-from': row.created_at },
      h('span', {}), h('span', { class: 'left' }, h('i', {}))),
    ['held', 'confirmed', 'arrived'].includes(row.status) && snippet(row.id, 'Cancel this booking with SQL', statement,
      'Run it in psql: the customer is told, the reminders are called off, the audit has a row.'));
}

/** A button that shows something to copy, and stays open while its row changes. */
function snippet(id, title, text, note) {
  const open = opened.has(id);
  const box = h('div', { class: 'sql', hidden: !open },
    h('pre', { tabindex: '0', 'aria-label': title }, h('code', {}, text)),
    h('button', { type: 'button', class: 'plain', onclick: (event) => copy(text, event.currentTarget, box) }, 'Copy'),
    h('p', { class: 'note' }, note));
  const toggle = h('button', { type: 'button', class: 'plain', 'aria-expanded': String(open) }, title);
  toggle.addEventListener('click', () => {
    box.hidden = !box.hidden;
    toggle.setAttribute('aria-expanded', String(!box.hidden));
    if (box.hidden) opened.delete(id); else opened.add(id);
  });
  return h('div', {}, toggle, box);
}

async function copy(text, button, place) {
  let told = 'Copied';
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard for pages without https, save on this machine: mark it, the keyboard copies.
    getSelection().selectAllChildren(place.querySelector('code'));
    told = 'Marked: press Ctrl C';
  }
  button.textContent = told;
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}

const REMINDER_KINDS = { planned: 'info', sent: 'ok', skipped: 'mute', cancelled: 'mute', failed: 'bad' };

function reminder(row) {
  const before = /^reminder_(\d+)(d|h|m)$/u.exec(row.kind);
  const name = before ? `${before[1]} ${{ d: 'days', h: 'h', m: 'min' }[before[2]]} before` : row.kind;
  const planned = row.status === 'planned';
  const soon = new Date(Date.parse(row.due_at) - 60_000).toISOString().replace('.000', '');
  return h('li', { class: 'row' },
    h('p', { class: 'line' }, h('strong', { title: row.kind }, name), chip(REMINDER_KINDS[row.status], row.status)),
    h('p', {}, localTime(row.due_at, tenant.timezone), planned && h('span', { class: 'note', 'data-at': row.due_at }),
      h('span', { class: 'note' }, ', ', h('code', {}, row.code), row.revision > 1 && ` revision ${row.revision}`,
        row.reason && `, ${row.reason}`)),
    row.next && snippet(row.id, 'See it go out', `pontual dev --clock ${soon}`,
      'Stop the server and start it so: its clock begins a minute before. Needs a database that was kept, so no --ephemeral.'));
}

const JOB_KINDS = { waiting: 'warn', scheduled: 'info', running: 'info', dead: 'bad', done: 'ok' };

function job(row) {
  return h('li', { class: 'row' },
    h('p', { class: 'line' }, h('code', {}, row.kind), chip(JOB_KINDS[row.state], row.state)),
    h('p', { class: 'note' }, `${localTime(row.run_at, tenant.timezone)},`, h('span', { 'data-at': row.run_at }),
      `, attempt ${row.attempts} of ${row.max_attempts}`),
    row.error && h('p', { class: 'error' }, row.error));
}

const hour = (iso) => localTime(iso, tenant.timezone).split(', ')[1];
const stepName = (state) => STEPS.find(([known]) => known === state)?.[1] ?? state ?? '–';

function turn(row) {
  const said = row.said.filter(Boolean).map((text) => `“${text}”`).join(' ') || row.event;
  const path = row.before === row.after ? stepName(row.after) : `${stepName(row.before)} → ${stepName(row.after)}`;
  return h('li', { class: 'row' },
    h('p', { class: 'line' }, h('span', { class: 'said' }, said), h('span', { class: 'note', 'data-at': row.at })),
    h('p', {}, path),
    row.effects.length > 0 && h('p', { class: 'effects' }, ...row.effects.map((effect) => chip('mute', effect))));
}

const chip = (kind, words) => h('span', { class: `state ${kind ?? 'mute'}` }, String(words).replaceAll('_', ' '));

/** Everything that depends on the time alone. */
export function tick() {
  for (const element of document.querySelectorAll('[data-at]')) element.textContent = ` ${fromNow(element.dataset.at)}`;
  for (const hold of document.querySelectorAll('[data-until]')) {
    const left = countdown(hold.dataset.until);
    const until = Date.parse(hold.dataset.until);
    const share = (until - now()) / Math.max(1, until - Date.parse(hold.dataset.from));
    hold.firstChild.textContent = left
      ? `held until ${hour(hold.dataset.until)}, ${left} left` : 'the hold is over';
    hold.querySelector('i').style.inlineSize = `${Math.max(0, Math.min(1, share)) * 100}%`;
  }
}
