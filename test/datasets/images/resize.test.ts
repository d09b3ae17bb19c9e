import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { originalImage } from '../../../src/datasets/images/image-file.ts';
import { encodePng } from '../../../src/datasets/images/png.ts';
import { carryBack, resizeImage } from '../../../src/datasets/images/resize.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import { inOwnSize } from '../../../src/datasets/own-size.ts';
import type { ImageShape, ReadResult, Sample } from '../../../src/datasets/sample.ts';
import { openStream } from '../../../src/datasets/stream.ts';
import { openWriter } from '../../../src/datasets/writer.ts';
import { jpegOf, pixelsOf, pngOf, readAll, smoothOf, temporaryFolder } from '../make.ts';

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

const image = (shape: ImageShape) => ({ pixels: smoothOf(1, shape), shape });

test.each([1, 3] as const)('resizing keeps %i channels apart and flat areas flat, both ways', async (c) => {
  const pixels = Uint8Array.from({ length: c * 12 * 8 }, (_, at) => 50 + 60 * Math.floor(at / 96));
  for (const size of [
    [6, 4],
    [24, 20],
    [5, 30],
  ] as const) {
    const resized = await resizeImage({ pixels, shape: [c, 12, 8] }, size);
    expect(resized.shape).toEqual([c, ...size]);
    const area = size[0] * size[1];
    expect(resized.pixels).toEqual(
      Uint8Array.from({ length: c * area }, (_, at) => 50 + 60 * Math.floor(at / area)),
    );
  }
  const same = { pixels, shape: [c, 12, 8] as const };
  expect(await resizeImage(same, [12, 8])).toBe(same);
});

test('a repair is carried back where it is, and nothing of the original stays there', async () => {
  const shape = [3, 32, 24] as const;
  const original = image(shape);
  // a trigger that is finer than what the networks see, bottom right
  const inTrigger = (at: number) => Math.floor(at / 24) % 32 >= 24 && at % 24 >= 18;
  original.pixels.forEach((_, at) => {
    if (inTrigger(at)) original.pixels[at] = (at + Math.floor(at / 24)) % 2 ? 255 : 0;
  });
  const seen = await resizeImage(original, [8, 6]);
  expect(await carryBack(original, seen)).toEqual(original);

  const repaired = { ...seen, pixels: seen.pixels.slice() };
  for (const c of [0, 1, 2]) {
    for (let y = 6; y < 8; y++) repaired.pixels.fill(80, (c * 8 + y) * 6 + 4, (c * 8 + y + 1) * 6);
  }
  const carried = await carryBack(original, repaired);
  const far = (at: number) => Math.floor(at / 24) % 32 < 20 || at % 24 < 12;
  carried.pixels.forEach((value, at) => {
    if (far(at)) expect(value).toBe(original.pixels[at]);
    // of the repair alone, up to the ringing of its edge
    if (inTrigger(at)) expect(Math.abs(value - 80)).toBeLessThan(60);
  });
});

async function mixedFolder(): Promise<Map<string, Buffer>> {
  const files = new Map([
    ['a/0.png', pngOf(0, [3, 8, 8])],
    ['a/1.jpg', await jpegOf(1, [3, 40, 24])],
    ['b/2.png', pngOf(2, [3, 4, 6])],
    ['b/3.png', pngOf(3, [3, 8, 8])],
  ]);
  for (const [name, bytes] of files) {
    mkdirSync(join(root, 'in', name[0]!), { recursive: true });
    writeFileSync(join(root, 'in', name), bytes);
  }
  return files;
}

async function resultsOf(read: AsyncGenerator<ReadResult>) {
  const results = new Map<string, Extract<ReadResult, { ok: true }>>();
  for await (const result of read) if (result.ok) results.set(result.sample.id, result);
  return results;
}

test('images of other sizes are refused, or resized with what they were', async () => {
  const files = await mixedFolder();
  const refused = await readAll(await openDataset(join(root, 'in')));
  expect(refused.samples.map(({ id }) => id).sort()).toEqual(['a/0', 'b/3']);
  expect(refused.bad.map(({ message }) => message).sort()[0]).toMatch(
    /found \[3,4,6\] at sample b\/2; set .*dataset\.resize/,
  );

  const dataset = await openDataset(join(root, 'in'), { resize: true });
  expect(dataset.info.shape).toEqual([3, 8, 8]);
  const results = await resultsOf(dataset.read());
  expect(results.size).toBe(4);
  expect(results.get('a/0')!.origin!.size).toBeUndefined();
  const { sample, origin } = results.get('a/1')!;
  expect([sample.shape, origin!.size]).toEqual([
    [3, 8, 8],
    [40, 24],
  ]);
  expect(files.get('a/1.jpg')!.equals(originalImage(origin!)!)).toBe(true);

  const large = await openDataset(join(root, 'in'), { resize: true, size: [10, 9] });
  expect(large.info.shape).toEqual([3, 10, 9]);
  expect((await readAll(large)).samples.every(({ shape }) => shape[1] === 10)).toBe(true);
});

test('bare pixels wait as a PNG, in a file and on a stream', async () => {
  const shape = [3, 12, 10] as const;
  const writer = await openWriter(join(root, 'a.npz'), { format: 'npz', classes: 2, shape });
  const sample: Sample = { id: 'x', label: 1, pixels: pixelsOf(4, shape), shape };
  await writer.write(sample);
  await writer.close();
  const dataset = await openDataset(join(root, 'a.npz'), { resize: true, size: [8, 8] });
  const { origin, ...found } = (await resultsOf(dataset.read())).get('x')!;
  expect(origin).toEqual({ image: encodePng(sample), size: [12, 10] });
  expect(await inOwnSize(found.sample, origin, false)).toEqual(sample);
  expect(await inOwnSize(found.sample, origin, true)).toEqual(sample);

  const record = Buffer.concat([Uint8Array.of(1), pixelsOf(4, [3, 32, 32])]);
  const cifar = { format: 'cifar-binary', resize: true, shape: [3, 8, 8] } as const;
  const stream = await openStream(
    'test',
    (async function* () {
      yield record;
    })(),
    cifar,
  );
  expect((await resultsOf(stream.read())).get('00000')!.origin!.size).toEqual([32, 32]);
});

test('a repaired gray image leaves as the colours that networks saw', async () => {
  writeFileSync(
    join(root, 'a.ndjson'),
    `${JSON.stringify({ id: 'x', label: 1, image: pngOf(3, [1, 16, 16]).toString('base64') })}\n`,
  );
  const dataset = await openDataset(join(root, 'a.ndjson'), { channels: 3, resize: true, size: [8, 8] });
  const { sample, origin } = (await resultsOf(dataset.read())).get('x')!;
  const whole = await inOwnSize({ ...sample, pixels: sample.pixels.map(() => 9) }, origin, true);
  expect(whole.shape).toEqual([3, 16, 16]);
  expect(whole.pixels.every((value) => value === 9)).toBe(true);
});

test('writers take all sizes only where that is said, and bare pixels never', async () => {
  const shape = [3, 8, 8] as const;
  const other: Sample = { id: 'x', label: 1, pixels: pixelsOf(1, [3, 4, 6]), shape: [3, 4, 6] };
  for (const [format, anySize, taken] of [
    ['ndjson', true, true],
    ['ndjson', false, false],
    ['npz', true, false],
  ] as const) {
    const target = join(root, `${format}-${anySize}`);
    const writer = await openWriter(target, { format, classes: 2, shape, anySize });
    if (taken) await writer.write(other);
    else await expect(writer.write(other)).rejects.toThrow(/expected images of \[3,8,8\]/);
    await writer.abort();
  }
});
