// What flows between readers, workers and writers: one labelled image. Pixels stay 8-bit, channel-major,
// until a worker needs floats, so that an untouched sample can be written back without any loss.

import type { Failure } from '../errors.ts';
import { planes } from '../math/kernels.ts';
import type { Origin } from './origin.ts';

/** Image size as [channels, height, width]; channels is 1 or 3. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/** One labelled image. */
export interface Sample {
  /** Unique in its dataset, stable between runs: random numbers are keyed by it. */
  readonly id: string;
  /** Class index in [0, classes). */
  readonly label: number;
  /** uint8 pixels, channel-major [C, H, W], in [0, 255]. */
  readonly pixels: Uint8Array;
  readonly shape: ImageShape;
}

/** Where a sample stood. */
export interface Place {
  /** File that held it, as the user named it (plus `!member` inside an archive). */
  readonly source: string;
  /** Byte offset in the (decompressed) file at which the sample starts; the number of the row in Parquet. */
  readonly offset: number;
}

/** Where a bad sample stood and why it cannot be used: a line of `quarantine.ndjson`. */
export interface Quarantined extends Failure, Place {
  readonly id?: string;
}

/**
 * A reader yields samples in the order of the source, bad ones as data, never as exceptions. Those that come from no file
 * have no place.
 */
export type ReadResult =
  | { readonly ok: true; readonly sample: Sample; readonly origin?: Origin; readonly place?: Place }
  | { readonly ok: false; readonly quarantined: Quarantined };

/** Pixels [C, H, W] as [H, W, C]. */
export function interleave(pixels: Uint8Array, [channels, height, width]: ImageShape): Uint8Array {
  if (channels === 1) return pixels;
  const area = height * width;
  const interleaved = new Uint8Array(pixels.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) interleaved[i * channels + c] = pixels[c * area + i]!;
  }
  return interleaved;
}

/** The way back. @param stored channels of [H, W, stored], of which those of the shape are the first */
export function planar(
  interleaved: ArrayLike<number>,
  [channels, height, width]: ImageShape,
  stored: number = channels,
): Uint8Array {
  const area = height * width;
  const pixels = new Uint8Array(channels * area);
  if (channels === 3 && stored === 3 && interleaved instanceof Uint8Array) {
    planes(pixels, interleaved);
    return pixels;
  }
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) pixels[c * area + i] = interleaved[i * stored + c]!;
  }
  return pixels;
}
