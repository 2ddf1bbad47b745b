// What can be sent beside words, and what happens to phones.

import { $, h, now } from './dom.js';
import * as chat from './chat.js';

const KINDS = [['Photo', 'image'], ['Voice message', 'audio'], ['Document', 'document'], ['Location', 'location'], ['Contact', 'contact'], ['Sticker', 'sticker']];
const GROUP = '120363025246125888@g.us';
const menu = $('others');

menu.append(...KINDS.map(([name, kind]) => item(name, () => chat.send('', { kind }))),
  h('hr'),
  item('In a group', () => chat.post('inbound', { ...chat.who(), text: 'Bom dia, grupo!', group: GROUP })),
  item('Three from yesterday', () => chat.post('backlog', backlog())),
  item('As the owner, by phone', () => chat.setAside('owner')));

/** Written while the business's phone was off; all arrive at once. */
function backlog() {
  const yesterday = Math.round(now() / 1000) - 86_400;
  return ['Oi', 'Tem horário hoje?', 'Deixa, obrigado'].map((text, at) => ({ ...chat.who(), text, timestamp: yesterday + 60 * at }));
}

function item(name, act) {
  return h('button', { type: 'button', onclick: () => { menu.hidePopover(); act(); } }, name);
}

// Above its button: nothing places it there by itself in every browser.
menu.addEventListener('toggle', ({ newState }) => {
  $('more').setAttribute('aria-expanded', String(newState === 'open'));
  if (newState !== 'open') return;
  const { left, top } = $('more').getBoundingClientRect();
  menu.style.insetInlineStart = `${left}px`;
  menu.style.insetBlockStart = `${Math.max(8, top - menu.offsetHeight - 8)}px`;
  menu.querySelector('button').focus();
});
