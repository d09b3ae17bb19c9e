// Which kind of image file some bytes begin like, whatever its name says: asked by who decodes it, who reads its header,
// and who gives it a name.

import { hasPngSignature } from 'fast-png';
import { hasBmpSignature } from './bmp.ts';
import { hasGifSignature } from './gif.ts';
import { hasJpegSignature } from './jpeg.ts';
import { libvipsKind } from './libvips-image.ts';
import { hasPnmSignature } from './pnm.ts';

const SIGNATURES = [
  ['PNG', hasPngSignature],
  ['JPEG', hasJpegSignature],
  ['PNM', hasPnmSignature],
  ['BMP', hasBmpSignature],
  ['GIF', hasGifSignature],
] as const;

/** PNM is PPM or PGM. */
export type ImageKind = (typeof SIGNATURES)[number][0] | NonNullable<ReturnType<typeof libvipsKind>>;

/** By the first 18 bytes; undefined where they are of none. */
export function imageKind(bytes: Uint8Array): ImageKind | undefined {
  return SIGNATURES.find(([, begins]) => begins(bytes))?.[0] ?? libvipsKind(bytes);
}
