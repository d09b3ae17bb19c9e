// Between the pixels of a dataset (uint8, 0…255) and those of the networks (float32, −1…1). One place, so that
// every part rounds alike.

/** What each byte becomes: v / 127.5 − 1. */
const UNITS = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1);

/** Bytes to [−1, 1]: v / 127.5 − 1. */
export function toUnit(
  pixels: Uint8Array,
  out: Float32Array = new Float32Array(pixels.length),
): Float32Array {
  for (let i = 0; i < pixels.length; i++) out[i] = UNITS[pixels[i]!]!;
  return out;
}

/** [−1, 1] to bytes, rounded to the nearest and limited to [0, 255]; `toBytes(toUnit(p))` is p. */
export function toBytes(
  values: Float32Array,
  out: Uint8ClampedArray = new Uint8ClampedArray(values.length),
): Uint8Array {
  for (let i = 0; i < values.length; i++) out[i] = Math.fround(values[i]! * 127.5 + 127.5);
  return new Uint8Array(out.buffer, out.byteOffset, out.length);
}
