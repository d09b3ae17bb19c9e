// What a Parquet file promises before it is decoded: hyparquet believes it, so that the header of every page is looked at
// here. No page may promise more rows than its group has, or more bytes than a group may hold.
// https://parquet.apache.org/docs/file-format/data-pages/

import type { AsyncBuffer, RowGroup, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { OTHER_ENCODINGS } from './parquet-columns.ts';
import { surveyThrift } from './thrift-survey.ts';

/** A group is held as a whole, compressed and not. */
export const MAX_GROUP_BYTES = 2 ** 29;
// of a column of lists, in a group
const MAX_NESTED_VALUES = 2 ** 22;
/** With statistics of all kinds it takes some thirty. */
const MAX_HEADER_VALUES = 1000;
const ENCODINGS: readonly (string | undefined)[] = [
  'PLAIN',
  'PLAIN_DICTIONARY',
  'RLE_DICTIONARY',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
];

/**
 * Looks at the pages of the columns that will be read.
 *
 * @param others those of them that are neither images nor labels
 * @throws {Error} when one of them promises too much
 */
export async function checkGroup(
  group: RowGroup,
  file: AsyncBuffer,
  columns: readonly string[],
  others: readonly SchemaTree[],
): Promise<void> {
  const lacking = new Set(columns);
  let total = 0;
  for (const { meta_data: chunk } of group.columns) {
    const column = chunk?.path_in_schema[0];
    if (!chunk || column === undefined || !columns.includes(column)) continue;
    lacking.delete(column);
    const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    const bytes = await file.slice(start, start + Number(chunk.total_compressed_size));
    const other = others.find(({ element }) => element.name === column);
    total += checkPages(bytes, Number(group.num_rows), other);
    if (total > MAX_GROUP_BYTES) throw new Error(`a group of more than ${MAX_GROUP_BYTES} bytes`);
  }
  if (lacking.size > 0) throw new Error(`no column ${[...lacking].join(', ')} in a group`);
}

/** Walks over the pages of a column, or of a part of it where it is a further one. @returns their size, decompressed */
function checkPages(bytes: ArrayBuffer, groupRows: number, other?: SchemaTree): number {
  const encodings: readonly (string | undefined)[] = other ? OTHER_ENCODINGS : ENCODINGS;
  const nested = other !== undefined && other.children.length > 0;
  const most = nested ? MAX_NESTED_VALUES : groupRows;
  const reader = { view: new DataView(bytes), offset: 0 };
  let rows = 0;
  let total = 0;
  while (reader.offset < bytes.byteLength - 1) {
    surveyThrift(reader.view, reader.offset, MAX_HEADER_VALUES);
    const page = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: whole } = page;
    const v2 = page.type === 'DATA_PAGE_V2' ? page.data_page_header_v2 : undefined;
    const data = page.type === 'DATA_PAGE' ? page.data_page_header : v2;
    const { num_values: values, encoding } = data ?? page.dictionary_page_header ?? { num_values: -1 };
    if (data) rows += values;
    total += whole;
    if (!encodings.includes(encoding)) throw new Error(`a page of encoding ${encoding ?? 'unknown'}`);
    if (!(size >= 0 && whole >= 0 && reader.offset + size <= bytes.byteLength)) {
      throw new Error(`a page of ${size} bytes, ${whole} decompressed`);
    }
    if (!(values >= 0 && values <= most && rows <= most) || (v2 && !(v2.num_nulls >= 0))) {
      throw new Error(`a page of ${values} values in a group of ${groupRows} rows`);
    }
    if (v2) {
      const levels = v2.definition_levels_byte_length + v2.repetition_levels_byte_length;
      if (!(v2.definition_levels_byte_length >= 0 && levels >= 0 && levels <= Math.min(size, whole)))
        throw new Error(`levels of ${levels} bytes in a page of ${size}`);
    }
    if (total > MAX_GROUP_BYTES) throw new Error(`a column of more than ${MAX_GROUP_BYTES} bytes`);
    reader.offset += size;
  }
  if (rows !== groupRows && !nested) throw new Error(`${rows} of ${groupRows} rows`);
  return total;
}
