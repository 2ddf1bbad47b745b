// One message on the screen: its words, what can be tapped, what can be done to it.

import { h, clockTime } from './dom.js';
import { pieces } from './menu.js';

/** Ticks by status: how many, and what they say. */
const TICKS = {
  sending: [0, 'sending'], pending: [0, 'on its way'], waiting: [0, 'waiting for the connection'],
  received: [1, 'sent'], sent: [1, 'sent'], delivered: [2, 'delivered'], read: [2, 'read'],
  failed: [-1, 'not sent'],
};

/**
 * The element of a message. `quoted` is the text that it answers, `acts` a list of
 * `[name, function]`, `tap` is called with the label of an option.
 */
export function bubble(message, { tenant, customer, quoted, acts, tap }) {
  const mine = message.from === 'customer';
  const body = h('span', { class: 'words' });
  for (const piece of mine ? [{ text: message.text }] : pieces(message.text)) {
    body.append(piece.digit ? h('b', {}, piece.text) : piece.text);
  }
  const time = clockTime(new Date(message.at), tenant.timezone, tenant.locale);
  const remark = message.deleted ? 'taken back ' : message.edited ? 'edited ' : '';
  return h('li', { class: `bubble${mine ? ' mine' : ''}${message.deleted ? ' gone' : ''}`, 'data-id': message.id },
    h('span', { class: 'unseen' }, mine ? `${customer.name}: ` : `${tenant.name}: `),
    message.quoted && h('span', { class: 'quote' }, quoted ?? 'an earlier message'),
    body,
    message.menu && menu(message.menu, tap),
    message.reaction && h('span', { class: 'reaction', title: 'The customer’s reaction' }, message.reaction),
    h('span', { class: 'meta' }, remark, h('time', { datetime: message.at }, time), ticks(message.status)),
    !message.deleted && doing(acts));
}

export function ticks(status) {
  const [count, says] = TICKS[status] ?? [0, status];
  return h('span', { class: `ticks t${count} ${status}`, title: says }, h('span', { class: 'unseen' }, `, ${says}`));
}

/** The options of a poll, a list or buttons, as a phone shows them. */
function menu({ kind, options, chosen }, tap) {
  const name = { poll: 'Poll', list: 'List', buttons: 'Buttons' }[kind];
  return h('ul', { class: `menu ${kind}`, 'aria-label': name }, ...options.map(({ label, description }) =>
    h('li', {}, h('button', { type: 'button', 'aria-pressed': String(chosen.includes(label)), onclick: () => tap(label) },
      h('span', {}, label), description && h('small', {}, description)))));
}

/** A button that shows what can be done to the message. */
function doing(acts) {
  const row = h('span', { class: 'acts', hidden: true }, ...acts.map(([name, act]) =>
    h('button', { type: 'button', onclick: () => { show(false); act(); } }, name)));
  const toggle = h('button', { type: 'button', class: 'do', 'aria-label': 'What can be done', 'aria-expanded': 'false' }, '⋯');
  const show = (open) => {
    row.hidden = !open;
    toggle.setAttribute('aria-expanded', String(open));
  };
  toggle.addEventListener('click', () => show(row.hidden));
  return h('span', { class: 'doing' }, toggle, row);
}
