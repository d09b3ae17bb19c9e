// Changes single fields of a JSON object and leaves every other byte as it is: the order and the spacing of the
// fields, and numbers that JavaScript would round. jsonc-parser finds where they stand.

import { parseTree } from 'jsonc-parser';

export interface Change {
  readonly key: string;
  /** Another name for it. */
  readonly as?: string;
  readonly value: unknown;
}

/**
 * The text with other values.
 *
 * @param text    a JSON object; of a key that occurs again the last one counts, as for JSON.parse
 * @param changes a key that is not there is added at the end
 */
export function spliceFields(text: string, changes: readonly Change[]): string {
  const fields = parseTree(text)?.children ?? [];
  const end = text.lastIndexOf('}');
  const edits = changes.map(({ key, as = key, value }) => {
    const field = fields.findLast(({ children }) => children![0]!.value === key);
    const inserted = `${field || fields.length === 0 ? '' : ','}${JSON.stringify(as)}:${JSON.stringify(value)}`;
    if (!field) return { at: end, length: 0, inserted };
    if (as !== key) return { at: field.offset, length: field.length, inserted };
    const { offset, length } = field.children![1]!;
    return { at: offset, length, inserted: JSON.stringify(value) };
  });
  // from the end, so that places before it stay what they are
  edits.sort((a, b) => b.at - a.at);
  return edits.reduce(
    (result, { at, length, inserted }) => result.slice(0, at) + inserted + result.slice(at + length),
    text,
  );
}
