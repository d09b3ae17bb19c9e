// The decoder of the process, with its real thread, on more files than it decodes here.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open.ts';
import { threadDecoder } from '../../src/workers/thread-decoder.ts';
import { pngOf, readAll, temporaryFolder } from '../datasets/make.ts';

const SHAPE = [1, 4, 4] as const;
const COUNT = 5000;

/** Every hundredth line is no image, a cut one, or of another size. */
function line(n: number): string {
  const png = pngOf(n % 200, n % 500 === 300 ? [1, 4, 5] : SHAPE);
  const image = n % 500 === 100 ? png.subarray(0, 40) : n % 500 === 200 ? Buffer.from('GIF89a') : png;
  return JSON.stringify({ id: `s${n}`, label: n % 10, image: image.toString('base64') });
}

it('gives what decoding in the reader gives, in order, whatever is wrong with files', async () => {
  const path = join(temporaryFolder(), 'a.ndjson');
  writeFileSync(path, Array.from({ length: COUNT }, (_, n) => `${line(n)}\n`).join(''));
  const here = await openDataset(path, { classes: 10 });
  const there = await openDataset(path, { classes: 10, decoder: threadDecoder });
  const expected = await readAll(here);
  expect(expected.samples.length + expected.bad.length).toBe(COUNT);
  expect(expected.bad).toHaveLength(30);
  expect(await readAll(there)).toEqual(expected);
});

it('decodes large files in the reader, and other kinds', async () => {
  const noise = Uint8Array.from({ length: 300 * 300 }, (_, i) => (i * 2654435761) >>> 13);
  const ppm = Buffer.concat([Buffer.from('P5\n300 300\n255\n'), noise]);
  const { pixels, shape } = await threadDecoder.decode(ppm, 1e6);
  expect([shape, Buffer.compare(pixels, noise)]).toEqual([[1, 300, 300], 0]);
});
