// What one format's reader hands to `open.ts`: where a sample stands and how to decode it. Decoding is put off so
// that a range of a dataset can be passed over without work, and so that everything that can be wrong with a
// sample (damaged bytes, size, label) ends in one place, which turns it into a quarantine entry.

import { SampleError } from '../errors.ts';
import type { Origin } from './origin.ts';
import type { ImageShape, Place } from './sample.ts';

/** A decoded image: uint8, channel-major [C, H, W], in [0, 255]. */
export interface Image {
  readonly pixels: Uint8Array;
  readonly shape: ImageShape;
}

export interface LabelledImage extends Image {
  readonly label: number;
  /** For a writer; absent where there is nothing beside pixels and label. */
  readonly origin?: Origin;
}

/** One place of the source: a sample, or a stretch of bytes that should have held some. */
export interface Entry extends Place {
  /** Unique in its source; absent where no sample can be told. */
  readonly id?: string;
  /** Another name of it, for where that one is taken: two files of a class may differ in their ending alone. */
  readonly otherwise?: string;
  /** The label, where it can be told without decoding. */
  readonly label?: number;
  /** Bytes of the image that it keeps in memory; absent where they are read when it is decoded. */
  readonly held?: number;
  /**
   * @param decodeImage of the image's file, where it is one
   * @throws {SampleError} when it cannot be decoded
   */
  readonly decode: (decodeImage: DecodeImage) => LabelledImage | Promise<LabelledImage>;
}

/**
 * Decodes the file of an image, here or elsewhere.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is of an unknown kind, damaged or too large
 */
export type DecodeImage = (bytes: Uint8Array, maxPixels: number) => Promise<Image>;

/** An entry that stands for bytes which hold no usable sample. */
export function damagedEntry(place: Omit<Entry, 'decode'>, reason: string): Entry {
  return {
    ...place,
    decode: () => {
      throw new SampleError(reason);
    },
  };
}

/** Name of the `index`th sample of a file that does not name its samples. */
export function indexId(index: number): string {
  return String(index).padStart(5, '0');
}
