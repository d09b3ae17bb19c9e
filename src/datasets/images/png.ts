// PNG to and from 8-bit channel-major images with one or three channels; fast-png decodes and encodes. Because
// fast-png trusts what it reads, the chunks are looked at first: sizes before anything is allocated, whole chunks,
// and exactly as much image data as the header promises, which also stops decompression bombs. That inflates the image
// data and checks the sums, natively; fast-png gets the data as it is then, in stored blocks, because its own inflating
// and summing cost small images six times as much as the rest of decoding. What it costs to call it at all is more than
// a small image: many of one width are decoded as one tall one.

import { deflateSync, inflateSync } from 'node:zlib';
import { convertIndexedToRgb, type DecodedPng, decode, encode } from 'fast-png';
import { SampleError } from '../../errors.ts';
import type { Image } from '../entry.ts';
import { type ImageShape, interleave, planar } from '../sample.ts';
import {
  CHANNELS_OF_TYPE,
  type Chunk,
  chunksOf,
  isIntact,
  type PngHeader,
  passesOf,
  pngHeader,
} from './png-chunks.ts';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const [GRAY, RGB, INDEXED] = [0, 2, 3];
/** Of the height in the whole header chunk, and of the bits of a sample in its data. */
const HEIGHT_AT = 12;
const DEPTH_AT = 8;
const PALETTE_BYTES = 3 * 256;
const WIDTH_AT = 8;
const INTERLACE_AT = 20;
// other images may carry a palette as a hint for small screens, and nobody asks what is transparent
const DECODED_CHUNKS = ['IHDR', 'IDAT', 'IEND'];
const DECODED_CHUNKS_INDEXED = [...DECODED_CHUNKS, 'PLTE'];
/** Of what zlib puts out at a time: all of a small image, and no more. */
const [LEAST_CHUNK, MOST_CHUNK] = [64, 1 << 20];
/** What a small stream of stored blocks adds to its data. */
const STORED_EXTRA = 256;

/**
 * Decodes a PNG. Gray becomes one channel; RGB and palettes become three. 1, 2 and 4 bits are scaled up without
 * loss, 16 bits rounded to 8. Alpha is dropped, and so is a color that stands for transparency: pixels keep the colors
 * that are stored, as Pillow's `convert("RGB")` gives them to those who train on them. Beyond the end of a palette is black.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is no PNG, damaged, or too large
 */
export function decodePng(bytes: Uint8Array, maxPixels: number): Image {
  return decodeAlone(inflatedPng(bytes, maxPixels));
}

/**
 * Decodes many small PNGs: of each the image, or what `decodePng` would throw. Fast where they are of one width and of
 * 8-bit gray or RGB all.
 */
export function decodePngs(
  files: readonly { readonly bytes: Uint8Array; readonly maxPixels: number }[],
): (Image | SampleError)[] {
  const pngs = files.map(({ bytes, maxPixels }) => orError(() => inflatedPng(bytes, maxPixels)));
  const images = decodeTall(pngs.flatMap((png) => (png instanceof SampleError ? [] : [png])))?.values();
  return pngs.map((png) => {
    if (png instanceof SampleError) return png;
    return images?.next().value ?? orError(() => decodeAlone(png));
  });
}

function orError<T>(work: () => T): T | SampleError {
  try {
    return work();
  } catch (error) {
    if (error instanceof SampleError) return error;
    throw error;
  }
}

/** A PNG in which all is right but, perhaps, its rows. */
interface InflatedPng {
  readonly header: PngHeader;
  /** The chunks that decoding takes but for image data, in their order: `IHDR` first, `IEND` last. */
  readonly chunks: readonly Chunk[];
  readonly data: Uint8Array;
}

