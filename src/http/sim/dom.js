// Building elements, and telling time in the business's own zone.

/** An element: `h('p', { class: 'note', hidden: true }, 'text', child)`. Texts stay texts. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** Lights an element for a moment. */
export function light(element) {
  element.classList.remove('changed');
  void element.offsetWidth; // lets the light start anew
  element.classList.add('changed');
  setTimeout(() => element.classList.remove('changed'), 1800);
}

export const $ = (id) => document.getElementById(id);

/**
 * Makes `list` show `items` (each with an `id`), touching only what changed, so that focus and
 * selection stay where they are. What is new or different is lit for a moment.
 */
export function reconcile(list, items, build, empty) {
  const before = list.shown;
  const now = new Map();
  for (const item of items) {
    const text = JSON.stringify(item);
    const known = before?.get(item.id);
    if (known?.text === text) {
      now.set(item.id, known);
    } else {
      const element = build(item);
      if (before) light(element);
      now.set(item.id, { text, element });
    }
  }
  const wanted = now.size ? [...now.values()].map((entry) => entry.element) : [h('li', { class: 'none' }, empty)];
  for (const element of [...list.children]) if (!wanted.includes(element)) element.remove();
  wanted.forEach((element, at) => {
    if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
  });
  list.shown = now;
}

/** Forgets what `list` showed: what comes next is the start, not a change. */
export function forget(list) {
  list.shown = undefined;
  list.replaceChildren();
}

// What time it is where the database is: `dev --clock` and tests move it.
let skew = 0;
export const now = () => Date.now() + skew;
export const setNow = (iso) => { skew = Date.parse(iso) - Date.now(); };

const formats = new Map();
function format(locale, zone, options) {
  const key = JSON.stringify([locale, zone, options]);
  if (!formats.has(key)) {
    let made;
    try {
      made = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
    } catch {
      made = new Intl.DateTimeFormat(undefined, { ...options, timeZone: 'UTC' }); // a zone this browser lacks
    }
    formats.set(key, made);
  }
  return formats.get(key);
}

export const clockTime = (at, zone, locale = 'en-GB') =>
  format(locale, zone, { hour: 'numeric', minute: '2-digit' }).format(at);
export const longDay = (at, zone, locale) =>
  format(locale, zone, { weekday: 'long', day: 'numeric', month: 'long' }).format(at);
export const dayKey = (at, zone) =>
  format('en-CA', zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).format(at);

/** `Thu 12 Mar, 14:45`, in the zone of the business. */
export function localTime(iso, zone) {
  const parts = format('en-GB', zone, {
    weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit',
  }).formatToParts(new Date(iso));
  const part = (type) => parts.find((p) => p.type === type)?.value ?? '';
  return `${part('weekday')} ${part('day')} ${part('month')}, ${part('hour')}:${part('minute')}`;
}

/** `in 23 h`, `2 min ago`, `now`. */
export function fromNow(iso) {
  const seconds = Math.round((Date.parse(iso) - now()) / 1000);
  const size = Math.abs(seconds);
  if (size < 2) return 'now';
  const [amount, unit] = size < 90 ? [size, 's'] : size < 5400 ? [Math.round(size / 60), 'min']
    : size < 172_800 ? [Math.round(size / 3600), 'h'] : [Math.round(size / 86_400), 'days'];
  return seconds > 0 ? `in ${amount} ${unit}` : `${amount} ${unit} ago`;
}

/** `9:41` until `iso`, or nothing when it is over. */
export function countdown(iso) {
  const left = Math.ceil((Date.parse(iso) - now()) / 1000);
  return left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}` : null;
}
