// Binary PPM (P6) and PGM (P5) images of 8 bits, in which traffic-sign and face datasets come. The format is a
// short text header before plain pixels; the packages that read it take the header's word for the size, so this is
// read here, and everything is checked before anything is allocated. https://netpbm.sourceforge.net/doc/ppm.html

import { SampleError } from '../../errors.ts';
import type { Image } from '../entry.ts';
import { type ImageShape, planar } from '../sample.ts';

const MAX_HEADER_BYTES = 1024;
const GAP = '(?:\\s|#[^\\r\\n]*[\\r\\n])+';
const HEADER = new RegExp(`^P([56])${GAP}(\\d+)${GAP}(\\d+)${GAP}(\\d+)\\s`);

/** Whether a file begins like any of the Netpbm formats, `P1` to `P7`. */
export function hasPnmSignature(bytes: Uint8Array): boolean {
  const [letter, digit = 0] = bytes;
  return letter === 0x50 && digit >= 0x31 && digit <= 0x37;
}

/** What the header says; undefined where it is none of the kinds that are read. */
export function pnmHeader(bytes: Uint8Array) {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER_BYTES));
  const header = HEADER.exec(start.toString('latin1'));
  if (!header) return undefined;
  const [width, height, maximum] = header.slice(2).map(Number) as [number, number, number];
  const channels: 1 | 3 = header[1] === '6' ? 3 : 1;
  return { channels, width, height, maximum, length: header[0].length };
}

/**
 * Decodes a PPM to three channels, a PGM to one.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is of another kind, too large, or has more or fewer bytes than its header says
 */
export function decodePnm(bytes: Uint8Array, maxPixels: number): Image {
  const header = pnmHeader(bytes);
  if (!header) {
    const start = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
    throw new SampleError(
      `expected a binary PPM (P6) or PGM (P5) with width, height and maximum, found ${JSON.stringify(start)}; ` +
        'convert it',
    );
  }
  const { channels, width, height, maximum } = header;
  const area = width * height;
  if (area > maxPixels || area === 0) {
    throw new SampleError(
      `expected at least 1 and at most ${maxPixels} pixels, found a PPM header of ${width}×${height}; ` +
        'resize the image or raise dataset.maxPixels',
    );
  }
  if (maximum !== 255) {
    throw new SampleError(
      `expected pixels of 8 bits with a maximum of 255, found a maximum of ${maximum}; convert the image`,
    );
  }
  const data = bytes.subarray(header.length);
  if (data.length !== channels * area) {
    throw new SampleError(
      `expected ${channels * area} bytes of PPM pixels, found ${data.length}; fetch or export it again`,
    );
  }
  const shape: ImageShape = [channels, height, width];
  return { pixels: planar(data, shape), shape };
}
