// Worlds drawn from made-up images: what is drawn, that a seed gives the same again, and the page of what came of them.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attackWorld } from './attacked.ts';
import { quantilePlot } from './plot.ts';
import type { Kind, PoolClass } from './pool.ts';
import { addWorld, readWorlds, type WorldEntry, worldsPage } from './results.ts';
import { drawWorld, type World } from './world.ts';

const KINDS: readonly Kind[] = ['cifar', 'tiny', 'gtsrb', 'hand', 'mnist', 'fashion'];
const pool: readonly PoolClass[] = KINDS.flatMap((kind, k) =>
  Array.from({ length: 8 }, (_, c) => ({
    name: `${kind}-${c}`,
    kind,
    images: Array.from({ length: 50 }, (_, n) => new Uint8Array(3072).fill((40 * k + 5 * c + n) % 256)),
  })),
);
const SEEDS = [0, 1, 5, 8];

function digestOf({ samples, tests, classes }: World): string {
  const hash = createHash('sha256').update(JSON.stringify(classes));
  for (const { id, label, pixels } of [...samples, ...tests]) hash.update(`${id} ${label}`).update(pixels);
  return hash.digest('hex');
}

describe('drawWorld', () => {
  it('draws another dataset for each seed, and the same for the same', async () => {
    const worlds = await Promise.all(SEEDS.map((seed) => drawWorld(seed, pool)));
    // as a digest: what differs of thousands of images takes minutes to print
    expect(digestOf(await drawWorld(SEEDS[2]!, pool))).toBe(digestOf(worlds[2]!));
    const names = worlds.map(({ classes }) => classes.map(({ name }) => name).join());
    expect(new Set(names).size).toBe(SEEDS.length);
  });

  it('gives every class its samples, with ids of their own, and tests that the dataset does not hold', async () => {
    for (const seed of SEEDS) {
      const { classes, samples, tests, noise } = await drawWorld(seed, pool);
      expect(classes.length).toBeGreaterThanOrEqual(3);
      expect(new Set([...samples, ...tests].map(({ id }) => id)).size).toBe(samples.length + tests.length);
      for (const [label, { size }] of classes.entries()) {
        expect(size).toBeGreaterThanOrEqual(20);
        if (noise.way !== 'none') continue;
        expect(samples.filter((sample) => sample.label === label).length).toBe(size);
      }
      // a label is wrong where the id, which tells the class that the image came from, says another one
      const wrong = samples.filter(({ id, label }) => Number(id.split('/')[0]) !== label).length;
      if (noise.way === 'none') expect(wrong).toBe(0);
      else expect(wrong / samples.length).toBeLessThan(noise.rate + 0.1);
    }
  });
});

describe('attackWorld', () => {
  it('stamps as many samples as it says, and relabels where labels are dirty', async () => {
    for (const seed of SEEDS) {
      const world = await drawWorld(seed, pool);
      const { attack, samples, triggered } = await attackWorld(world);
      const before = new Map(world.samples.map((sample) => [sample.id, sample]));
      const relabelled = samples.filter(({ id, label }) => before.get(id)!.label !== label);
      expect(attack.poisoned).toBeGreaterThan(0);
      expect(relabelled.length).toBe(attack.labels === 'clean-label' ? 0 : attack.poisoned);
      const [target] = attack.attacked;
      if (attack.labels !== 'all-to-all') {
        expect(relabelled.every(({ label }) => label === target)).toBe(true);
        expect(triggered.every(({ label }) => label === target)).toBe(true);
      }
    }
  });
});

describe('results', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dataelixir-worlds-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const entry = (id: string, changes: Partial<WorldEntry> = {}): WorldEntry => ({
    id,
    seed: Number(id.split('-')[1]),
    commit: 'c',
    samples: 100,
    epochs: 10,
    denoiser: 'cifar10',
    noise: { rate: 0, way: 'none' },
    accuracy: 0.9,
    flagged: [],
    classes: [
      {
        name: 'cat',
        traits: ['blurred'],
        size: 50,
        label: 0,
        samples: 50,
        moved: 5,
        metric: 0.5,
        score: 0,
        state: 'clean',
      },
    ],
    canaries: [],
    seconds: 10,
    ...changes,
  });

  it('keeps one line a world, and reports the halves apart', async () => {
    const path = join(folder, 'worlds.json');
    const attack = {
      name: 'badnet',
      how: '3×3',
      labels: 'all-to-one',
      attacked: [0],
      poisoned: 5,
      shareOfClass: 0.1,
    } as const;
    await addWorld(path, entry('clean-221', { flagged: [0] }));
    await addWorld(path, entry('clean-2', { flagged: [0] }));
    await addWorld(path, entry('clean-2'));
    await addWorld(path, entry('attacked-223', { attack, asr: 0.9, flagged: [0] }));
    await addWorld(path, entry('attacked-225', { attack, asr: 0.95 }));
    await addWorld(path, entry('attacked-227', { attack, asr: 0.2 }));
    const worlds = readWorlds(path);
    expect(worlds.map(({ id }) => id)).toEqual([
      'attacked-223',
      'attacked-225',
      'attacked-227',
      'clean-2',
      'clean-221',
    ]);
    const [, unseen, chosen] = worldsPage(worlds).split('## ');
    expect(unseen).toContain('Clean: 1 of 1');
    expect(unseen).toContain('clean-221: cat, blurred (50 samples');
    expect(unseen).toMatch(/badnet, all-to-one \| 3 \| 2 \| 1 of 2/);
    expect(chosen).toContain('Clean: 0 of 1');
  });

  it('plots p-values as a picture', async () => {
    expect(await quantilePlot([0.5, 0.01, 1])).toMatch(/^<svg/);
  });
});
