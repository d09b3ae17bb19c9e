// The image of a sample as a file: the one that it came as, wherever that stands, or one that is made of its pixels.

import { parseLooseJson } from '../../bounded-json.ts';
import type { Image } from '../entry.ts';
import type { Origin } from '../origin.ts';
import { imageKind } from './image-kind.ts';
import { encodePng } from './png.ts';

/** The file of the image as it came, wherever it stands. */
export function originalImage({ image, rest }: Origin): Uint8Array | undefined {
  if (image !== 'in line') return image;
  if (rest?.format !== 'ndjson')
    throw new Error(`expected a line with an image, found ${rest?.format ?? 'none'}`);
  const fields = parseLooseJson(textOf(rest.line)) as { readonly image: string };
  return Buffer.from(fields.image, 'base64');
}

/** Without copying what may be large. */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('utf8');
}

/** The file of an image and how its name ends: as it came, as it was encoded, or a PNG of the pixels. */
export function imageFile(
  image: Image,
  origin: Origin | undefined,
): { bytes: Uint8Array; extension: string } {
  const file = origin && (originalImage(origin) ?? origin.encoded);
  if (!file) return { bytes: encodePng(image), extension: 'png' };
  return { bytes: file, extension: extensionOf(file) };
}

/** How the name of that file ends. */
export function imageExtension(origin: Origin | undefined): string {
  const file = origin && (originalImage(origin) ?? origin.encoded);
  return file ? extensionOf(file) : 'png';
}

function extensionOf(bytes: Uint8Array): string {
  const kind = imageKind(bytes) ?? 'PNG';
  if (kind === 'JPEG') return 'jpg';
  if (kind === 'PNM') return bytes[1] === 0x35 ? 'pgm' : 'ppm';
  return kind.toLowerCase();
}
