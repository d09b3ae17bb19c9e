// Adaptive-Blend (Qi et al. 2023, "Revisiting the assumption of latent separability for backdoor defenses"): a
// blended trigger is cut into 4 × 4 pieces, of which a training image shows a random half and a test image all.
// As many training images carry it and keep their labels, so that the latent space does not fall into two parts.

import type { ImageShape, Sample } from '../datasets/sample.ts';
import { RandomStream, randomKey } from '../math/random.ts';
import { lay } from './overlay.ts';
import type { Trigger } from './trigger.ts';

/** Pieces along a side; of 8 × 8 pixels in images of 32 × 32, as in the paper. */
const PIECES = 4;

/**
 * The trigger of the training images, poisoned and cover alike; that of the test images is `blended`.
 *
 * @param picture uint8 [C, H, W], as large as the images
 * @param alpha   share of the picture where it shows, in [0, 1]; 0.15 in the paper
 */
export function adaptiveBlend(picture: Uint8Array, alpha: number, shape: ImageShape, seed: number): Trigger {
  const [, height, width] = shape;
  const pieceOf = Uint8Array.from(
    { length: height * width },
    (_, i) =>
      Math.floor((Math.floor(i / width) * PIECES) / height) * PIECES +
      Math.floor(((i % width) * PIECES) / width),
  );
  return (sample) => {
    const shown = shownPieces(sample, seed);
    const opacity = Float32Array.from(pieceOf, (piece) => (shown.has(piece) ? alpha : 0));
    return lay(sample.pixels, [{ picture, opacity }]);
  };
}

function shownPieces({ id }: Sample, seed: number): ReadonlySet<number> {
  const pieces = Array.from({ length: PIECES * PIECES }, (_, piece) => piece);
  const random = new RandomStream(randomKey(seed, `adaptive-blend/${id}`));
  return new Set(random.shuffle(pieces).slice(0, pieces.length / 2));
}
