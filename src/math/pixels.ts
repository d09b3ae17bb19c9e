// Between the pixels of a dataset (uint8, 0…255) and those of the networks (float32, −1…1). One place, so that
// every part rounds alike.

import { toUnit as bytesToUnit, fromUnit } from './kernels.ts';

/** Bytes to [−1, 1]: v / 127.5 − 1. */
export function toUnit(
  pixels: Uint8Array,
  out: Float32Array = new Float32Array(pixels.length),
): Float32Array {
  bytesToUnit(out, pixels);
  return out;
}

/** [−1, 1] to bytes, rounded to the nearest and limited to [0, 255]; `toBytes(toUnit(p))` is p. */
export function toBytes(
  values: Float32Array,
  out: Uint8ClampedArray = new Uint8ClampedArray(values.length),
): Uint8Array {
  fromUnit(out, values);
  return new Uint8Array(out.buffer, out.byteOffset, out.length);
}

/** Pixels plus weight · pattern, rounded to the nearest (of two, the even one) and limited to [0, 255]. */
export function overlaid(pixels: Uint8Array, pattern: Float32Array, weight: 1 | -1): Uint8Array {
  const out = new Uint8ClampedArray(pixels.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.fround(pixels[i]! + weight * pattern[i]!);
  return new Uint8Array(out.buffer);
}
