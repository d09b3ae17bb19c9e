// `BENCH=lookups npm run bench [-- SAMPLES]`: how many samples a second a state answers for. A state of so many 32×32 samples
// with the candidates of the default plan (five images each) is asked for them in batches, as the stream does, and for
// what was released of them, as the ledger does. Processor time of all threads is given beside, in microseconds a sample,
// because a machine that others use shows in seconds. One JSON object on stdout. The state is fresh from disk cache, not
// from a cold disk.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawShape, SHAPES_SHAPE } from '../../fixtures/shapes.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { CandidateStore } from '../../src/state/candidates.ts';
import { JSON_VALUE } from '../../src/state/database.ts';
import type { Released } from '../../src/state/ledger.ts';
import { State } from '../../src/state/state.ts';

const CANDIDATES = 5;
/** diffusion.batch, and the block of the ledger. */
const BATCH = 16;
const BLOCK = 256;
/** Different images; a sample's own bytes are made of them by its number. */
const IMAGES = 500;

const images = Array.from({ length: IMAGES }, (_, index) => drawShape('train', index).pixels);

function sampleOf(n: number): Sample {
  const pixels = images[n % IMAGES]!.slice();
  new DataView(pixels.buffer).setUint32(0, n);
  return { id: String(n).padStart(8, '0'), shape: SHAPES_SHAPE, pixels, label: n % 10 };
}

function candidatesOf({ pixels }: Sample): Uint8Array {
  const all = new Uint8Array(CANDIDATES * pixels.length);
  for (let n = 0; n < CANDIDATES; n++) all.set(pixels, n * pixels.length);
  // every fourth byte is noise, so that compression has no easy game
  for (let i = 0; i < all.length; i += 4) all[i] = Math.imul(i + all[i]!, 2654435761) >>> 24;
  return all;
}

async function fill(state: State, samples: number): Promise<void> {
  const store = new CandidateStore(state.database);
  for (let from = 0; from < samples; from += BLOCK) {
    const batch = Array.from({ length: Math.min(BLOCK, samples - from) }, (_, i) => sampleOf(from + i));
    await store.keep(batch, batch.map(candidatesOf), 'sample');
    const released = {
      given: 1,
      label: 1,
      image: 'raw',
      rule: 'clean',
      digest: '0'.repeat(32),
      since: 1,
    } as const;
    await state.database.batch<string, Released>(
      batch.map(({ id }) => ({ type: 'put', key: releaseKey(state, id), value: released, ...JSON_VALUE })),
      {},
    );
  }
}

function releaseKey(state: State, id: string): string {
  return `${state.current}sample/${id}`;
}

async function rate(
  samples: number,
  size: number,
  ask: (batch: Sample[]) => Promise<unknown[]>,
): Promise<{ readonly perSecond: number; readonly processorUs: number }> {
  let milliseconds = 0;
  let used = 0;
  for (let from = 0; from < samples; from += size) {
    const batch = Array.from({ length: Math.min(size, samples - from) }, (_, i) => sampleOf(from + i));
    const [begin, before] = [performance.now(), process.cpuUsage()];
    const found = await ask(batch);
    milliseconds += performance.now() - begin;
    const { user, system } = process.cpuUsage(before);
    used += user + system;
    if (found.includes(undefined))
      throw new Error(`expected all samples from ${from} on, found some missing`);
  }
  return { perSecond: Math.round((1000 * samples) / milliseconds), processorUs: used / samples };
}

async function main(samples: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-lookups-'));
  try {
    const filled = await State.open(folder, 'bench');
    await fill(filled, samples);
    await filled.close();
    const state = await State.open(folder, 'bench');
    const store = new CandidateStore(state.database);
    const candidates = (batch: Sample[]) => store.find(batch, 'sample') as Promise<unknown[]>;
    const results = {
      samples,
      candidates: await rate(samples, BATCH, candidates),
      candidatesAgain: await rate(samples, BATCH, candidates),
      releases: await rate(samples, BLOCK, (batch) =>
        state.database.getMany<string, Released>(
          batch.map(({ id }) => releaseKey(state, id)),
          JSON_VALUE,
        ),
      ),
    };
    await state.close();
    process.stdout.write(`${JSON.stringify(results)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main(Number(process.argv[2] ?? 20_000));
