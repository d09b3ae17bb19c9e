// The forward jump: all the noise of t steps at once. The purifier starts every round with it, and the training
// of denoisers makes its inputs with it.

import { ShapeError } from '../errors.ts';
import { mix } from '../math/kernels.ts';

/**
 * Draws x_t ~ q(x_t | x_0) in closed form: √ᾱ_t·x_0 + √(1−ᾱ_t)·ε.
 *
 * @param out      receives x_t, same length as x0; may be x0 itself
 * @param x0       float32 in [−1, 1], any shape
 * @param noise    standard normal, same length as x0
 * @param alphaBar ᾱ_t of the schedule, in [0, 1]
 * @throws {ShapeError} when the lengths differ
 * @see Ho et al. 2020, eq. 4
 */
export function addNoise(out: Float32Array, x0: Float32Array, noise: Float32Array, alphaBar: number): void {
  if (x0.length !== noise.length || x0.length !== out.length) {
    throw new ShapeError(
      `expected image, noise and result of one size, found ${x0.length}, ${noise.length} and ${out.length} numbers; ` +
        'draw noise of the image’s shape',
    );
  }
  mix(out, x0, Math.sqrt(alphaBar), noise, Math.sqrt(1 - alphaBar));
}