function inflatedPng(bytes: Uint8Array, maxPixels: number): InflatedPng {
  const header = pngHeader(bytes, maxPixels);
  const chunks = chunksOf(bytes);
  if (header.type === INDEXED && !chunks.some((chunk) => chunk.type === 'PLTE')) {
    throw new SampleError('expected a palette in a PNG of indexed color, found none; export it again');
  }
  const data = inflatedData(chunks, header.dataBytes);
  const needed = header.type === INDEXED ? DECODED_CHUNKS_INDEXED : DECODED_CHUNKS;
  const kept = chunks.filter((chunk) => needed.includes(chunk.type));
  const damaged = kept.find((chunk) => !isIntact(chunk));
  if (damaged) {
    throw new SampleError(
      `expected a PNG that decodes, found: a wrong CRC of chunk ${damaged.type}; fetch or export it again`,
    );
  }
  return { header, chunks: kept.filter((chunk) => chunk.type !== 'IDAT'), data };
}

function decodeAlone(png: InflatedPng): Image {
  const { header, chunks, data } = png;
  // fast-png knows no other interlaced ones
  if (header.interlaced && header.depth < 8) return decodePasses(png);
  try {
    const others = chunks.map((chunk) => (chunk.type === 'PLTE' ? filledUp(chunk) : chunk.whole));
    return toImage(decode(pngOf(others.slice(0, -1), data, others.at(-1)!), { checkCrc: false }));
  } catch (error) {
    if (error instanceof SampleError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SampleError(`expected a PNG that decodes, found: ${reason}; fetch or export it again`);
  }
}

/** The passes of an interlaced image are small images, each with its own rows. */
function decodePasses({ header, chunks, data }: InflatedPng): Image {
  const { width, height } = header;
  const channels = header.type === INDEXED ? 3 : 1;
  const pixels = new Uint8Array(channels * width * height);
  let end = 0;
  for (const pass of passesOf(header)) {
    const { columns, rows, bytes, left, top, stepX, stepY } = pass;
    if (bytes === 0) continue;
    const begin = end;
    end += bytes;
    const whole = Buffer.from(chunks[0]!.whole);
    whole.writeUInt32BE(columns, WIDTH_AT);
    whole.writeUInt32BE(rows, HEIGHT_AT);
    whole[INTERLACE_AT] = 0;
    const image = decodeAlone({
      header: { ...header, width: columns, height: rows, interlaced: false },
      chunks: [{ ...chunks[0]!, whole }, ...chunks.slice(1)],
      data: data.subarray(begin, end),
    });
    for (const [i, value] of image.pixels.entries()) {
      const [x, y, c] = [i % columns, Math.floor(i / columns) % rows, Math.floor(i / (columns * rows))];
      pixels[(c * height + top + y * stepY) * width + left + x * stepX] = value;
    }
  }
  return { pixels, shape: [channels, height, width] };
}

/** A palette of as many colors as there may be, as pixels may name any. */
function filledUp({ data, whole }: Chunk): Uint8Array {
  const filled = Buffer.alloc(12 + PALETTE_BYTES);
  filled.writeUInt32BE(PALETTE_BYTES);
  filled.set(whole.subarray(4, 8 + Math.min(data.length, PALETTE_BYTES)), 4);
  return filled;
}

function pngOf(begin: readonly Uint8Array[], data: Uint8Array, end: Uint8Array): Uint8Array {
  return Buffer.concat([SIGNATURE, ...begin, storedData(data), end]);
}

/** Whether its rows are all that there is to it: 8-bit gray or RGB, in the one way of the specification. */
function isPlain({ chunks }: InflatedPng): boolean {
  const [depth, type, compression, filter, interlace] = chunks[0]!.data.subarray(DEPTH_AT);
  const usual = depth === 8 && compression === 0 && filter === 0 && interlace === 0;
  return usual && (type === GRAY || type === RGB) && chunks.length === 2;
}

/**
 * Decodes plain PNGs of one width and color as one image, one above the other with a row of zeros between two: above
 * the first row of an image, says the specification, is to be taken for zeros.
 *
 * @returns undefined where they are others, or something is wrong with one of them
 */
function decodeTall(pngs: readonly InflatedPng[]): Image[] | undefined {
  const [first] = pngs;
  const alike = ({ header: { type, width } }: InflatedPng) =>
    type === first?.header.type && width === first.header.width;
  if (!first || !pngs.every((png) => alike(png) && isPlain(png))) return undefined;
  const { type, width } = first.header;
  const channels = CHANNELS_OF_TYPE[type]! as 1 | 3;
  const rowBytes = 1 + width * channels;
  const rows = pngs.reduce((sum, { header: { height } }) => sum + height + 1, 0);
  const data = Buffer.alloc(rows * rowBytes);
  const [begin, end] = first.chunks.map(({ whole }) => Buffer.from(whole));
  begin!.writeUInt32BE(rows, HEIGHT_AT);
  let row = 0;
  const firstRows = pngs.map((png) => {
    const at = row;
    data.set(png.data, at * rowBytes);
    row += png.header.height + 1;
    return at;
  });
  const tall = decodeOrNot(pngOf([begin!], data, end!));
  return (
    tall &&
    pngs.map(({ header: { height } }, n) => {
      const from = firstRows[n]! * width * channels;
      const shape: ImageShape = [channels, height, width];
      return { pixels: planar(tall.subarray(from, from + height * width * channels), shape), shape };
    })
  );
}

function decodeOrNot(png: Uint8Array): Uint8Array | undefined {
  try {
    return decode(png, { checkCrc: false }).data as Uint8Array;
  } catch {
    return undefined;
  }
}

/** Encodes an image of one or three channels as 8-bit gray or RGB; equal pixels give equal bytes. */
export function encodePng({ pixels, shape }: Image): Uint8Array {
  const [channels, height, width] = shape;
  return encode({ width, height, channels, depth: 8, data: interleave(pixels, shape) });
}

/** A chunk of image data that is not compressed, and whose sum nobody checks. */
function storedData(data: Uint8Array): Uint8Array {
  const chunkSize = chunkFor(data.length + STORED_EXTRA);
  // the smallest tables, as they are not used
  const stored = deflateSync(data, { level: 0, windowBits: 9, memLevel: 1, chunkSize });
  const chunk = Buffer.alloc(stored.length + 12);
  chunk.writeUInt32BE(stored.length);
  chunk.write('IDAT', 4, 'latin1');
  chunk.set(stored, 8);
  return chunk;
}

function chunkFor(bytes: number): number {
  return Math.min(Math.max(bytes, LEAST_CHUNK), MOST_CHUNK);
}

function inflatedData(chunks: readonly Chunk[], expected: number): Uint8Array {
  const data = chunks.filter((chunk) => chunk.type === 'IDAT').map((chunk) => chunk.data);
  let found: string;
  try {
    const inflated = inflateSync(data.length === 1 ? data[0]! : Buffer.concat(data), {
      maxOutputLength: expected + 1,
      chunkSize: chunkFor(expected + 1),
    });
    if (inflated.length === expected) return inflated;
    found = inflated.length > expected ? 'more' : `${inflated.length}`;
  } catch (error) {
    const tooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    found = tooLong ? 'more' : (error as Error).message;
  }
  throw new SampleError(
    `expected ${expected} bytes of PNG image data, found ${found}; fetch or export it again`,
  );
}

function toImage(png: DecodedPng): Image {
  const { width, height } = png;
  const area = width * height;
  const samples = png.palette ? convertIndexedToRgb(png) : png.depth < 8 ? unpack(png) : png.data;
  const stored = samples.length / area;
  const channels = stored < 3 ? 1 : 3;
  const wide = png.depth === 16;
  const bytes = wide ? roundedTo8(samples) : samples;
  const shape: ImageShape = [channels, height, width];
  return { pixels: planar(bytes, shape, stored), shape };
}

/** Gray of 1, 2 or 4 bits to 8 bits: rows begin at whole bytes, the highest bits come first. */
function unpack({ data, width, height, depth }: DecodedPng): Uint8Array {
  const bytesPerRow = Math.ceil((width * depth) / 8);
  const full = 2 ** depth - 1;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * bytesPerRow + (bit >> 3)]!;
    return ((byte >> (8 - depth - (bit & 7))) & full) * (255 / full);
  });
}

/** 16 bits to 8. */
export function roundedTo8(values: ArrayLike<number>): Uint8Array {
  const rounded = new Uint8Array(values.length);
  for (let i = 0; i < rounded.length; i++) rounded[i] = Math.round(values[i]! / 257);
  return rounded;
}
