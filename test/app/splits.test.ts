import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import type { Context } from '../../src/app/context.ts';
import { openTest, openTraining } from '../../src/app/datasets.ts';
import type { Source } from '../../src/datasets/stream.ts';
import { pngOf, temporaryFolder } from '../datasets/make.ts';

test('one source of several splits serves as training and as test set', async () => {
  const folder = temporaryFolder();
  for (const [i, name] of ['train', 'validation', 'test'].entries()) {
    const line = JSON.stringify({ id: name, label: 1, image: pngOf(i, [1, 3, 3]).toString('base64') });
    writeFileSync(join(folder, `${name}.ndjson`), `${line}\n`);
  }
  const idsOf = async (source: Source | undefined) => {
    const ids: string[] = [];
    for await (const result of source!.read()) if (result.ok) ids.push(result.sample.id);
    return ids;
  };
  const found: string[][] = [];
  for (const split of ['train', 'validation']) {
    const defaults = loadSettings({ readPreset: () => ({ name: 'none', text: '' }) });
    const dataset = { ...defaults.dataset, split, train: [folder], test: [folder] };
    const context = {
      settings: { ...defaults, dataset },
      locate: (path: string) => path,
    } as unknown as Context;
    found.push(await idsOf(await openTraining(context)), await idsOf(await openTest(context)));
  }
  expect(found).toEqual([['train'], ['test'], ['validation'], ['test']]);
});
