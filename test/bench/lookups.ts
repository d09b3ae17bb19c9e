// `BENCH=lookups npm run bench [-- SAMPLES]`: how many samples a second a state answers for. A state of so many 32×32 samples
// with the candidates of the default plan (five images each) is asked for them in batches, two at a time, as a stream with
// two workers does, and for what was released of them, as the ledger does. Processor time of all threads is given beside,
// in microseconds a sample, because a machine that others use shows in seconds. One JSON object on stdout. The state comes
// from the cache of the disk, not from a cold one; with much fewer samples, V8 is still compiling.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawShape, SHAPES_SHAPE } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { CandidateStore } from '../../src/state/candidates.ts';
import { JSON_VALUE } from '../../src/state/database.ts';
import type { Released } from '../../src/state/ledger.ts';
import { State } from '../../src/state/state.ts';

const CANDIDATES = 5;
/** diffusion.batch, and the block of the ledger. */
const BATCH = 16;
const BLOCK = 256;
const WORKERS = 2;
/** Different images: the id tells samples with the same one apart. */
const IMAGES = 500;

const images = Array.from({ length: IMAGES }, (_, index) => drawShape('train', index).pixels);

function sampleOf(n: number): Sample {
  const pixels = images[n % IMAGES]!;
  return { id: String(n).padStart(8, '0'), shape: SHAPES_SHAPE, pixels, label: n % 10 };
}

function candidatesOf({ pixels }: Sample): Uint8Array {
  const all = new Uint8Array(CANDIDATES * pixels.length);
  for (let n = 0; n < CANDIDATES; n++) all.set(pixels, n * pixels.length);
  // every fourth byte is noise, so that compression has no easy game
  for (let i = 0; i < all.length; i += 4) all[i] = Math.imul(i + all[i]!, 2654435761) >>> 24;
  return all;
}

/** As a run does: candidates in its first pass, what it releases in the second. */
async function fill(state: State, samples: number): Promise<void> {
  const store = new CandidateStore(state);
  for (let from = 0; from < samples; from += BLOCK) {
    const batch = Array.from({ length: Math.min(BLOCK, samples - from) }, (_, i) => sampleOf(from + i));
    await store.keep(batch, batch.map(candidatesOf), 'sample');
  }
  const value = {
    given: 1,
    label: 1,
    image: 'raw',
    rule: 'clean',
    digest: '0'.repeat(32),
    since: 1,
  } as const;
  for (let from = 0; from < samples; from += BLOCK) {
    const keys = Array.from({ length: Math.min(BLOCK, samples - from) }, (_, i) =>
      releaseKey(state, sampleOf(from + i).id),
    );
    await state.database.batch<string, Released>(
      keys.map((key) => ({ type: 'put', key, value, ...JSON_VALUE })),
      {},
    );
  }
}

function releaseKey(state: State, id: string): string {
  return `${state.current}sample/${id}`;
}

/** Asks for all samples in batches, as many at a time as two workers of a stream do. */
async function rate(
  samples: number,
  size: number,
  ask: (batch: Sample[]) => Promise<unknown[]>,
): Promise<{ readonly perSecond: number; readonly processorUs: number }> {
  let from = 0;
  const askOn = async () => {
    while (from < samples) {
      const batch = Array.from({ length: Math.min(size, samples - from) }, (_, i) => sampleOf(from + i));
      from += batch.length;
      if ((await ask(batch)).includes(undefined)) throw new Error('expected all samples, found some missing');
    }
  };
  const [begin, before] = [performance.now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: WORKERS }, askOn));
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: Math.round(samples / seconds), processorUs: (user + system) / samples };
}

async function main(samples: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-lookups-'));
  try {
    const filled = await State.open(folder, 'bench');
    await fill(filled, samples);
    await filled.close();
    const state = await State.open(folder, 'bench');
    const store = new CandidateStore(state);
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

await main(Number(process.argv[2] ?? 100_000));
