// Stamped images that were made elsewhere, one for each image, found by its id. So an attack whose generator is not
// at hand can be used all the same: its authors' images are read like any dataset.

import type { ReadResult } from '../datasets/sample.ts';
import { DatasetError } from '../errors.ts';
import type { Trigger } from './trigger.ts';

/**
 * Reads all pairs; they stay in memory.
 *
 * @param option what to name in errors
 * @throws {DatasetError} when an image cannot be read, or later when there is none for a sample
 */
export async function readPairs(results: AsyncIterable<ReadResult>, option: string): Promise<Trigger> {
  const pairs = new Map<string, Uint8Array>();
  for await (const result of results) {
    if (!result.ok)
      throw new DatasetError(`${option}: ${result.quarantined.source}: ${result.quarantined.message}`);
    pairs.set(result.sample.id, result.sample.pixels);
  }
  return ({ id }) => {
    const pixels = pairs.get(id);
    if (pixels) return pixels;
    throw new DatasetError(
      `${option}: expected a stamped image with the id ${id}, found none among ${pairs.size}; ` +
        'bring one for every image that may be poisoned, under the ids of the dataset',
    );
  };
}
