// Characters that do something instead of showing: they move a cursor, write a clipboard, end a line or turn the
// direction of a text. What comes from data may hold any of them, and must not reach a terminal or a file's name as they are.

/** C0, DEL and C1, the separators of lines and paragraphs, and what sets or overrides direction. */
const CONTROL = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const EACH = new RegExp(CONTROL, 'gu');

export function hasControls(text: string): boolean {
  return CONTROL.test(text);
}

/** A text in one line of its own that shows each of them as JSON escapes it: `\u001b`, `\n`. JSON stays the same JSON. */
export function withoutControls(text: string): string {
  return hasControls(text) ? text.replaceAll(EACH, escaped) : text;
}

/** JSON in one line that may be printed on a terminal, whatever its strings hold. */
export function jsonLine(value: unknown): string {
  return withoutControls(JSON.stringify(value));
}

function escaped(character: string): string {
  if (character < ' ') return JSON.stringify(character).slice(1, -1);
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
