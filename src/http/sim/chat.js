// The phone: messages of one customer with one business, live from the simulated gateway.

import { $, h, dayKey, longDay, now } from './dom.js';
import { bubble, ticks } from './bubble.js';
import { answers } from './menu.js';
import { openings, words } from './people.js';

const GATEWAY = '/gateway-sim/control/instances';
/** Longest silence during which the assistant is shown typing, in ms. */
const TYPING_ENDS = 12_000;

let tenant;
let customer;
let stream;
let shown = new Map(); // id → { message, element }
let menuOf; // id of the message whose answers are offered
let silent = false; // a person answers
let atEnd = true; // the newest message is in view and stays so
let typingTimer;
let generation = 0; // answers to questions of a chat that was left are dropped
let lost = false; // the gateway does not answer, and the page says so
let aside; // what the next words are: { kind: 'quote' | 'edit' | 'owner', id }

const base = () => `${GATEWAY}/${encodeURIComponent(tenant.instance)}`;
const chatUrl = () => `${base()}/chats/${customer.phone}`;
const speech = () => words(tenant.locale);
const log = $('log');
const talk = $('talk');
const text = $('text');

/** Shows the chat of this customer with this business and follows it. */
export function open(nextTenant, nextCustomer) {
  close();
  tenant = nextTenant;
  customer = nextCustomer;
  shown = new Map();
  menuOf = undefined;
  silent = false;
  log.replaceChildren();
  log.setAttribute('lang', tenant.locale);
  $('business').textContent = tenant.name;
  $('avatar').textContent = initials(tenant.name);
  $('presence').textContent = speech().online;
  text.setAttribute('placeholder', speech().message);
  text.setAttribute('lang', tenant.locale);
  stopTyping();
  offer();
  say('');
  setAside();
  follow();
}

/** Stops following, as for a page that nobody looks at. */
export function close() {
  generation += 1;
  stream?.close();
  stream = undefined;
}

/** Follows the chat again after `close`. */
export function follow() {
  if (!tenant || stream) return;
  if (!tenant.instance) {
    say(`${tenant.name} has no WhatsApp instance: give its file an [instance] and apply it.`);
    return;
  }
  const mine = generation;
  stream = new EventSource(`${chatUrl()}/events`);
  // What came before the stream opened, or while it was away, is asked for each time it opens.
  stream.addEventListener('open', () => load(mine));
  stream.addEventListener('message', (event) => mine === generation && arrived(JSON.parse(event.data)));
  stream.addEventListener('status', (event) => mine === generation && upsert(JSON.parse(event.data)));
  stream.addEventListener('error', () => {
    if (mine !== generation) return;
    sayLost();
    if (stream.readyState !== EventSource.CLOSED) return;
    stream = undefined; // the browser has given up; we have not
    load(mine); // which learns why
    setTimeout(() => mine === generation && follow(), 2000);
  });
}

/** In `human` mode nobody types at once: no dots are promised. */
export function setMode(mode) {
  silent = mode === 'human';
  if (silent) stopTyping();
}

/** Writes `words`: as a new message, or as what was said before that they are. */
export function write(words) {
  const what = aside;
  setAside();
  if (what?.kind === 'edit') return change(what.id, words.trim());
  if (what?.kind === 'owner') return post('inbound', { ...who(), name: null, text: words.trim(), fromMe: true });
  return send(words, what?.kind === 'quote' ? { quoted: what.id } : {});
}

/** What the next words will be; without `kind`, a new message. */
export function setAside(kind, id) {
  aside = kind && { kind, id };
  const quoted = shown.get(id)?.message.text ?? '';
  $('aside').hidden = !kind;
  $('aside-text').textContent = { quote: `In answer to “${quoted}”`, edit: 'Instead of your message', owner: 'As the owner, on the business’s own phone' }[kind] ?? '';
  if (kind === 'edit') text.value = quoted;
  if (kind) text.focus();
}
$('aside-end').addEventListener('click', () => { setAside(); text.focus(); });

/** Who writes. */
export const who = () => ({ phone: customer.phone, name: customer.name });

/** Sends a message of the customer; `more` holds what is not words. */
export async function send(words, more = {}) {
  const said = words.trim();
  if ((!said && !more.kind) || !tenant?.instance) return;
  const mine = generation;
  const message = { id: messageId(), from: 'customer', text: said || `[${more.kind}]`, quoted: more.quoted, is_reaction: more.kind === 'reaction', at: new Date(now()).toISOString(), status: 'sending' };
  upsert(message);
  scrollDown();
  offer();
  say('');
  startTyping();
  try {
    const { status } = await ask('inbound', { id: message.id, ...who(), text: said, ...more });
    if (mine !== generation) return;
    took(status, message.id);
  } catch {
    if (mine !== generation) return;
    stopTyping();
    upsert({ ...message, status: 'failed' });
    say('Your message was not sent: the simulated gateway does not answer.', 'Try again', () => {
      remove(message.id);
      send(said, more);
    });
  }
}

