// Large PNGs, through sharp, that is libvips: row by row in threads of its own, in a third of the memory and time that
// fast-png takes for millions of pixels, and without keeping this thread from hearing an interrupt. What comes out is
// what `png.ts` makes of the same file.

import { SampleError } from '../../errors.ts';
import type { Image } from '../entry.ts';
import { type ImageShape, planar } from '../sample.ts';
import { loadSharp } from './load-sharp.ts';
import { roundedTo8 } from './png.ts';
import type { PngHeader } from './png-chunks.ts';

/** Of the pixels as they stand in the file. */
const MOST_BYTES = 2 ** 29;

/**
 * Decodes a PNG whose header is right.
 *
 * @throws {SampleError} when it is damaged, or takes more than half a gigabyte
 * @throws {EngineError} when sharp is not installed
 */
export async function decodeLargePng(bytes: Uint8Array, header: PngHeader): Promise<Image> {
  const { width, height, depth, type, dataBytes } = header;
  if (dataBytes > MOST_BYTES) {
    throw new SampleError(
      `expected a PNG of at most ${MOST_BYTES} bytes of pixels, found a header of ${width}×${height} with ${dataBytes}; ` +
        'resize it, or save it with 8 bits or as JPEG',
    );
  }
  const gray = type === 0 || type === 4;
  const sharp = await loadSharp();
  const wide = depth === 16;
  const { data, info } = await sharp(bytes, { failOn: 'warning', limitInputPixels: false, ignoreIcc: true })
    .removeAlpha()
    .toColourspace(`${wide ? (gray ? 'grey16' : 'rgb16') : gray ? 'b-w' : 'srgb'}`)
    .raw({ depth: wide ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(refuse);
  const values = wide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  const channels = gray ? 1 : 3;
  const shape: ImageShape = [channels, height, width];
  return { pixels: planar(wide ? roundedTo8(values) : values, shape, info.channels), shape };
}

function refuse({ message }: Error): never {
  const reason = message.trim().split('\n').at(-1);
  throw new SampleError(`expected a PNG that decodes, found: ${reason}; fetch or export it again`);
}
