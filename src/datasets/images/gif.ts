// The first frame of a GIF, as its colors are stored: transparency is dropped, and so every pixel keeps the color of its
// index, as Pillow's `convert("RGB")` gives it. libvips, which decodes other kinds, gives black for transparent pixels, and
// also for those that it could not decode, without a word; so this is read here, after all sizes were checked.
// https://www.w3.org/Graphics/GIF/spec-gif89a.txt

import { SampleError } from '../../errors.ts';
import type { Image } from '../entry.ts';
import type { ImageShape } from '../sample.ts';
import { unpackLzw } from './gif-lzw.ts';

const SCREEN_AT = 6;
const BLOCKS_AT = 13;
const FRAME_BYTES = 10;
const [EXTENSION, FRAME, CONTROL] = [0x21, 0x2c, 0xf9];
/** Rows of an interlaced frame: those of each pass begin at one and leave out some. */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

type Color = readonly [red: number, green: number, blue: number];

/** Whether a file begins like a GIF. */
export function hasGifSignature(bytes: Uint8Array): boolean {
  return /^GIF8[79]a/.test(
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(6, bytes.length)).toString('latin1'),
  );
}

/** What stands before the pixels of the first frame; undefined where the file is cut off before, or has no frame. */
export function gifHeader(bytes: Uint8Array) {
  if (bytes.length < BLOCKS_AT) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const shared = paletteOf(bytes, BLOCKS_AT, bytes[SCREEN_AT + 4]!);
  let transparent: number | undefined;
  let at = BLOCKS_AT + shared.bytes;
  for (; bytes[at] === EXTENSION; at = afterBlocks(bytes, at + 2)) {
    const control = bytes[at + 1] === CONTROL && bytes[at + 2] === 4;
    if (control) transparent = bytes[at + 3]! & 1 ? bytes[at + 6] : undefined;
  }
  if (bytes[at] !== FRAME || at + FRAME_BYTES > bytes.length) return undefined;
  const [left, top, columns, rows] = [1, 3, 5, 7].map((n) => view.getUint16(at + n, true)) as [
    number,
    number,
    number,
    number,
  ];
  const flags = bytes[at + FRAME_BYTES - 1]!;
  const own = paletteOf(bytes, at + FRAME_BYTES, flags);
  const palette = own.bytes > 0 ? own.colors : shared.colors;
  const channels: 1 | 3 = palette.every(([red, green, blue]) => red === green && green === blue) ? 1 : 3;
  return {
    // a frame may be larger than what is said of the screen
    width: Math.max(view.getUint16(SCREEN_AT, true), left + columns),
    height: Math.max(view.getUint16(SCREEN_AT + 2, true), top + rows),
    frame: { left, top, columns, rows, interlaced: (flags & 0x40) !== 0 },
    palette,
    channels,
    /** The index of pixels that the frame leaves out. */
    background: transparent ?? 0,
    data: at + FRAME_BYTES + own.bytes,
  };
}

/**
 * Decodes the first frame of a GIF: to one channel where its palette is gray, else to three.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is damaged, cut off or too large
 */
export function decodeGif(bytes: Uint8Array, maxPixels: number): Image {
  const header = gifHeader(bytes);
  if (!header) throw damaged('no frame');
  const { width, height, frame, palette, channels, background, data } = header;
  const { left, top, columns, rows, interlaced } = frame;
  if (width * height > maxPixels || width * height === 0) {
    throw new SampleError(
      `expected at least 1 and at most ${maxPixels} pixels, found a GIF header of ${width}×${height}; ` +
        'resize the image or raise dataset.maxPixels',
    );
  }
  if (columns * rows === 0) throw damaged(`one of ${columns}×${rows}`);
  const indices = unpackLzw(blocksFrom(bytes, data + 1), bytes[data] ?? 0, columns * rows);
  if (indices.length < columns * rows) throw damaged(`${indices.length} of ${columns * rows} pixels`);
  const whole = new Uint8Array(width * height).fill(background);
  for (const [n, y] of rowsOf(rows, interlaced).entries()) {
    whole.set(indices.subarray(n * columns, (n + 1) * columns), (top + y) * width + left);
  }
  const shape: ImageShape = [channels, height, width];
  const pixels = new Uint8Array(channels * whole.length);
  for (let c = 0; c < channels; c++) {
    // beyond the end of a palette is black
    const values = Uint8Array.from({ length: 256 }, (_, index) => palette[index]?.[c] ?? 0);
    for (let i = 0; i < whole.length; i++) pixels[c * whole.length + i] = values[whole[i]!]!;
  }
  return { pixels, shape };
}

function paletteOf(
  bytes: Uint8Array,
  begin: number,
  flags: number,
): { colors: readonly Color[]; bytes: number } {
  const count = flags & 0x80 ? 2 << (flags & 7) : 0;
  const colors = Array.from({ length: count }, (_, i): Color => {
    const [red = 0, green = 0, blue = 0] = bytes.subarray(begin + 3 * i, begin + 3 * i + 3);
    return [red, green, blue];
  });
  return { colors, bytes: 3 * count };
}

/** Where blocks of data end, each of which says how long it is. */
function afterBlocks(bytes: Uint8Array, begin: number): number {
  let at = begin;
  while ((bytes[at] ?? 0) > 0) at += 1 + bytes[at]!;
  return at + 1;
}

function blocksFrom(bytes: Uint8Array, begin: number): Uint8Array {
  const end = Math.min(bytes.length, afterBlocks(bytes, begin));
  const data = new Uint8Array(Math.max(0, end - begin));
  let length = 0;
  for (let at = begin; at < end; at += 1 + bytes[at]!) {
    const block = bytes.subarray(at + 1, Math.min(end, at + 1 + bytes[at]!));
    data.set(block, length);
    length += block.length;
  }
  return data.subarray(0, length);
}

/** Rows in the order in which they are stored. */
function rowsOf(rows: number, interlaced: boolean): number[] {
  if (!interlaced) return Array.from({ length: rows }, (_, y) => y);
  return PASSES.flatMap(([first, step]) =>
    Array.from({ length: Math.max(0, Math.ceil((rows - first) / step)) }, (_, n) => first + n * step),
  );
}

function damaged(found: string): SampleError {
  return new SampleError(`expected a GIF with a whole frame, found ${found}; fetch or export it again`);
}
