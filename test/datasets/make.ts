// Small datasets in every format, written byte by byte or by other libraries, so that the readers are not tested
// against this project's own writers alone.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterEach } from 'vitest';
import type { Dataset } from '../../src/datasets/dataset.ts';
import type { ImageShape, Quarantined, Sample } from '../../src/datasets/sample.ts';
import { pixelsOf } from '../support/pictures.ts';

// biome-ignore lint/performance/noBarrelFile: scripts take them from there, where no test runner is needed
export { pixelsOf, pngOf } from '../support/pictures.ts';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder that goes away after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-datasets-'));
  made.push(folder);
  return folder;
}

/** Channel-major pixels of image `i` that JPEG keeps nearly as they are. */
export function smoothOf(i: number, [channels, height, width]: ImageShape): Uint8Array {
  const area = height * width;
  return Uint8Array.from({ length: channels * area }, (_, at) => {
    const [c, y, x] = [Math.floor(at / area), Math.floor((at % area) / width), at % width];
    return Math.abs(((20 * i + 30 * c + 3 * x + 5 * y) % 510) - 255);
  });
}

/** A JPEG of `smoothOf(i, shape)` of the best quality, without chroma subsampling. */
export async function jpegOf(i: number, shape: ImageShape): Promise<Buffer> {
  const [channels, height, width] = shape;
  const planar = smoothOf(i, shape);
  const area = height * width;
  const data = planar.map((_, at) => planar[(at % channels) * area + Math.floor(at / channels)]!);
  const image = sharp(data, { raw: { width, height, channels: channels === 1 ? 1 : 3 } });
  const encoded = channels === 1 ? image.toColourspace('b-w') : image;
  return encoded.jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
}

/** A PPM or PGM of `pixelsOf(i, shape)`. */
export function ppmOf(i: number, [channels, height, width]: ImageShape): Buffer {
  const planar = pixelsOf(i, [channels, height, width]);
  const area = height * width;
  const data = planar.map((_, at) => planar[(at % channels) * area + Math.floor(at / channels)]!);
  return Buffer.concat([Buffer.from(`P${channels === 3 ? 6 : 5}\n${width} ${height}\n255\n`), data]);
}

/** An IDX file: magic, dimensions, bytes. */
export function idx(dimensions: readonly number[], bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.set([0, 0, 8, dimensions.length]);
  dimensions.forEach((extent, i) => {
    header.writeUInt32BE(extent, 4 + 4 * i);
  });
  return Buffer.concat([header, bytes]);
}

/** A tar archive of the given members, in order. */
export async function tar(
  members: readonly (readonly [name: string, bytes: Uint8Array | string])[],
): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of members) archive.entry({ name, mtime: new Date(0) }, bytes);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A PNG of any header and image data, with right checksums; the data are deflated here. */
export function rawPng(
  header: { width: number; height: number; depth: number; type: number; interlace?: number },
  data: Uint8Array,
  chunks: readonly (readonly [type: string, data: Uint8Array])[] = [],
): Buffer {
  const ihdr = Buffer.alloc(13);
  ihdr.writeUInt32BE(header.width, 0);
  ihdr.writeUInt32BE(header.height, 4);
  ihdr.set([header.depth, header.type, 0, 0, header.interlace ?? 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [['IHDR', ihdr], ...chunks, ['IDAT', deflateSync(data)], ['IEND', Buffer.alloc(0)]] as const;
  return Buffer.concat([signature, ...parts.map(([type, bytes]) => pngChunk(type, bytes))]);
}

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** CRC-32 as PNG's specification defines it, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Reads everything. */
export async function readAll(dataset: Dataset): Promise<{ samples: Sample[]; bad: Quarantined[] }> {
  const samples: Sample[] = [];
  const bad: Quarantined[] = [];
  for await (const result of dataset.read()) {
    if (result.ok) samples.push(result.sample);
    else bad.push(result.quarantined);
  }
  return { samples, bad };
}
