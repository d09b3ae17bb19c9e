// A picture laid over an image, more or less opaque at each pixel: w·k + (1 − w)·x. Patches with a mask, blended
// triggers and their adaptive kin differ only in the opacity w.

import type { Image } from '../datasets/entry.ts';
import type { ImageShape } from '../datasets/sample.ts';
import { ConfigError } from '../errors.ts';
import { type PatchCorner, placeOf } from './badnet.ts';
import { withChannels } from './picture.ts';
import type { Trigger } from './trigger.ts';

export interface Overlay {
  /** uint8 [C, H, W]. */
  readonly picture: Uint8Array;
  /** float32 [H, W] in [0, 1], the same for all channels; or [1], the same for all pixels. */
  readonly opacity: Float32Array;
}

/** Lays overlays over an image, the first one first. @param pixels uint8 [C, H, W] @returns new pixels */
export function lay(pixels: Uint8Array, overlays: readonly Overlay[]): Uint8Array {
  const stamped = new Uint8ClampedArray(pixels.length); // rounds what it is given
  const area = overlays[0]?.opacity.length ?? 1;
  for (let i = 0; i < stamped.length; i++) {
    let value = pixels[i]!;
    for (const { picture, opacity } of overlays) value += opacity[i % area]! * (picture[i]! - value);
    stamped[i] = value;
  }
  return new Uint8Array(stamped.buffer);
}

/**
 * The trigger of a picture as large as the image or smaller, in a corner.
 *
 * @param mask opacity as a picture of the same size: 0 shows the image, 255 the patch; opaque where absent
 * @throws {ConfigError} when the picture is larger than the image, or the mask has another size
 */
export function pictureTrigger(
  picture: Image,
  mask: Image | undefined,
  corner: PatchCorner,
  shape: ImageShape,
): Trigger {
  const [channels, height, width] = shape;
  const [, rows, columns] = picture.shape;
  if (rows > height || columns > width) {
    throw new ConfigError(
      `attack.image: expected a patch of at most ${height}×${width}, found ${rows}×${columns}; make it smaller`,
    );
  }
  if (mask && (mask.shape[1] !== rows || mask.shape[2] !== columns)) {
    throw new ConfigError(
      `attack.mask: expected ${rows}×${columns} like attack.image, found ${mask.shape[1]}×${mask.shape[2]}; ` +
        'make both of one size',
    );
  }
  const place = placeOf(corner, [rows, columns], shape);
  const opaque = mask && withChannels(mask, 1).pixels;
  const opacity = Float32Array.from({ length: rows * columns }, (_, i) => (opaque ? opaque[i]! / 255 : 1));
  const overlay = overlayAt(withChannels(picture, channels), opacity, place, shape);
  return ({ pixels }) => lay(pixels, [overlay]);
}

/** A small picture with its opacity, put at a place in an overlay as large as the image; elsewhere transparent. */
export function overlayAt(
  { pixels, shape: [, rows, columns] }: Image,
  opacity: Float32Array,
  [top, left]: readonly [row: number, column: number],
  [channels, height, width]: ImageShape,
): Overlay {
  const overlay = {
    picture: new Uint8Array(channels * height * width),
    opacity: new Float32Array(height * width),
  };
  for (let y = 0; y < rows; y++) {
    const [from, to] = [y * columns, (top + y) * width + left];
    overlay.opacity.set(opacity.subarray(from, from + columns), to);
    for (let c = 0; c < channels; c++) {
      const row = pixels.subarray(c * rows * columns + from, c * rows * columns + from + columns);
      overlay.picture.set(row, c * height * width + to);
    }
  }
  return overlay;
}
