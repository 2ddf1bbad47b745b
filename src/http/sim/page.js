// Brings phone and panel together: who writes to whom, and what the address bar remembers of it.

import { $, h, clockTime, now } from './dom.js';
import './others.js';
import * as chat from './chat.js';
import * as gateway from './gateway.js';
import * as panel from './panel.js';
import { customers, newcomer, shown } from './people.js';

const LEAVE_AFTER = 30_000; // ms without anyone looking, before the streams are given back

let tenants = [];
let tenant;
let customer;
const met = new Map(); // slug → newcomers of this visit
const text = $('text');

start();

async function start() {
  try {
    const answer = await fetch('/sim/tenants');
    if (!answer.ok) throw new Error(await answer.text());
    tenants = await answer.json();
  } catch {
    chat.say('Pontual does not answer. Is it still running? Trying again.');
    setTimeout(start, 2000);
    return;
  }
  if (!tenants.length) {
    chat.say('There is no business to write to yet: pontual tenant apply FILE makes one.');
    setTimeout(start, 3000);
    return;
  }
  chat.say('');
  $('tenants').append(...tenants.map(tenantChoice));
  addEventListener('hashchange', choose);
  choose();
  setInterval(tick, 1000);
}

function tenantChoice({ slug, name, locale }) {
  const input = h('input', {
    type: 'radio', name: 'tenant', value: slug, id: `tenant-${slug}`, onchange: () => go(slug),
  });
  return h('span', {}, input, h('label', { for: `tenant-${slug}` }, name, h('small', {}, locale)));
}

/** Reads `#slug/phone/name`; what it does not say is chosen for it. */
function choose() {
  const [slug, phone, name] = location.hash.slice(1).split('/').map(decode);
  const nextTenant = tenants.find((t) => t.slug === slug) ?? tenants[0];
  const known = people(nextTenant);
  let nextCustomer = known.find((c) => c.phone === phone);
  if (!nextCustomer && /^[1-9]\d{6,14}$/u.test(phone ?? '')) {
    nextCustomer = { phone, name: name || 'Customer' };
    met.set(nextTenant.slug, [...(met.get(nextTenant.slug) ?? []), nextCustomer]);
  }
  tenant = nextTenant;
  customer = nextCustomer ?? known[0];
  show();
}

function go(slug, who) {
  const next = tenants.find((t) => t.slug === slug);
  const person = who ?? people(next)[0];
  location.hash = [slug, person.phone, encodeURIComponent(person.name)].join('/');
}

function show() {
  $(`tenant-${tenant.slug}`).checked = true;
  $(`tenant-${tenant.slug}`).parentElement.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  $('customer').replaceChildren(
    ...people(tenant).map((person) => h('option', { value: person.phone, selected: person.phone === customer.phone }, person.name)),
    h('option', { value: 'new' }, 'New customer…'));
  $('save').href = `/sim/transcript?tenant=${encodeURIComponent(tenant.slug)}&phone=${customer.phone}`;
  $('customer').title = `Writes from ${shown(customer.phone)}`;
  document.title = `${customer.name} to ${tenant.name} · Pontual`;
  chat.open(tenant, customer);
  panel.open(tenant, customer, chat.setMode);
  gateway.open(tenant);
  tick();
  if (matchMedia('(hover: hover)').matches) text.focus();
}

const people = (of) => [...customers(of.locale), ...(met.get(of.slug) ?? [])];

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

$('customer').addEventListener('change', ({ target }) => {
  if (target.value !== 'new') {
    go(tenant.slug, people(tenant).find((person) => person.phone === target.value));
    return;
  }
  const person = newcomer(tenant.locale);
  met.set(tenant.slug, [...(met.get(tenant.slug) ?? []), person]);
  go(tenant.slug, person);
});

// Writing: Enter sends, Shift and Enter make a new line, the focus stays.
$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const words = text.value;
  text.value = '';
  grow();
  text.focus();
  chat.write(words);
});
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('composer').requestSubmit();
});
text.addEventListener('input', grow);
function grow() {
  text.style.blockSize = 'auto';
  text.style.blockSize = `${Math.min(text.scrollHeight, 120)}px`;
}

function tick() {
  if (!tenant) return;
  $('clock').textContent = clockTime(new Date(now()), tenant.timezone, tenant.locale);
  $('zone').textContent = tenant.timezone.split('/').at(-1).replaceAll('_', ' ');
  panel.tick();
}

// On a narrow screen the panel is a sheet over the chat.
const narrow = matchMedia('(max-width: 899px)');
function sheet(isOpen, giveFocus = true) {
  document.body.classList.toggle('sheet', isOpen);
  $('panel').inert = narrow.matches && !isOpen;
  document.querySelector('.phone').inert = narrow.matches && isOpen;
  document.querySelector('.top').inert = narrow.matches && isOpen;
  $('peek').setAttribute('aria-expanded', String(isOpen));
  if (giveFocus) (isOpen ? $('close') : $('peek')).focus();
}
$('peek').addEventListener('click', () => sheet(true));
$('close').addEventListener('click', () => sheet(false));
$('scrim').addEventListener('click', () => sheet(false));
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && document.body.classList.contains('sheet')) sheet(false);
});
narrow.addEventListener('change', () => sheet(false, false));
sheet(false, false);

// A browser allows few connections to one server: pages that nobody looks at give theirs back.
let leaving;
document.addEventListener('visibilitychange', () => {
  clearTimeout(leaving);
  if (document.hidden) {
    leaving = setTimeout(() => { chat.close(); panel.close(); gateway.close(); }, LEAVE_AFTER);
  } else {
    chat.follow();
    panel.follow();
    gateway.follow();
  }
});
