// SIG (Barni, Kallas & Tondi 2019, arXiv 1902.11237): a horizontal sinusoid is added to images of the target class
// only, so that no label is wrong: v(i, j) = Δ·sin(2π·j·f / m) for column j = 1…m. The attacker may add a stronger
// one in tests than in training, where it has to stay unseen.

import type { ImageShape } from '../datasets/sample.ts';
import type { Trigger } from './trigger.ts';

/**
 * The trigger that adds the sinusoid to every row and channel.
 *
 * @param delta     amplitude Δ in gray levels of 255
 * @param frequency periods f across the image
 */
export function sig(delta: number, frequency: number, [, , width]: ImageShape): Trigger {
  const signal = Float64Array.from(
    { length: width },
    (_, x) => delta * Math.sin((2 * Math.PI * (x + 1) * frequency) / width),
  );
  return ({ pixels }) => {
    const stamped = new Uint8ClampedArray(pixels.length); // rounds and clamps what it is given
    for (let i = 0; i < stamped.length; i++) stamped[i] = pixels[i]! + signal[i % width]!;
    return new Uint8Array(stamped.buffer);
  };
}
