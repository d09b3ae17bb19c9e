// One world to its verdict: an observer is trained on it, the samples are purified and observed, the tests speak, and
// there it ends. What is costly and does not depend on the tests (the observer, candidates) is kept in a folder, so that
// changed tests can be tried on the same worlds in seconds.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judgingOf } from '../../../src/app/method.ts';
import { loadDenoiser, trainObserver } from '../../../src/app/models.ts';
import { packageRoot } from '../../../src/app/paths.ts';
import { withScratch } from '../../../src/app/workspace.ts';
import type { Sample } from '../../../src/datasets/sample.ts';
import { SampleStore } from '../../../src/datasets/store/sample-store.ts';
import type { Verdict } from '../../../src/defense/verdict/verdict.ts';
import { settingsOf } from '../../../src/library/options.ts';
import type { CandidateCache } from '../../../src/ports/candidates.ts';
import type { TrainingMemory } from '../../../src/ports/training-memory.ts';
import { classifyImages } from '../../../src/workers/classify.ts';
import type { Pool } from '../../../src/workers/pool.ts';
import { pack } from '../../../src/workers/pool-runner.ts';
import type { ClassifierRef } from '../../../src/workers/protocol.ts';
import { judge } from '../../../streams/judge.ts';
import { WORLD_SHAPE } from './pool.ts';
import type { World } from './world.ts';

export interface JudgedWorld {
  readonly verdict: Verdict;
  /** Share of triggered test images that get the attacker's label; undefined where there are none. */
  readonly asr: number | undefined;
  /** Share of test images that the observer calls by their class. */
  readonly accuracy: number;
  /** From the observer's training to the verdict. */
  readonly seconds: number;
}

/** @param folder keeps what is costly; made where it is not there */
export async function judgeWorld(
  pool: Pool,
  world: World & { readonly triggered?: readonly Sample[] },
  folder: string,
): Promise<JudgedWorld> {
  mkdirSync(folder, { recursive: true });
  const settings = settingsOf({
    classes: world.classes.length,
    settings: { seed: world.seed, classifier: { epochs: world.epochs } },
  });
  const info = { shape: WORLD_SHAPE, classes: world.classes.length };
  return withScratch(async (scratch) => {
    const store = new SampleStore(join(scratch, 'raw'), WORLD_SHAPE);
    try {
      for (const sample of world.samples) store.append(sample);
      const begun = performance.now();
      const networks = new FileNetworks(join(folder, 'networks'));
      const found = await trainObserver(pool, settings, store, info, { networks });
      const denoiser = await loadDenoiser(
        join(packageRoot, `models/${world.denoiser}.safetensors`),
        settings,
        WORLD_SHAPE,
      );
      const cache = new FileCache(join(folder, 'candidates'));
      const method = judgingOf(settings, pool, {
        ...found,
        info,
        denoiser,
        memory: { candidates: cache, networks },
      });
      const { verdict } = await judge({
        ...method,
        store,
        transitions: join(scratch, 'transitions.ndjson'),
        refuse: async (bad) => {
          throw new Error(`world ${world.seed}: ${JSON.stringify(bad)}`);
        },
        onEstimate: () => undefined,
        report: () => undefined,
      });
      const judged = performance.now();
      cache.save();
      return {
        verdict,
        asr:
          world.triggered && world.triggered.length > 0
            ? await rateOf(pool, found.observer, world.triggered)
            : undefined,
        accuracy: await rateOf(pool, found.observer, world.tests),
        seconds: (judged - begun) / 1000,
      };
    } finally {
      store.dispose();
    }
  });
}

async function rateOf(pool: Pool, observer: ClassifierRef, samples: readonly Sample[]): Promise<number> {
  if (samples.length === 0) return Number.NaN;
  const found = await classifyImages(pool, observer, pack(samples).pixels, WORLD_SHAPE);
  return found.filter(({ label }, n) => label === samples[n]!.label).length / samples.length;
}

/** Trained networks, a file each. */
class FileNetworks implements TrainingMemory {
  readonly #folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
  }

  async find(key: string) {
    const path = join(this.#folder, key);
    if (!existsSync(path)) return undefined;
    const bytes = await readFile(path);
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / Float32Array.BYTES_PER_ELEMENT);
  }

  async keep(key: string, weights: Float32Array) {
    await writeFile(join(this.#folder, key), weights);
  }

  async findCheckpoint() {
    return undefined;
  }

  keepCheckpoint() {
    return Promise.resolve();
  }
}

/** Candidates of one world in one file. */
class FileCache implements CandidateCache {
  readonly #path: string;
  readonly #kept = new Map<string, Uint8Array>();
  #changed = false;

  constructor(path: string) {
    this.#path = path;
    if (!existsSync(`${path}.json`)) return;
    const ids: string[] = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
    const bytes = readFileSync(path);
    const size = bytes.length / ids.length;
    for (const [n, id] of ids.entries()) this.#kept.set(id, bytes.subarray(n * size, (n + 1) * size));
  }

  async find(samples: readonly Sample[]) {
    return samples.map(({ id }) => this.#kept.get(id));
  }

  async keep(samples: readonly Sample[], candidates: readonly Uint8Array[]) {
    this.#changed = true;
    for (const [n, { id }] of samples.entries()) this.#kept.set(id, candidates[n]!.slice());
  }

  save(): void {
    if (!this.#changed) return;
    writeFileSync(this.#path, Buffer.concat([...this.#kept.values()]));
    writeFileSync(`${this.#path}.json`, JSON.stringify([...this.#kept.keys()]));
  }
}
