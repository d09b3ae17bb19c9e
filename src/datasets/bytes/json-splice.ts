// Changes single fields of a JSON object and leaves every other byte as it is: the order and the spacing of the
// fields, and numbers that JavaScript would round. Where fields stand is found without recursion, however deep they
// are nested, and strings are passed over at the speed of memory: most of a line is one image.

export interface Change {
  readonly key: string;
  /** Another name for it. */
  readonly as?: string;
  readonly value: unknown;
}

/** Where a field stands in its text. */
interface Field {
  readonly key: string;
  /** Of its name. */
  readonly start: number;
  /** Of its value, up to its end. */
  readonly from: number;
  readonly to: number;
}

const SPACE = ' \t\r\n';
const BACKSLASH = 92;
// what begins or ends something within lists and objects
const MARK = /["[\]{}]/g;

/**
 * The text with other values.
 *
 * @param text    a JSON object that JSON.parse takes; of a key that occurs again the last one counts, as there
 * @param changes a key that is not there is added at the end
 */
export function spliceFields(text: string, changes: readonly Change[]): string {
  const fields = fieldsOf(text);
  const end = text.lastIndexOf('}');
  const edits = changes.map(({ key, as = key, value }) => {
    const field = fields.findLast((one) => one.key === key);
    const inserted = `${field || fields.length === 0 ? '' : ','}${JSON.stringify(as)}:${JSON.stringify(value)}`;
    if (!field) return { from: end, to: end, inserted };
    if (as !== key) return { from: field.start, to: field.to, inserted };
    return { from: field.from, to: field.to, inserted: JSON.stringify(value) };
  });
  // from the end, so that places before it stay what they are
  edits.sort((a, b) => b.from - a.from);
  return edits.reduce(
    (result, { from, to, inserted }) => result.slice(0, from) + inserted + result.slice(to),
    text,
  );
}

/** The value of a field as it stands in the text of an object that JSON.parse takes. */
export function valueText(text: string, key: string): string | undefined {
  const field = fieldsOf(text).findLast((one) => one.key === key);
  return field && text.slice(field.from, field.to);
}

function fieldsOf(text: string): Field[] {
  const fields: Field[] = [];
  let start = afterSpace(text, text.indexOf('{') + 1);
  while (text[start] === '"') {
    const named = endOfString(text, start);
    const key = JSON.parse(text.slice(start, named)) as string;
    const from = afterSpace(text, text.indexOf(':', named) + 1);
    const to = endOfValue(text, from);
    fields.push({ key, start, from, to });
    // past the comma, where there is one
    start = afterSpace(text, afterSpace(text, to) + 1);
  }
  return fields;
}

function endOfValue(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return endOfString(text, from);
  if (first !== '{' && first !== '[') return endOfScalar(text, from);
  let depth = 0;
  for (let at = from; ; at = nextMark(text, at)) {
    const mark = text[at];
    if (mark === '"') at = endOfString(text, at);
    else {
      at += 1;
      depth += mark === '{' || mark === '[' ? 1 : -1;
    }
    if (depth === 0) return at;
  }
}

/** @param start of its opening quote */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 0) return end + 1;
  }
}

// a regular expression that repeats itself would run out of stack in a line of many megabytes
function afterSpace(text: string, at: number): number {
  let end = at;
  while (end < text.length && SPACE.includes(text[end]!)) end += 1;
  return end;
}

function endOfScalar(text: string, from: number): number {
  let end = from;
  while (end < text.length && !',}] \t\r\n'.includes(text[end]!)) end += 1;
  return end;
}

function nextMark(text: string, at: number): number {
  MARK.lastIndex = at;
  return MARK.exec(text)!.index;
}
