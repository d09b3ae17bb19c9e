// Values out of files that somebody else wrote, for messages. Such a value may be a text of megabytes, lists in lists beyond
// any stack, or an object that has a `toString` of its own; a message only has to say what kind of thing stood there.

const MOST_CHARACTERS = 40;
const MOST_PARTS = 16;

/** A value that JSON can hold; what is large or deep is only named. */
export function shown(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return JSON.stringify(clipped(value));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts: unknown[] = Object.values(value);
  const isFlat =
    parts.length <= MOST_PARTS && parts.every((part) => typeof part !== 'object' || part === null);
  if (isFlat && parts.length > 0) return clipped(JSON.stringify(value), 2 * MOST_CHARACTERS);
  return Array.isArray(value) ? 'a list' : 'an object';
}

export function clipped(text: string, most = MOST_CHARACTERS): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
