// A file that grows, read on from where it was read last: however it is cut, everything is read once and in order, and
// another file in its place is read from its beginning.

import { appendFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { expect, it } from 'vitest';
import { decodeImage } from '../../src/datasets/images/image.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { Tail, type TailFormat } from '../../src/datasets/tail.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { pngOf, readAll, temporaryFolder } from './make.ts';

const SHAPE = [1, 4, 4] as const;
const COUNT = 12;
const numbers = Array.from({ length: COUNT }, (_, n) => n);

/** Some lines have no id, one is bad, one comes again, and some are empty. */
function ndjson(): Buffer {
  const lines = numbers.map((n) => {
    const image = pngOf(n, SHAPE).toString('base64');
    if (n === 4) return '{"label": 1, "image": "?"}';
    if (n === 7) return `\n${JSON.stringify({ label: n, image })}`;
    return JSON.stringify({ id: n === 9 ? 's1' : `s${n}`, label: n, image });
  });
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** With headers that extend others, and a member that belongs to no sample. */
async function archive(): Promise<Buffer> {
  const tar = pack();
  for (const n of numbers) {
    const name = (extension: string) => ({
      name: `s${n === 9 ? 1 : n}.${extension}`,
      pax: { comment: 'c'.repeat(99) },
    });
    tar.entry(name('png'), pngOf(n, SHAPE));
    tar.entry(name('cls'), n === 4 ? 'x' : String(n));
    if (n === 6) tar.entry({ name: 'README' }, 'x');
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What is read now: ids, labels or reasons, and offsets. */
async function taken(tail: Tail, format: TailFormat): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { id, offset, decode } of tail.read(format)) {
    found.push([
      id,
      offset,
      await (async () => (await decode(decodeImage)).label)().catch((error: Error) => error.message),
    ]);
  }
  return found;
}

it.each([
  ['ndjson', 'a.ndjson'],
  ['webdataset', 'a.tar'],
] as const)('%s is read once and in order', async (format, name) => {
  const whole = format === 'ndjson' ? ndjson() : await archive();
  const path = join(temporaryFolder(), name);
  writeFileSync(path, whole);
  const expected = await taken(new Tail(path), format);
  expect(expected).toHaveLength(COUNT);
  const { samples, bad } = await readAll(await openDataset([path], { classes: COUNT }));
  expect(expected.map((entry) => (entry as [string])[0])).toEqual(
    expect.arrayContaining(samples.map(({ id }) => id)),
  );
  expect([samples.length, bad.length]).toEqual([COUNT - 2, 2]);

  for (let seed = 0; seed < 5; seed++) {
    const random = new RandomStream(randomKey(seed, 'cuts'));
    const tail = new Tail(path);
    const found: unknown[] = [];
    writeFileSync(path, '');
    for (let at = 0, readings = 0; at < whole.length; readings++) {
      const next = at + 1 + random.integer(format === 'ndjson' ? 300 : 6000);
      appendFileSync(path, whole.subarray(at, next));
      at = next;
      expect(await tail.goesOn()).toBe(readings > 0);
      found.push(...(await taken(tail, format)));
    }
    expect(found).toEqual(expected);
    // an archive that has its end is read again where it grows all the same
    expect(await tail.goesOn()).toBe(format === 'ndjson');
    expect(await taken(tail, format)).toEqual(format === 'ndjson' ? [] : expected);
  }
});

it('begins again where another file is in its place, or less or something else in it', async () => {
  const path = join(temporaryFolder(), 'a.ndjson');
  const lines = ndjson()
    .toString()
    .split(/(?<=\n)/);
  const tail = new Tail(path);
  const ids = async () => (await taken(tail, 'ndjson')).map((entry) => (entry as [string])[0]);
  writeFileSync(path, lines.slice(0, 3).join(''));
  expect(await ids()).toEqual(['s0', 's1', 's2']);
  expect(await tail.goesOn()).toBe(true);
  expect(await ids()).toEqual([]);
  // the same bytes in another file
  writeFileSync(`${path}.new`, readFileSync(path));
  renameSync(`${path}.new`, path);
  expect(await tail.goesOn()).toBe(false);
  expect(await ids()).toEqual(['s0', 's1', 's2']);
  truncateSync(path, lines[0]!.length);
  expect(await tail.goesOn()).toBe(false);
  expect(await ids()).toEqual(['s0']);
  writeFileSync(path, lines[1]! + lines[2]!);
  expect(await tail.goesOn()).toBe(false);
  expect(await ids()).toEqual(['s1', 's2']);
});
