// Adaptive-Patch (Qi et al. 2023, "Revisiting the assumption of latent separability for backdoor defenses"): four
// patches, one in each corner, faint in training and opaque in tests. A training image shows one of them, a test
// image all. Twice as many training images carry a patch and keep their labels. The paper's patches are small
// logos; these are drawn here: rings, a cross, a checkerboard and stripes.

import type { ImageShape } from '../datasets/sample.ts';
import { ConfigError } from '../errors.ts';
import { RandomStream, randomKey } from '../math/random.ts';
import { type PatchCorner, placeOf } from './badnet.ts';
import { lay, type Overlay, overlayAt } from './overlay.ts';
import type { Trigger } from './trigger.ts';

interface FaintPatch {
  readonly corner: PatchCorner;
  /** In training; the paper's values. */
  readonly opacity: number;
  /** Whether the pixel at (y, x) is white, else black. */
  readonly white: (y: number, x: number, size: number) => boolean;
}

const PATCHES: readonly FaintPatch[] = [
  {
    corner: 'top-left',
    opacity: 0.5,
    white: (y, x, size) => Math.min(y, x, size - 1 - y, size - 1 - x) % 2 === 0,
  },
  { corner: 'top-right', opacity: 0.2, white: (y, x, size) => y === x || y === size - 1 - x },
  { corner: 'bottom-left', opacity: 0.5, white: (y, x) => (y + x) % 2 === 0 },
  { corner: 'bottom-right', opacity: 0.3, white: (y) => y % 2 === 0 },
];

/**
 * The triggers of training images (poisoned and cover alike) and of test images.
 *
 * @param size side of each patch, in pixels
 * @throws {ConfigError} when two patches would overlap
 */
export function adaptivePatch(
  size: number,
  shape: ImageShape,
  seed: number,
): { readonly train: Trigger; readonly test: Trigger } {
  if (2 * size > Math.min(shape[1], shape[2])) {
    throw new ConfigError(
      `expected patches in all four corners of ${shape[1]}×${shape[2]}, found a size of ${size}; set attack.patchSize`,
    );
  }
  const faint = PATCHES.map((patch) => overlayOf(patch, patch.opacity, size, shape));
  const opaque = PATCHES.map((patch) => overlayOf(patch, 1, size, shape));
  return {
    train: ({ id, pixels }) => {
      const random = new RandomStream(randomKey(seed, `adaptive-patch/${id}`));
      return lay(pixels, [faint[random.integer(faint.length)]!]);
    },
    test: ({ pixels }) => lay(pixels, opaque),
  };
}

function overlayOf({ corner, white }: FaintPatch, opacity: number, size: number, shape: ImageShape): Overlay {
  const area = size * size;
  const pixels = Uint8Array.from({ length: shape[0] * area }, (_, i) =>
    white(Math.floor((i % area) / size), i % size, size) ? 255 : 0,
  );
  const place = placeOf(corner, [size, size], shape);
  return overlayAt(
    { pixels, shape: [shape[0], size, size] },
    new Float32Array(area).fill(opacity),
    place,
    shape,
  );
}
