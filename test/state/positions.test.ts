// Where samples stood, as readers say it, summed up by the sources that the user named.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ReadResult } from '../../src/datasets/sample.ts';
import { Positions, positionsOf } from '../../src/state/positions.ts';
import { State } from '../../src/state/state.ts';

const sample = { id: 'a', label: 0, pixels: new Uint8Array(1), shape: [1, 1, 1] as const };

function good(source: string, offset: number): ReadResult {
  return { ok: true, sample, place: { source, offset } };
}

function bad(source: string, offset: number): ReadResult {
  return { ok: false, quarantined: { code: 'sample', message: '', source, offset } };
}

/** What a state says after a run over these. */
async function found(positions: Positions, results: readonly ReadResult[]) {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-positions-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const state = await State.open(folder, 'test');
  onTestFinished(() => state.close());
  const passed: ReadResult[] = [];
  for await (const result of positions.noting(streamOf(results))) passed.push(result);
  expect(passed).toEqual(results);
  await positions.keep(state);
  expect(await positionsOf(state)).toEqual([]);
  await state.commit();
  return positionsOf(state);
}

async function* streamOf(results: readonly ReadResult[]) {
  yield* results;
}

it('counts shards each for itself, with members of archives', async () => {
  const results = [good('/d/a.tar!1.png', 512), bad('/d/a.tar!2.png', 2048), good('/d/b.tar!1.png', 512)];
  expect(await found(new Positions(['/d/a.tar', '/d/b.tar']), results)).toEqual([
    { source: '/d/a.tar', samples: 1, unusable: 1, file: '/d/a.tar!2.png', offset: 2048 },
    { source: '/d/b.tar', samples: 1, unusable: 0, file: '/d/b.tar!1.png', offset: 512 },
  ]);
});

it('counts a folder as one source, and not what only begins like it', async () => {
  const results = [good('/d/cat/1.png', 0), good('/d/dog/2.png', 0), good('/data/cat/1.png', 0)];
  expect(await found(new Positions(['/d/', '/data']), results)).toEqual([
    { source: '/d', samples: 2, unusable: 0, file: '/d/dog/2.png', offset: 0 },
    { source: '/data', samples: 1, unusable: 0, file: '/data/cat/1.png', offset: 0 },
  ]);
});

it('counts what comes from elsewhere by its file, and forgets when it is told to', async () => {
  const positions = new Positions(['/work/-']);
  await found(positions, [good('stdin', 7)]);
  positions.reset();
  expect(await found(positions, [good('stdin', 0), good('stdin', 90)])).toEqual([
    { source: 'stdin', samples: 2, unusable: 0, file: 'stdin', offset: 90 },
  ]);
});
