// BppAttack (Wang, Zhai & Ma 2022, arXiv 2205.13383): fewer bits per pixel are the trigger. Every value is rounded
// to the nearest of 2^d levels, and what that takes away is spread over the neighbours (Floyd & Steinberg 1976). The
// paper also trains the victim contrastively; an attacker who hands over nothing but a dataset cannot.

import type { ImageShape } from '../datasets/sample.ts';
import type { Trigger } from './trigger.ts';

/** Where the error of a pixel goes: rows down, columns to the right, share. */
const DIFFUSION = [
  [0, 1, 7 / 16],
  [1, -1, 3 / 16],
  [1, 0, 5 / 16],
  [1, 1, 1 / 16],
] as const;

/** The trigger that leaves `bits` bits of each value, 1 to 7, dithered channel by channel. */
export function bpp(bits: number, shape: ImageShape): Trigger {
  const [channels, height, width] = shape;
  const top = 2 ** bits - 1;
  return ({ pixels }) => {
    const values = Float64Array.from(pixels);
    const stamped = new Uint8ClampedArray(pixels.length); // rounds what it is given
    for (let c = 0; c < channels; c++) {
      const channel = values.subarray(c * height * width, (c + 1) * height * width);
      for (let i = 0; i < channel.length; i++) {
        const level = Math.min(top, Math.max(0, Math.round((channel[i]! / 255) * top)));
        const error = channel[i]! - (level / top) * 255;
        stamped[c * channel.length + i] = (level / top) * 255;
        spread(channel, i, error, width);
      }
    }
    return new Uint8Array(stamped.buffer);
  };
}

function spread(channel: Float64Array, i: number, error: number, width: number): void {
  for (const [down, right, share] of DIFFUSION) {
    const x = (i % width) + right;
    const to = i + down * width + right;
    if (x >= 0 && x < width && to < channel.length) channel[to]! += error * share;
  }
}
