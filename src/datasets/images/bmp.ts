// BMP images of 1, 4, 8, 16, 24 and 32 bits, without compression or of run lengths. libvips as sharp brings it reads none; the packages that
// do trust the header with memory, and put odd widths and bit fields wrong. What is stored is simple, so it is
// read here, after everything was checked. https://learn.microsoft.com/windows/win32/gdi/bitmap-storage

import { SampleError } from '../../errors.ts';
import type { Image } from '../entry.ts';
import type { ImageShape } from '../sample.ts';
import { unpackRunLengths } from './bmp-rle.ts';

const HEADER_AT = 14;
/** OS/2's, with sizes of 16 bits and palettes of three bytes a color. */
const CORE_HEADER = 12;
const HEADER_SIZES = [CORE_HEADER, 40, 52, 56, 64, 108, 124];
const PALETTE_DEPTHS = [1, 4, 8];
/** Red, green and blue where the file does not say. */
const MASKS: Readonly<Record<number, readonly number[]>> = {
  16: [0x7c00, 0x03e0, 0x001f],
  32: [0xff0000, 0xff00, 0xff],
};
const MASKS_AT = 54;
/** Pixels that a byte of run lengths may stand for. */
const MOST_OF_A_BYTE = 256;
const [PLAIN, RUNS_8, RUNS_4, BIT_FIELDS, ALPHA_BIT_FIELDS] = [0, 1, 2, 3, 6];

/** Whether a file begins like a BMP: its first 18 bytes tell. */
export function hasBmpSignature(bytes: Uint8Array): boolean {
  if (bytes.length < 18 || bytes[0] !== 0x42 || bytes[1] !== 0x4d) return false;
  return HEADER_SIZES.includes(viewOf(bytes).getUint32(HEADER_AT, true));
}

/** What the header says; undefined where it is cut off. */
export function bmpHeader(bytes: Uint8Array) {
  const view = viewOf(bytes);
  const size = view.getUint32(HEADER_AT, true);
  if (bytes.length < HEADER_AT + size) return undefined;
  const core = size === CORE_HEADER;
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const signed = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const depth = view.getUint16(core ? 24 : 28, true);
  const compression = core ? PLAIN : view.getUint32(30, true);
  const colors = (core ? 0 : view.getUint32(46, true)) || 2 ** depth;
  const palette = PALETTE_DEPTHS.includes(depth)
    ? paletteOf(bytes, HEADER_AT + size, Math.min(colors, 2 ** depth), core ? 3 : 4)
    : undefined;
  const channels: 1 | 3 = palette?.every(([red, green, blue]) => red === green && green === blue) ? 1 : 3;
  // rows go from the bottom up where the height is positive
  const place = { begin: beginOf(view, size, palette?.length ?? 0, core ? 3 : 4), topDown: signed < 0 };
  return { ...place, width, height: Math.abs(signed), depth, compression, palette, channels };
}

/** Where pixels begin. Some say that it is right after the header, where a palette is. */
function beginOf(view: DataView, size: number, colors: number, entry: number): number {
  const begin = view.getUint32(10, true);
  return begin === HEADER_AT + size ? begin + colors * entry : begin;
}

/** Red, green and blue of each color; what is beyond its end is black. */
function paletteOf(bytes: Uint8Array, begin: number, colors: number, entry: number) {
  return Array.from({ length: colors }, (_, i) => {
    const [blue = 0, green = 0, red = 0] = bytes.subarray(begin + i * entry, begin + i * entry + 3);
    return [red, green, blue] as const;
  });
}

/**
 * Decodes a BMP: to one channel where its palette is gray, else to three. Alpha is dropped.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is of another kind, cut off or too large
 */
export function decodeBmp(bytes: Uint8Array, maxPixels: number): Image {
  const header = bmpHeader(bytes);
  if (!header) throw cutOff(bytes);
  const { width, height, depth, compression, channels, begin, topDown } = header;
  if (width <= 0 || height === 0 || width * height > maxPixels) {
    throw new SampleError(
      `expected at least 1 and at most ${maxPixels} pixels, found a BMP header of ${width}×${height}; ` +
        'resize the image or raise dataset.maxPixels',
    );
  }
  const masked = (compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS) && depth in MASKS;
  const known = PALETTE_DEPTHS.includes(depth) || depth === 24 || depth in MASKS;
  const runs = (compression === RUNS_8 && depth === 8) || (compression === RUNS_4 && depth === 4);
  if (!known || (compression !== PLAIN && !masked && !runs)) {
    throw new SampleError(
      `expected a BMP without compression or of run lengths, found compression ${compression} of ${depth} bits; ` +
        'convert it to PNG',
    );
  }
  if (runs) return decodeRuns(bytes, header);
  const stride = Math.ceil((width * depth) / 32) * 4;
  if (masked && bytes.length < MASKS_AT + 12) throw cutOff(bytes);
  // the last row may lack what fills it up
  if (begin + stride * (height - 1) + Math.ceil((width * depth) / 8) > bytes.length) throw cutOff(bytes);
  const shape: ImageShape = [channels, height, width];
  const pixels = new Uint8Array(channels * height * width);
  const valueAt = reader(bytes, header, masked);
  for (let y = 0; y < height; y++) {
    const row = begin + stride * (topDown ? y : height - 1 - y);
    for (let c = 0; c < channels; c++) {
      const to = (c * height + y) * width;
      for (let x = 0; x < width; x++) pixels[to + x] = valueAt(row, x, c);
    }
  }
  return { pixels, shape };
}

function decodeRuns(bytes: Uint8Array, header: Header): Image {
  const { width, height, channels, begin, topDown, palette = [] } = header;
  // a run of two bytes fills 255 pixels at most; jumps leave out more, but nobody draws that little
  const most = MOST_OF_A_BYTE * Math.max(0, bytes.length - begin);
  const indices = width * height > most ? undefined : unpackRunLengths(bytes.subarray(begin), header);
  if (!indices) throw cutOff(bytes);
  const pixels = new Uint8Array(channels * height * width);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y, c] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    pixels[i] = palette[indices[(topDown ? y : height - 1 - y) * width + x]!]?.[c] ?? 0;
  }
  return { pixels, shape: [channels, height, width] };
}

type Header = NonNullable<ReturnType<typeof bmpHeader>>;

/** What gives channel `c` of the pixel at column `x` of the row that begins at `row`. */
function reader(bytes: Uint8Array, { depth, palette }: Header, masked: boolean) {
  if (depth === 24) return (row: number, x: number, c: number) => bytes[row + 3 * x + 2 - c]!;
  if (palette) {
    const full = 2 ** depth - 1;
    return (row: number, x: number, c: number) => {
      const bit = x * depth;
      const index = (bytes[row + (bit >> 3)]! >> (8 - depth - (bit & 7))) & full;
      return palette[index]?.[c] ?? 0;
    };
  }
  const view = viewOf(bytes);
  const masks = masked ? [0, 4, 8].map((at) => view.getUint32(MASKS_AT + at, true)) : MASKS[depth]!;
  const fields = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, full: mask >>> shift || 1 };
  });
  return (row: number, x: number, c: number) => {
    const pixel = depth === 16 ? view.getUint16(row + 2 * x, true) : view.getUint32(row + 4 * x, true);
    const { mask, shift, full } = fields[c]!;
    return Math.floor((((pixel & mask) >>> shift) * 255) / full);
  };
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

function cutOff({ length }: Uint8Array): SampleError {
  return new SampleError(`expected a whole BMP, found its end at byte ${length}; fetch or export it again`);
}
