// The columns of a Parquet file beside image and label, which are passed through: read as the physical values that stand
// in the file, whatever their logical types say, and written as these again under the same schema. hyparquet would turn
// decimals, timestamps and JSON into JavaScript's, which are not always the same. Left out are maps, INT96, files and repeated
// fields without a list around them, and encodings whose size nobody can tell beforehand.

import type { Encoding, FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import { isListLike, isMapLike } from 'hyparquet/src/schema.js';

/** Encodings of the columns that are passed through. */
export const OTHER_ENCODINGS: readonly Encoding[] = [
  'PLAIN',
  'PLAIN_DICTIONARY',
  'RLE_DICTIONARY',
  'RLE',
  'BIT_PACKED',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'BYTE_STREAM_SPLIT',
];

/** Those of `columns` that can be passed through. */
export function passable(columns: readonly SchemaTree[], metadata: FileMetaData): SchemaTree[] {
  const refused = new Set<string | undefined>();
  for (const { columns: chunks } of metadata.row_groups) {
    for (const { meta_data: chunk } of chunks) {
      const known = chunk?.encodings.every((encoding) => OTHER_ENCODINGS.includes(encoding));
      if (!known) refused.add(chunk?.path_in_schema[0]);
    }
  }
  return columns.filter((column) => !refused.has(column.element.name) && isPassable(column));
}

function isPassable(node: SchemaTree, parent?: SchemaTree): boolean {
  const { type, repetition_type, logical_type } = node.element;
  if (type === 'INT96' || isMapLike(node) || logical_type?.type === 'FILE') return false;
  if (repetition_type === 'REPEATED' && !(parent && isListLike(parent))) return false;
  return node.children.every((child) => isPassable(child, node));
}

/** The elements of a schema of these columns, the root first. */
export function schemaOf(
  root: SchemaElement,
  columns: readonly SchemaTree[],
  isPhysical: (name: string) => boolean,
): SchemaElement[] {
  const flat = columns.flatMap((column) =>
    elementsOf(column).map((element) => (isPhysical(column.element.name) ? physical(element) : element)),
  );
  return [{ ...root, num_children: columns.length }, ...flat];
}

function elementsOf({ element, children }: SchemaTree): SchemaElement[] {
  return [element, ...children.flatMap(elementsOf)];
}

/** Without what says more than how the values are stored; that lists are lists is how. */
function physical(element: SchemaElement): SchemaElement {
  const { converted_type, logical_type: _, scale: __, precision: ___, ...stored } = element;
  return converted_type === 'LIST' ? { ...stored, converted_type } : stored;
}

/** Bytes of all byte arrays in a value; a dictionary may give one of them any number of times. */
export function heldBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce((sum: number, part) => sum + heldBytes(part), 0);
}
