// JSON from files that somebody else made. A line of nothing but brackets takes fifty times its size as objects, so that
// what is unusually large is looked over first: it is text mostly, such as an image in base64, or it is refused. What is
// smaller costs nothing more than `JSON.parse`.

/** Shorter texts make little of anything, and are not looked over. */
export const CHECKED_FROM = 2 ** 20;
/** Values in lists and objects. */
export const MOST_VALUES = 2 ** 20;
const [QUOTE, COMMA, BACKSLASH, LIST, OBJECT] = [0x22, 0x2c, 0x5c, 0x5b, 0x7b];

/** @throws {SyntaxError} when it is no JSON, or holds more than `MOST_VALUES` values */
export function parseJson(text: string): unknown {
  if (text.length >= CHECKED_FROM && hasTooMany(text)) {
    throw new SyntaxError(`more than ${MOST_VALUES} values`);
  }
  return JSON.parse(text);
}

/** The same of JSON as Python writes it, where NaN and infinities, which are none, may stand for numbers: null here. */
export function parseLooseJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !/NaN|Infinity/.test(text)) throw error;
    return parseJson(withoutNaN(text));
  }
}

function withoutNaN(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let quote = text.indexOf('"'); quote >= 0; quote = text.indexOf('"', from)) {
    const end = Math.min(endOfString(text, quote) + 1, text.length);
    parts.push(nullsIn(text.slice(from, quote)), text.slice(quote, end));
    from = end;
  }
  return parts.join('') + nullsIn(text.slice(from));
}

function nullsIn(text: string): string {
  return text.replaceAll(/-?\b(?:NaN|Infinity)\b/g, 'null');
}

function hasTooMany(text: string): boolean {
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if ((code === COMMA || code === LIST || code === OBJECT) && ++values > MOST_VALUES) return true;
  }
  return false;
}

/** Where the string that begins at `start` ends; long ones are passed over natively. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
