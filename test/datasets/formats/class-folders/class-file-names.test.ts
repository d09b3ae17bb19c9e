// A sample that goes to another class keeps its name; who has that name already keeps it too.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { openDataset } from '../../../../src/datasets/open.ts';
import { withoutImage } from '../../../../src/datasets/origin.ts';
import type { ReadResult, Sample } from '../../../../src/datasets/sample.ts';
import { idsAmong } from '../../../../src/datasets/store/id-set.ts';
import { openWriter, type WriterOptions } from '../../../../src/datasets/writer.ts';
import { pngOf, temporaryFolder } from '../../make.ts';

const SHAPE = [1, 3, 3] as const;

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

function make(...names: string[]): string {
  for (const [i, name] of names.entries()) {
    mkdirSync(dirname(join(root, 'in', name)), { recursive: true });
    writeFileSync(join(root, 'in', name), pngOf(i, SHAPE));
  }
  return join(root, 'in');
}

type Good = Extract<ReadResult, { ok: true }>;

async function samplesOf(source: string): Promise<Good[]> {
  const found: Good[] = [];
  for await (const result of (await openDataset(source)).read()) if (result.ok) found.push(result);
  return found;
}

/** Writes with other labels, and reads back. @returns where each id stands */
async function relabelled(
  source: string,
  target: string,
  labels: Readonly<Record<string, number>>,
  {
    known = true,
    repaired = [] as readonly string[],
    format = 'class-folders' as WriterOptions['format'],
  } = {},
) {
  const { info } = await openDataset(source);
  const samples = await samplesOf(source);
  const isId = idsAmong(() => samples.map(({ sample }) => sample.id));
  const writer = await openWriter(target, { ...info, format, ...(known && { isId }) });
  const paths: Record<string, string | undefined> = {};
  for (const { sample, origin } of samples) {
    const moved: Sample = { ...sample, label: labels[sample.id] ?? sample.label };
    const kept = repaired.includes(sample.id) ? withoutImage(origin) : origin;
    paths[sample.id] = writer.place?.(moved, kept);
    await writer.write(moved, kept);
  }
  await writer.close();
  const back = await samplesOf(target);
  const labelOf = ({ sample: { id, label } }: Good) => [id, label] as const;
  const expected = samples.map(({ sample: { id, label } }) => [id, labels[id] ?? label]);
  expect(back.map(labelOf).toSorted()).toEqual(expected.toSorted());
  return paths;
}

test('the name in the new folder, a number where it is taken, and its path told', async () => {
  const source = make(
    'ham/1.png',
    'milk/1.png',
    'milk/b.PNG',
    'potato/1.png',
    'potato/a.PNG',
    'potato/b.png',
  );
  const labels = { 'ham/1': 1, 'potato/1': 1, 'potato/a': 1, 'potato/b': 1 };
  const paths = await relabelled(source, join(root, 'out'), labels, { repaired: ['potato/a', 'milk/b'] });
  expect(paths).toEqual({
    'ham/1': 'milk/1~3.png',
    'milk/1': undefined,
    'milk/b': undefined,
    'potato/1': 'milk/1~2.png',
    'potato/a': 'milk/a.png',
    'potato/b': 'milk/b~2.png',
  });
  expect(readdirSync(join(root, 'out', 'milk')).sort()).toEqual([
    ...['1.png', '1~2.png', '1~3.png', 'a.png', 'b.png', 'b~2.png'],
  ]);
  // what moved before moves again, or back, under the id that it has
  await relabelled(join(root, 'out'), join(root, 'again'), { 'ham/1': 2 });
  expect(readdirSync(join(root, 'again', 'milk')).sort()).toEqual([
    ...['1.png', '1~2.png', 'a.png', 'b.png', 'b~2.png'],
  ]);
  expect(readFileSync(join(root, 'again', 'potato', '1~2.png'))).toEqual(pngOf(0, SHAPE));
});

test('where nobody knows which ids are still to come, the first has the name', async () => {
  const source = make('ham/1.png', 'milk/1.png');
  const paths = await relabelled(source, join(root, 'out'), { 'ham/1': 1 }, { known: false });
  expect(paths).toEqual({ 'ham/1': 'milk/1.png', 'milk/1': 'milk/1~2.png' });
});

test('folders below those of classes stay, names that would read as something else are noted or escaped', async () => {
  const source = make(
    'ham/2025/%31.png',
    'ham/2026/1.png',
    'ham/2026/x~2.png',
    'milk/c:1.png',
    'milk/2025/2.png',
  );
  const paths = await relabelled(source, join(root, 'out'), { 'ham/2026/1': 1 });
  expect(paths).toEqual({
    'ham/2025/%31': undefined,
    'ham/2026/1': 'milk/2026/1.png',
    'ham/2026/x~2': undefined,
    'milk/2025/2': undefined,
    'milk/c:1': 'milk/%6dilk%2Fc%3A1.png',
  });
});

test("Tiny-ImageNet's layout, and formats whose files are not named by ids", async () => {
  const source = make('n01/images/a.png', 'n02/images/a.png');
  const moved = { 'n01/images/a': 1 };
  expect(await relabelled(source, join(root, 'tiny'), moved, { format: 'tiny-imagenet' })).toEqual({
    'n01/images/a': 'n02/images/a~2.png',
    'n02/images/a': undefined,
  });
  const writer = await openWriter(join(root, 'bd'), { format: 'backdoorbench', classes: 2, shape: SHAPE });
  const [first] = await samplesOf(source);
  expect(writer.place?.(first!.sample)).toBe('bd_train_dataset/0/0.png');
  await writer.write(first!.sample);
  await writer.close();
  expect(readdirSync(join(root, 'bd', 'bd_train_dataset', '0'))).toEqual(['0.png']);
});
