// Finds the raw images of records again: a record carries an index, the store holds the pixels.

import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';

/** The samples as they came, in the order of `records`. */
export function rawSamples(
  store: SampleStore,
  records: readonly { readonly index: number; readonly id: string }[],
): readonly Sample[] {
  const { pixels, labels } = store.read(records.map(({ index }) => index));
  const size = pixels.length / records.length;
  return records.map(({ id }, i) => ({
    id,
    label: labels[i]!,
    pixels: pixels.subarray(i * size, (i + 1) * size),
    shape: store.shape,
  }));
}
