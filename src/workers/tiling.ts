// Whether a denoiser sees whole images or tiles of them: what its file says of the images that it was made for is
// held against those that it is given.

import type { ImageShape } from '../datasets/sample.ts';
import { tileCorners } from '../diffusion/tiles.ts';
import { imageShape } from '../networks/network.ts';
import type { DenoiserRef } from './protocol.ts';

/** Images that a denoiser was made for; extents that its file leaves open are those of `images`. */
export function denoiserShape(model: DenoiserRef, images: ImageShape): ImageShape {
  if (model.kind === 'network') return imageShape(model.spec);
  const [channels, height, width] = model.signature.x.shape.slice(1);
  return [channels ?? images[0], height ?? images[1], width ?? images[2]];
}

/** Calls of a denoiser for each step of an image: 1, or the number of its tiles. */
export function tilesPerImage(model: DenoiserRef, images: ImageShape): number {
  return tileCorners(images, denoiserShape(model, images)).length;
}
