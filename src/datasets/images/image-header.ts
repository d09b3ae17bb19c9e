// What an image's file says of its size before anything of it is decoded, so that one of a foreign shape, or one that
// would fill the memory, costs nothing but the look at its header. A header may lie: decoders compare again. The kinds
// that libvips alone decodes have headers that libvips reads.

import type { ImageShape } from '../sample.ts';
import { bmpHeader } from './bmp.ts';
import { gifHeader } from './gif.ts';
import { type ImageKind, imageKind } from './image-kind.ts';
import { shapeThroughLibvips } from './libvips-image.ts';
import { pnmHeader } from './pnm.ts';

/** Color types of PNG by the channels that are left of them. */
const PNG_CHANNELS: Readonly<Record<number, 1 | 3>> = { 0: 1, 2: 3, 3: 3, 4: 1, 6: 3 };
interface Header {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** Of kinds whose headers say channels, width and height. */
const HEADERS: Readonly<Partial<Record<ImageKind, (bytes: Uint8Array) => Header | undefined>>> = {
  PNM: pnmHeader,
  BMP: bmpHeader,
  GIF: gifHeader,
};
/** Segments of a JPEG before the one that says its size; thousands are somebody's joke. */
const MOST_SEGMENTS = 4096;

/** The shape that decoding will give; undefined where the header does not say it. A promise only where that needs libvips. */
export function shapeInHeader(bytes: Uint8Array): ImageShape | undefined | Promise<ImageShape | undefined> {
  const kind = imageKind(bytes);
  if (kind === undefined) return undefined;
  if (kind === 'PNG') return pngShape(bytes);
  if (kind === 'JPEG') return jpegShape(bytes);
  const read = HEADERS[kind];
  if (!read) return shapeThroughLibvips(bytes);
  const { channels, height, width } = read(bytes) ?? { channels: 1, height: 0, width: 0 };
  return width > 0 ? [channels, height, width] : undefined;
}

/** Pixels that a header speaks of; 0 where it does not say. */
export async function pixelsInHeader(bytes: Uint8Array): Promise<number> {
  const [, height, width] = (await shapeInHeader(bytes)) ?? [0, 0, 0];
  return height * width;
}

function pngShape(bytes: Uint8Array): ImageShape | undefined {
  if (bytes.length < 33) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 33);
  const channels = PNG_CHANNELS[bytes[25]!];
  // IHDR of 13 bytes
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452 || !channels) return undefined;
  return [channels, view.getUint32(20), view.getUint32(16)];
}

/** From the first frame header. ITU T.81, B.1 and B.2 */
function jpegShape(bytes: Uint8Array): ImageShape | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 2, segments = 0; at + 10 <= bytes.length && segments < MOST_SEGMENTS; segments++) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return undefined;
    // fill bytes
    if (marker === 0xff) at += 1;
    // scans and the end of the image come after the frame
    else if (marker === 0xda || marker === 0xd9) return undefined;
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      return height === 0 ? undefined : [bytes[at + 9] === 1 ? 1 : 3, height, width];
    } else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}
