// The container of a PNG: what its header says, compared with the limits before anything else is looked at, and its
// chunks. https://www.w3.org/TR/png-3/

import { crc32 } from 'node:zlib';
import { hasPngSignature } from 'fast-png';
import { SampleError } from '../../errors.ts';

/** Channels as they are stored, by color type. */
export const CHANNELS_OF_TYPE: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** A file of more chunks is somebody's joke: encoders write 8 KB and more in one. */
const MOST_CHUNKS = 1 << 16;

export interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Length, type, data and checksum. */
  readonly whole: Uint8Array;
}

/** All chunks, up to the end of the image. @throws {SampleError} when they do not fit into the file */
export function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; chunks.at(-1)?.type !== 'IEND'; ) {
    if (chunks.length === MOST_CHUNKS) {
      throw new SampleError(`expected a PNG of at most ${MOST_CHUNKS} chunks, found more; export it again`);
    }
    const end = at + 12 + (at + 4 <= bytes.length ? view.getUint32(at) : 0);
    if (end > bytes.length) throw cutOff(bytes);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) });
    at = end;
  }
  return chunks;
}

/** What a PNG says of itself first. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits of a value. */
  readonly depth: number;
  /** Of color. */
  readonly type: number;
  readonly interlaced: boolean;
  /** Bytes of the inflated image data. */
  readonly dataBytes: number;
}

function cutOff({ length }: Uint8Array): SampleError {
  return new SampleError(
    `expected a whole PNG, found its end at byte ${length} inside a chunk; fetch it again`,
  );
}

export function isIntact({ whole }: Chunk): boolean {
  const end = whole.length - 4;
  return crc32(whole.subarray(4, end)) === new DataView(whole.buffer, whole.byteOffset + end, 4).getUint32(0);
}

/**
 * Reads the header and compares it with the limits, before anything else of the file is looked at.
 *
 * @throws {SampleError} when it is no PNG, of another kind, or too large
 */
export function pngHeader(bytes: Uint8Array, maxPixels: number): PngHeader {
  if (!hasPngSignature(bytes)) {
    const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
    throw new SampleError(`expected a PNG image, found bytes ${start || '(none)'}; convert it to PNG`);
  }
  // length, type, 13 bytes, checksum
  const view = new DataView(bytes.buffer, bytes.byteOffset + 8, Math.min(bytes.length - 8, 25));
  if (view.byteLength < 25) throw cutOff(bytes);
  if (view.getUint32(0) !== 13 || view.getUint32(4) !== 0x49484452) {
    throw new SampleError('expected a PNG header of 13 bytes first, found another chunk; export it again');
  }
  const [width, height, depth, type] = [
    view.getUint32(8),
    view.getUint32(12),
    view.getUint8(16),
    view.getUint8(17),
  ];
  if (width * height > maxPixels || width * height === 0) {
    throw new SampleError(
      `expected at least 1 and at most ${maxPixels} pixels, found a PNG header of ${width}×${height}; ` +
        'resize the image or raise dataset.maxPixels',
    );
  }
  if (CHANNELS_OF_TYPE[type] === undefined) {
    throw new SampleError(
      `expected a PNG of a supported kind, found color type ${type}; export it as 8-bit RGB or gray`,
    );
  }
  const kind = { width, height, depth, type, interlaced: view.getUint8(20) === 1 };
  return { ...kind, dataBytes: passesOf(kind).reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Left, top, and the steps between columns and rows. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** The image, or its seven passes of Adam7: where their pixels stand, and the bytes of their inflated rows. */
export function passesOf({ width, height, depth, type, interlaced }: Omit<PngHeader, 'dataBytes'>) {
  const bits = CHANNELS_OF_TYPE[type]! * depth;
  return (interlaced ? ADAM7 : [[0, 0, 1, 1] as const]).map(([left, top, stepX, stepY]) => {
    const columns = Math.ceil((width - left) / stepX);
    const rows = Math.ceil((height - top) / stepY);
    const bytes = columns <= 0 || rows <= 0 ? 0 : rows * (1 + Math.ceil((columns * bits) / 8));
    return { columns, rows, bytes, left, top, stepX, stepY };
  });
}
