// Images of another size than the networks': resized for them, with sharp (libvips, Lanczos) and without regard to
// their proportions, so that nothing at the edges escapes them. A repair is carried back to the size that the image
// came in. There nothing of the original may stay where purification changed anything: its details are finer than what
// the networks saw, and a trigger could hide in them.

import type { Image } from '../entry.ts';
import { type ImageShape, interleave, planar } from '../sample.ts';
import { loadSharp } from './load-sharp.ts';

/** [height, width] in pixels. */
export type ImageSize = readonly [height: number, width: number];

export function sizeOfShape([, height, width]: ImageShape): ImageSize {
  return [height, width];
}

/** The image in another size; itself where it has it. @throws {EngineError} when sharp is not installed */
export async function resizeImage(image: Image, [height, width]: ImageSize): Promise<Image> {
  const [channels, fromHeight, fromWidth] = image.shape;
  if (height === fromHeight && width === fromWidth) return image;
  const sharp = await loadSharp();
  const raw = { height: fromHeight, width: fromWidth, channels: channels === 1 ? 1 : 3 } as const;
  const { data, info } = await sharp(interleave(image.pixels, image.shape), { raw })
    .resize(width, height, { fit: 'fill' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const shape: ImageShape = [channels, height, width];
  return { pixels: planar(data, shape, info.channels), shape };
}

/**
 * Carries a repair back: the original, but the purified image resized to it wherever that differs from what the
 * networks saw, and a pixel of theirs around.
 *
 * @param original as it came, with the channels of `purified`
 * @param purified what `resizeImage` made of it, with changes
 */
export async function carryBack(original: Image, purified: Image): Promise<Image> {
  const [channels, height, width] = original.shape;
  const seen = await resizeImage(original, sizeOfShape(purified.shape));
  const enlarged = await resizeImage(purified, [height, width]);
  const touched = enlargedMask(changedPixels(seen, purified), sizeOfShape(purified.shape), [height, width]);
  const pixels = new Uint8Array(original.pixels);
  const area = height * width;
  for (let at = 0; at < channels * area; at++) if (touched[at % area]) pixels[at] = enlarged.pixels[at]!;
  return { pixels, shape: original.shape };
}

/** uint8 [H, W]: 1 where two images of one shape differ in any channel. */
function changedPixels(a: Image, b: Image): Uint8Array {
  const area = a.shape[1] * a.shape[2];
  const changed = new Uint8Array(area);
  a.pixels.forEach((value, at) => {
    if (value !== b.pixels[at]) changed[at % area] = 1;
  });
  return changed;
}

/** A mask in another size, each pixel of it with its neighbours, which share in it when images are resized. */
function enlargedMask(mask: Uint8Array, [h, w]: ImageSize, [height, width]: ImageSize): Uint8Array {
  const enlarged = new Uint8Array(height * width);
  mask.forEach((set, at) => {
    if (!set) return;
    const [y, x] = [Math.floor(at / w), at % w];
    const bottom = Math.min(height, Math.ceil(((y + 2) * height) / h));
    const right = Math.min(width, Math.ceil(((x + 2) * width) / w));
    const left = Math.max(0, Math.floor(((x - 1) * width) / w));
    for (let row = Math.max(0, Math.floor(((y - 1) * height) / h)); row < bottom; row++) {
      enlarged.fill(1, row * width + left, row * width + right);
    }
  });
  return enlarged;
}
