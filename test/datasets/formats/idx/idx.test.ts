import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DatasetOptions } from '../../../../src/datasets/dataset.ts';
import { openDataset } from '../../../../src/datasets/open.ts';
import { idx, pixelsOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [1, 3, 5] as const;
let folder: string;
let images: string;
beforeEach(() => {
  folder = temporaryFolder();
  images = join(folder, 'train-images-idx3-ubyte');
});

function imageBytes(count: number): Buffer {
  return idx([count, 3, 5], Buffer.concat(Array.from({ length: count }, (_, i) => pixelsOf(i, SHAPE))));
}

function labelBytes(count: number): Buffer {
  return idx(
    [count],
    Uint8Array.from({ length: count }, (_, i) => i % 3),
  );
}

function write(imageFile: Buffer, labelFile: Buffer): void {
  writeFileSync(images, imageFile);
  writeFileSync(join(folder, 'train-labels-idx1-ubyte'), labelFile);
}

async function read(options: DatasetOptions = {}) {
  return readAll(await openDataset(images, options));
}

describe('whole files', () => {
  test('plain: pixels, labels, ids, and what is known before reading', async () => {
    write(imageBytes(7), labelBytes(7));
    const dataset = await openDataset(images);
    expect(dataset.info).toEqual({
      name: 'train-images-idx3-ubyte',
      format: 'idx',
      classes: 3,
      shape: SHAPE,
    });
    const { samples, bad } = await readAll(dataset);
    expect(bad).toEqual([]);
    expect(samples).toEqual(
      Array.from({ length: 7 }, (_, i) => ({
        id: `0000${i}`,
        label: i % 3,
        pixels: pixelsOf(i, SHAPE),
        shape: SHAPE,
      })),
    );
    expect((await readAll(dataset)).samples.length).toBe(7);
  });

  test('gzipped, with plain labels, and labels named by option', async () => {
    images += '.gz';
    write(gzipSync(imageBytes(7)), labelBytes(7));
    expect((await read()).samples.map((sample) => sample.label)).toEqual([0, 1, 2, 0, 1, 2, 0]);
    writeFileSync(join(folder, 'other.gz'), gzipSync(idx([7], new Uint8Array(7).fill(9))));
    const { samples } = await read({ labels: join(folder, 'other.gz'), classes: 10 });
    expect(samples.map((sample) => sample.label)).toEqual([9, 9, 9, 9, 9, 9, 9]);
  });

  test('color, channels last and channels first', async () => {
    writeFileSync(join(folder, 'train-labels-idx1-ubyte'), idx([1], Uint8Array.of(0)));
    const planar = pixelsOf(5, [3, 2, 4]);
    writeFileSync(images, idx([1, 3, 2, 4], planar));
    expect((await read()).samples[0]).toMatchObject({ shape: [3, 2, 4], pixels: planar });
    const interleaved = Uint8Array.from(planar, (_, at) => planar[(at % 3) * 8 + Math.floor(at / 3)]!);
    writeFileSync(images, idx([1, 2, 4, 3], interleaved));
    expect((await read()).samples[0]).toMatchObject({ shape: [3, 2, 4], pixels: planar });
  });

  test('a range of samples', async () => {
    write(imageBytes(7), labelBytes(7));
    const ids = async (options: DatasetOptions) => (await read(options)).samples.map((sample) => sample.id);
    expect(await ids({ limit: 2 })).toEqual(['00000', '00001']);
    expect(await ids({ skip: 5 })).toEqual(['00005', '00006']);
    expect(await ids({ skip: 2, limit: 3 })).toEqual(['00002', '00003', '00004']);
    expect(await ids({ skip: 6, limit: 100 })).toEqual(['00006']);
    expect(await ids({ limit: 0 })).toEqual([]);
  });
});

describe('damaged files', () => {
  test('truncated images: the whole ones, then one entry for the rest', async () => {
    write(imageBytes(7).subarray(0, 16 + 3 * 15 + 4), labelBytes(7));
    const { samples, bad } = await read();
    expect(samples.map((sample) => sample.id)).toEqual(['00000', '00001', '00002']);
    expect(bad).toEqual([
      {
        code: 'sample',
        message:
          'expected 7 samples, found 3 before the images end; samples 00003 to 00006 are lost, fetch the file again',
        source: images,
        offset: 16 + 3 * 15,
      },
    ]);
  });

  test('truncated labels', async () => {
    write(imageBytes(7), labelBytes(7).subarray(0, 8 + 5));
    const { samples, bad } = await read();
    expect(samples.length).toBe(5);
    expect(bad.map((entry) => entry.message)).toEqual([
      expect.stringContaining('found 5 before the labels end; samples 00005 to 00006 are lost'),
    ]);
  });

  test('truncated gzip: nothing that could be decompressed is lost', async () => {
    const count = 4000;
    const noise = Uint8Array.from({ length: count * 15 }, (_, i) => (i * i * 2654435761) >>> 13);
    const whole = gzipSync(idx([count, 3, 5], noise));
    write(whole.subarray(0, whole.length >> 1), labelBytes(count));
    const { samples, bad } = await read();
    expect(samples.length).toBeGreaterThan(count * 0.4);
    expect(samples.every((s, i) => s.pixels.every((value, at) => value === noise[i * 15 + at]))).toBe(true);
    expect(bad.length).toBe(1);
    expect(bad[0]!.message).toMatch(/expected whole compressed data, found: unexpected end of file; fetch/);
    expect(bad[0]!.offset).toBe(16 + samples.length * 15);
  });

  test('a wrong gzip checksum: all samples but the last block, and a word about it', async () => {
    const whole = gzipSync(idx([4000, 3, 5], new Uint8Array(60_000).fill(5)));
    whole[whole.length - 8]! ^= 1;
    write(whole, labelBytes(4000));
    const { samples, bad } = await read();
    expect(samples.length).toBeGreaterThan((60_000 - 2 ** 14) / 15 - 2);
    expect(bad.map((entry) => entry.message)).toEqual([
      expect.stringMatching(/found: .*incorrect data check/),
    ]);
  });

  test('bytes after the last sample', async () => {
    write(Buffer.concat([imageBytes(2), Buffer.alloc(9)]), labelBytes(2));
    const { samples, bad } = await read();
    expect(samples.length).toBe(2);
    expect(bad[0]!.message).toBe(
      'expected the file to end after 2 images, found: 9 bytes more; check its header',
    );
  });

  test('labels out of range', async () => {
    write(imageBytes(3), idx([3], Uint8Array.of(1, 255, 0)));
    const { samples, bad } = await read({ classes: 10 });
    expect(samples.map((sample) => sample.id)).toEqual(['00000', '00002']);
    expect(bad).toEqual([
      {
        code: 'sample',
        message: 'expected a label from 0 to 9, found 255 at sample 00001; set dataset.classes or correct it',
        source: images,
        offset: 16 + 15,
        id: '00001',
      },
    ]);
  });

  test.each([
    ['another magic', Buffer.from('0000090300000001', 'hex'), /found 00000903; check the file/],
    ['a header cut short', imageBytes(1).subarray(0, 9), /expected an IDX header of 16 bytes, found 9/],
    ['huge images', idx([1, 30_000, 30_000], Buffer.alloc(9)), /found 30000×30000 .*raise dataset.maxPixels/],
    ['two channels', idx([1, 2, 4, 4], Buffer.alloc(32)), /expected images of 1 or 3 channels/],
    ['no pixels', idx([1, 0, 4], Buffer.alloc(0)), /at least one pixel/],
    ['an empty file', Buffer.alloc(0), /found nothing/],
    ['no samples', idx([0, 3, 5], Buffer.alloc(0)), /found 0 images .* and 1 labels/],
  ])('refuses %s', async (_, bytes, message) => {
    write(bytes, labelBytes(1));
    await expect(openDataset(images, { format: 'idx' })).rejects.toMatchObject({
      code: 'dataset',
      exitCode: 3,
    });
    await expect(openDataset(images, { format: 'idx' })).rejects.toThrow(message);
  });

  test('refuses an empty dataset and missing labels', async () => {
    write(idx([0, 3, 5], Buffer.alloc(0)), idx([0], Buffer.alloc(0)));
    await expect(openDataset(images, { classes: 2 })).rejects.toThrow(
      /found an empty dataset; check the path/,
    );
    images = join(folder, 'alone-images-idx3-ubyte');
    writeFileSync(images, imageBytes(1));
    await expect(openDataset(images)).rejects.toThrow(
      /alone-labels-idx1-ubyte\[.gz\|.zst\], found none; put their file there/,
    );
  });
});
