// Parquet as Hugging Face writes image datasets. Samples are named by the path that stands beside their bytes, without
// its ending; where there is none, or it has been there before, by the number of the row. A row group that cannot be
// decoded makes one damaged entry, and the next one is read.

import { resolve } from 'node:path';
import { DataElixirError, SampleError } from '../../../errors.ts';
import { type DecodeImage, damagedEntry, type Entry, indexId, type LabelledImage } from '../../entry.ts';
import { imageStem } from '../../images/image.ts';
import type { LabelCensus } from '../../label-census.ts';
import { IdSet } from '../../store/id-set.ts';
import { openParquet, type ParquetRow } from './parquet-file.ts';

/** Names of the classes by label; undefined when the file does not say. @throws {DatasetError} as `readParquet` */
export async function parquetClassNames(path: string): Promise<readonly string[] | undefined> {
  const file = await openParquet(path);
  await file.close();
  return file.classNames;
}

/** Counts the labels of a file; groups that cannot be read are passed over. */
export async function countParquetLabels(path: string, census: LabelCensus): Promise<void> {
  const file = await openParquet(path);
  try {
    for (const group of file.groups.keys()) {
      const labels = await file.labels(group).catch(damaged);
      if (labels instanceof Error) continue;
      for (const value of labels) {
        const label = labelOf(value) ?? -1;
        if (label >= 0) census.add(label);
      }
    }
  } finally {
    await file.close();
  }
}

/**
 * Reads one file; in memory is one row group at a time. The offset of an entry is the number of its row.
 *
 * @throws {DatasetError} when it is no Parquet file, damaged at its end, or without images and labels
 */
export async function* readParquet(path: string, maxPixels: number): AsyncGenerator<Entry> {
  const file = await openParquet(path);
  const seen = new IdSet();
  let first = 0;
  try {
    for (const [group, count] of file.groups.entries()) {
      const rows = await file.rows(group).catch(damaged);
      if (rows instanceof Error) {
        yield damagedEntry(
          { source: path, offset: first },
          `expected a whole row group, found: ${rows.message}; rows ${first} to ${first + count - 1} are lost, ` +
            'fetch the file again, or write it with smaller groups',
        );
      } else {
        for (const [i, row] of rows.entries()) {
          const number = indexId(first + i);
          const stem = typeof row.path === 'string' ? imageStem(row.path) : '';
          const id = stem !== '' && seen.add(stem) ? stem : stem === '' ? number : `${stem}@${number}`;
          yield {
            id,
            source: path,
            offset: first + i,
            decode: (decodeImage) => decode(row, path, maxPixels, decodeImage),
          };
        }
      }
      first += count;
    }
  } finally {
    await file.close();
  }
}

/** What is wrong with the bytes is a value; that they cannot be read is not. */
function damaged(error: Error): Error {
  if (error instanceof DataElixirError) throw error;
  return error;
}

async function decode(
  { bytes, path, label, others }: ParquetRow,
  file: string,
  maxPixels: number,
  decodeImage: DecodeImage,
): Promise<LabelledImage> {
  const index = labelOf(label);
  if (index === undefined) {
    throw new SampleError(
      `expected the label to be a class index, found ${String(label)}; leave the row out`,
    );
  }
  if (!(bytes instanceof Uint8Array)) {
    throw new SampleError(
      `expected the image's bytes, found ${typeof path === 'string' ? `only its path ${path}` : 'none'}; write the bytes into the file`,
    );
  }
  const kept = { ...(typeof path === 'string' && { path }), ...(others && { others }) };
  const rest = { format: 'parquet' as const, file: resolve(file), ...kept };
  return { label: index, ...(await decodeImage(bytes, maxPixels)), origin: { image: bytes, rest } };
}

function labelOf(value: unknown): number | undefined {
  const label = typeof value === 'bigint' ? Number(value) : value;
  return Number.isSafeInteger(label) ? (label as number) : undefined;
}
