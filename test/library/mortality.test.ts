// A whole run on workers that die: one in fifty of its batches and training steps kills its worker once, and what
// comes out is, bit for bit, what comes out of workers that live. A sample that kills every worker is set aside, and
// the run goes on as if it had not been there.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import type { Sample } from '../../src/index.ts';
import { type Options, settingsOf } from '../../src/library/options.ts';
import { type PurifyEvent, purifyOn } from '../../src/library/purify.ts';
import type { Pool } from '../../src/workers/pool.ts';
import type { Task } from '../../src/workers/protocol.ts';
import { mortalPool, testPool } from '../support/pools.ts';
import { writeTinyModels } from '../support/tiny-models.ts';

// Each death costs the start of a thread, seconds on a busy machine.
const samples = Array.from({ length: 100 }, (_, i) => drawShape('train', i));
const KINDS: readonly Task['kind'][] = ['diffuse', 'observe', 'restore', 'choose', 'gradient', 'update'];
const options: Options = {
  classes: 10,
  settings: {
    seed: 5,
    classifier: { widths: [4, 8], epochs: 4, batch: 20, learningRate: 0.05 },
    diffusion: { rounds: 1, steps: 2, keep: 2, batch: 2 },
    // a threshold of nothing flags several classes, so that every stage has work
    detect: { rule: 'divergence', threshold: 0, sides: 'two-sided', minority: 2, window: 50 },
  },
};

let folder: string;
let denoiser: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-mortality-'));
  ({ denoiser } = await writeTinyModels(folder));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function eventsOf(pool: Pool, some: readonly Sample[], observer?: string): Promise<PurifyEvent[]> {
  const events: PurifyEvent[] = [];
  const given = { ...options, denoiser, scratch: folder, ...(observer !== undefined && { observer }) };
  const emit = async (event: PurifyEvent) => void events.push(event);
  await purifyOn(pool, settingsOf(options), some, given, emit, new AbortController().signal);
  return events;
}

it.each(['exit', 'abort'] as const)(
  'gives the same bytes when 2 %% of all tasks kill their worker (%s)',
  async (manner) => {
    const expected = await eventsOf(testPool(2), samples);
    const mortal = mortalPool(2, { manner, moment: 'after', kinds: KINDS, oneIn: 50 });
    expect(await eventsOf(mortal.pool, samples)).toEqual(expected);
    expect(mortal.deaths()).toBeGreaterThan(2);
    expect(mortal.pool.restarts).toBe(mortal.deaths());
  },
  180_000,
);

it('sets a sample that kills its workers aside, with stage and reason, and goes on with the others', async () => {
  const { observer } = await writeTinyModels(folder);
  const few = samples.slice(0, 40);
  const deadly = { ...samples[50]!, id: 'deadly' };
  const { pool } = mortalPool(2, { manner: 'exit', moment: 'before', kinds: [], oneIn: 0 });
  const events = await eventsOf(pool, [...few.slice(0, 21), deadly, ...few.slice(21)], observer);
  const refused = events.filter(({ kind }) => kind === 'refused');
  expect(refused).toEqual([
    {
      kind: 'refused',
      refused: {
        id: 'deadly',
        stage: 'diffuse',
        code: 'worker',
        message: expect.stringMatching(/it died: .*3/),
      },
    },
  ]);
  const settled = events.flatMap((event) => (event.kind === 'settled' ? [event] : []));
  const without = await eventsOf(testPool(2), few, observer);
  expect(settled).toEqual(without.filter(({ kind }) => kind === 'settled'));
  expect(pool.restarts).toBe(4);
});
