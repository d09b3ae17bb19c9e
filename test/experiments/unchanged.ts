// Whether a dataset came out as it went in: the same samples, pixel for pixel and label for label.

import { createHash } from 'node:crypto';
import type { Settings } from '../../config/schema.ts';
import { openTraining } from '../../src/app/datasets.ts';
import { locate } from '../../src/app/paths.ts';
import type { Dataset } from '../../src/datasets/dataset.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Site } from './definition.ts';

/** @param purified folder of the dataset that a run of these settings wrote */
export async function isUnchanged(site: Site, settings: Settings, purified: string): Promise<boolean> {
  const input = await openTraining({ settings, locate: (path) => locate(path, site.root) });
  const before = await digests(input);
  const after = await digests(await openDataset(purified));
  return before.size === after.size && [...before].every(([id, digest]) => after.get(id) === digest);
}

/** Digest of label, size and pixels of every readable sample, by id. */
async function digests(dataset: Pick<Dataset, 'read'>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const result of dataset.read()) {
    if (!result.ok) continue;
    const { id, label, shape, pixels } = result.sample;
    const digest = createHash('sha256').update(`${label} ${shape};`).update(pixels).digest('base64');
    found.set(id, digest);
  }
  return found;
}
