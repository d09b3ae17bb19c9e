// Blended injection (Chen et al. 2017, arXiv 1712.05526): the whole image is mixed with a key picture,
// Π_α(k, x) = α·k + (1 − α)·x. The paper uses a cartoon and a random pattern, at α = 0.2 in training.

import { lay } from './overlay.ts';
import type { Trigger } from './trigger.ts';

/**
 * The trigger that mixes a picture in.
 *
 * @param picture uint8 [C, H, W], as large as the images
 * @param alpha   share of the picture, in [0, 1]
 */
export function blended(picture: Uint8Array, alpha: number): Trigger {
  const overlay = { picture, opacity: new Float32Array([alpha]) };
  return ({ pixels }) => lay(pixels, [overlay]);
}