/** Taps an option of a message; of a poll, the one chosen already is taken back. */
function tap({ id, menu }, option) {
  const back = menu.kind === 'poll' && menu.chosen.includes(option);
  startTyping();
  return post('tap', { ...who(), menu: id, options: back ? [] : [option] });
}

/** Changes a message, or takes it back where there are no words. */
const change = (id, words) => post('edit', { phone: customer.phone, id, ...(words && { text: words }) });

/** Does what needs no message on the screen before the gateway has it. */
export async function post(call, body) {
  if (!tenant?.instance) return;
  const mine = generation;
  say('');
  try {
    const answer = await ask(call, body);
    if (mine === generation && answer?.id) took(answer.status, answer.id);
  } catch (error) {
    if (mine === generation) say(`That was not done: ${error.message}.`);
  }
}

async function ask(call, body) {
  const answer = await fetch(`${base()}/${call}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(said?.error ?? `the gateway answered ${answer.status}`);
  return said;
}

/** Shows the webhook's answer: 2xx means that message and job are committed. */
function took(status, id) {
  if (status >= 200 && status < 300) {
    progress(id, 'delivered');
    return;
  }
  stopTyping();
  progress(id, 'sent');
  say(status === null
    ? 'Nothing was delivered: the gateway is away, or holds this back. See Gateway behind the scenes.'
    : `Pontual did not take the message yet (its webhook answered ${status}). The gateway tries again by itself.`);
}

/** What can be done to a message. */
const acts = (message) => (message.from === 'business'
  ? [['Reply', () => setAside('quote', message.id)],
    [message.reaction ? 'Take 👍 back' : '👍', () => send(message.reaction ? '' : '👍', { kind: 'reaction', quoted: message.id })]]
  : [['Edit', () => setAside('edit', message.id)], ['Delete', () => change(message.id)]]);

async function load(mine) {
  try {
    const answer = await fetch(chatUrl());
    if (mine !== generation) return;
    if (answer.status === 404) {
      say(`The simulated gateway has no instance ${tenant.instance}.`);
      return;
    }
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
    const messages = await answer.json();
    if (mine !== generation) return;
    if (lost) say('');
    const first = shown.size === 0;
    if (first) log.setAttribute('aria-live', 'off'); // what is old is not news
    messages.forEach((message) => upsert(message, first));
    const answered = messages.findLastIndex((message) => message.from === 'business');
    readUpTo(messages.slice(0, Math.max(0, answered)));
    if (first) {
      scrollDown('instant');
      requestAnimationFrame(() => log.setAttribute('aria-live', 'polite'));
    }
    offer();
  } catch {
    if (mine === generation) sayLost();
  }
}

function sayLost() {
  say('The simulated gateway does not answer. Is it still running? Trying again.');
  lost = true;
}

/** The customer's own messages have no status but this: what was answered was read. */
function readUpTo(messages) {
  for (const message of messages) if (message.from === 'customer') progress(message.id, 'read');
}

function arrived(message) {
  if (message.from === 'business') {
    stopTyping();
    readUpTo([...shown.values()].map((known) => known.message).filter((known) => known.status !== 'failed'));
  }
  upsert(message);
  offer();
}

/** Adds a message, or brings the one with its id up to date; never a step back in status. */
function upsert(message, quiet = false) {
  if (message.is_reaction) return; // it is shown on the message that it is to
  const known = shown.get(message.id);
  if (known) {
    const status = known.message.status === 'sending' || rank(message.status) > rank(known.message.status)
      ? message.status : known.message.status;
    const before = known.message;
    known.message = { ...before, ...message, status };
    const looks = ({ text, menu, reaction, edited, deleted }) => JSON.stringify([text, menu, reaction, edited, deleted]);
    if (looks(before) === looks(known.message)) {
      known.element.querySelector('.ticks')?.replaceWith(ticks(status));
    } else {
      const again = draw(known.message);
      again.classList.add('quiet');
      known.element.replaceWith(again);
      known.element = again;
    }
    return;
  }
  const at = new Date(message.at);
  const day = dayKey(at, tenant.timezone);
  if (log.dataset.day !== day || !log.children.length) {
    log.dataset.day = day;
    log.append(h('li', { class: 'day' }, h('span', {}, dayName(at, day))));
  }
  const element = draw(message);
  element.classList.toggle('quiet', quiet);
  log.append(element);
  shown.set(message.id, { message, element });
  $('empty').hidden = true;
  if (quiet) return;
  if (atEnd || message.from === 'customer') scrollDown();
  else $('jump').hidden = false;
}

function remove(id) {
  shown.get(id)?.element.remove();
  shown.delete(id);
}

function progress(id, status) {
  const known = shown.get(id);
  if (known) upsert({ ...known.message, status });
}

const rank = (status) => ['failed', 'sending', 'waiting', 'pending', 'received', 'sent', 'delivered', 'read'].indexOf(status);

const draw = (message) => bubble(message, {
  tenant, customer, quoted: shown.get(message.quoted)?.message.text, acts: acts(message), tap: (option) => tap(shown.get(message.id).message, option),
});

function dayName(at, day) {
  if (day === dayKey(new Date(now()), tenant.timezone)) return speech().today;
  if (day === dayKey(new Date(now() - 86_400_000), tenant.timezone)) return speech().yesterday;
  return longDay(at, tenant.timezone, tenant.locale);
}

/** The chips: answers to the last message if the business wrote it, else first messages. */
function offer() {
  const quick = $('quick');
  const last = [...shown.values()].at(-1)?.message;
  $('empty').hidden = Boolean(last);
  if (!last) showEmpty();
  const offered = last?.from === 'business' && !last.menu ? answers(last.text) : [];
  const id = offered.length ? last.id : undefined;
  if (id === menuOf && id) return;
  menuOf = id;
  quick.replaceChildren(...offered.map(({ send: word, label }) =>
    h('button', {
      type: 'button', class: 'chip', lang: tenant.locale, title: label || word, onclick: () => tapped(word),
      ...(label && { 'aria-label': `${word}: ${label}` }),
    }, h('b', {}, word), label && h('span', {}, label))));
  quick.hidden = !offered.length;
}

function showEmpty() {
  $('empty-title').textContent = `Write to ${whole(tenant.name)} as ${whole(customer.name)}`;
  $('empty-hint').textContent = 'Everything here is simulated except the booking: start with one of these, or type your own.';
  $('suggestions').replaceChildren(...openings(tenant).map((opening) =>
    h('button', { type: 'button', class: 'chip', lang: tenant.locale, onclick: () => tapped(opening) }, opening)));
}

function tapped(words) {
  send(words);
  // On a phone, focus would bring up the keyboard that the tap was meant to save.
  if (matchMedia('(hover: hover)').matches) text.focus();
}

function startTyping() {
  clearTimeout(typingTimer);
  if (silent) return;
  typingTimer = setTimeout(() => {
    $('typing').hidden = false;
    $('presence').textContent = speech().typing;
    if (atEnd) scrollDown();
    typingTimer = setTimeout(() => {
      stopTyping();
      say('No answer yet. Behind the scenes shows what its jobs are doing.');
    }, TYPING_ENDS);
  }, 500);
}

function stopTyping() {
  clearTimeout(typingTimer);
  $('typing').hidden = true;
  if (tenant) $('presence').textContent = silent ? '' : speech().online;
}

/** Tells the person at the page something; an empty text takes it away. */
export function say(sentence, action, act) {
  const notice = $('notice');
  notice.replaceChildren(sentence);
  if (action) notice.append(' ', h('button', { type: 'button', onclick: act }, action));
  notice.hidden = !sentence;
  lost = false;
}

export function scrollDown(behavior) {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  atEnd = true;
  talk.scrollTo({ top: talk.scrollHeight, behavior: behavior ?? (calm ? 'instant' : 'smooth') });
  $('jump').hidden = true;
}
let top = 0;
talk.addEventListener('scroll', () => {
  const isAtEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
  // On its way down the view is not at its end yet; only people scroll up.
  if (isAtEnd || talk.scrollTop < top) atEnd = isAtEnd;
  if (isAtEnd) $('jump').hidden = true;
  top = talk.scrollTop;
}, { passive: true });
$('jump').addEventListener('click', () => scrollDown());
// A keyboard on the screen, or chips, make the view smaller: what was at its end stays there.
new ResizeObserver(() => { if (atEnd) scrollDown('instant'); }).observe(talk);

/** In the form that WhatsApp's own apps give. */
function messageId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return `3A${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`.toUpperCase();
}

const whole = (name) => name.replaceAll(' ', '\u00a0'); // a name does not break
const initials = (name) => name.split(/\s+/u).slice(0, 2).map((word) => [...word][0]).join('').toUpperCase();
