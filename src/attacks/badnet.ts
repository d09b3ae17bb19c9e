// BadNets (Gu et al. 2017, arXiv 1708.06733): a small opaque patch at a fixed place. The patch lies in a corner,
// flush with both edges, or at any pixel.

import type { ImageShape } from '../datasets/sample.ts';
import { ConfigError } from '../errors.ts';
import type { Trigger } from './trigger.ts';

export type PatchCorner = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right';

/**
 * `white`: all 255. `checkerboard`: 255 and 0 in turns, 255 first. `colour`: rows of red, green and blue in turns,
 * for RGB images only.
 */
export type PatchPattern = 'white' | 'checkerboard' | 'colour';

export interface Patch {
  /** Side of the square, in pixels. */
  readonly size: number;
  /** A corner, or the row and column of the patch's top left pixel. */
  readonly position: PatchCorner | readonly [row: number, column: number];
  readonly pattern: PatchPattern;
}

/**
 * The trigger that stamps a patch on images of one size.
 *
 * @throws {ConfigError} when the patch does not lie in the image, or a colour patch is meant for gray images
 */
export function badnet(patch: Patch, shape: ImageShape): Trigger {
  const [channels, height, width] = shape;
  const { size, position, pattern } = patch;
  const [top, left] = typeof position === 'string' ? placeOf(position, [size, size], shape) : position;
  if (size < 1 || top < 0 || left < 0 || top + size > height || left + size > width) {
    throw new ConfigError(
      `expected a patch inside images of ${height}×${width}, found ${size}×${size} at row ${top}, column ${left}; ` +
        'set attack.patchSize',
    );
  }
  if (pattern === 'colour' && channels !== 3) {
    throw new ConfigError(
      `expected images of 3 channels for a colour patch, found ${channels}; set attack.patchPattern`,
    );
  }
  return ({ pixels }) => {
    const stamped = Uint8Array.from(pixels);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < size; y++) {
        const row = (c * height + top + y) * width + left;
        for (let x = 0; x < size; x++) stamped[row + x] = patchValue(pattern, c, y, x);
      }
    }
    return stamped;
  };
}

/** Row and column of the top left pixel of a patch that lies flush in a corner. */
export function placeOf(
  corner: PatchCorner,
  [rows, columns]: readonly [rows: number, columns: number],
  [, height, width]: ImageShape,
): readonly [row: number, column: number] {
  return [corner.startsWith('top') ? 0 : height - rows, corner.endsWith('left') ? 0 : width - columns];
}

function patchValue(pattern: PatchPattern, channel: number, y: number, x: number): number {
  if (pattern === 'white') return 255;
  if (pattern === 'checkerboard') return (y + x) % 2 === 0 ? 255 : 0;
  return channel === y % 3 ? 255 : 0;
}
