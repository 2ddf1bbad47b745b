// What a customer can answer a message with by a tap.

const LINE = /^\s*([0-9])\uFE0F?\u20E3?[.):]?\s+(\S.*)$/u; // also keycap digits
const TAIL = /(?:^|[.!?:]\s+)(\d \S[^\n]*)$/u; // "… 1 I will be there, 2 Change time, 3 Cancel"
// "Write CHANGE or CANCEL"; the code of a booking may be all letters and is nothing to write.
const WORD = /(?<![\p{L}\d(]|[Cc][oó]d(?:e|igo):? )\p{Lu}{4,}(?![\p{L}\d])/gu;

/**
 * The answers that `text` offers, in its order, each `{ send, label }`: the digits of its menu,
 * one a line or all in its last line; otherwise the words it writes in capitals.
 */
export function answers(text) {
  const lines = text.split('\n').map((line) => LINE.exec(line)).filter(Boolean);
  const menu = lines.length ? lines : inLine(text);
  if (menu.length) return menu.map(([, digit, label]) => ({ send: digit, label: label.trim() }));
  const words = [...new Set(text.match(WORD) ?? [])];
  return words.slice(0, 4).map((word) => ({ send: word, label: '' }));
}

function inLine(text) {
  const tail = TAIL.exec(text.trim())?.[1];
  if (!tail) return [];
  const parts = tail.replace(/\.$/u, '').split(/,\s+(?=\d )/u).map((part) => /^([0-9]) (.+)$/u.exec(part));
  return parts.length > 1 || parts[0]?.[1] === '1' ? parts.filter(Boolean) : [];
}

/** `text` in pieces, `{ text, digit }`: the digits to type stand out. */
export function pieces(text) {
  return text.split(/(?<=\n)/u).flatMap((line) => {
    const found = /^(\s*)([0-9])(?=\s+\S)/u.exec(line);
    if (!found) return [{ text: line }];
    const rest = line.slice(found[0].length);
    return [{ text: found[1] }, { text: found[2], digit: true }, { text: rest }];
  });
}
