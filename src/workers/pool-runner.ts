// The pool as the stages see it: batches of samples in, candidates, labels and chosen images out. It packs
// samples into tasks and knows which networks and which plan to use; it decides nothing.

import type {
  Candidates,
  Observation,
  Repaired,
  Restoration,
  Runner,
  Selection,
} from '../../streams/runner.ts';
import type { Sample } from '../datasets/sample.ts';
import type { Outcome } from '../errors.ts';
import { DataElixirError, toFailure } from '../errors.ts';
import { classifyImages } from '../training/classify.ts';
import type { Pool } from './pool.ts';
import type { ClassifierRef, ImageBatch, Purifier } from './protocol.ts';

export interface RunnerOptions extends Purifier {
  readonly observer: ClassifierRef;
  /** Which of the allowed images is taken, by rank of distance from the raw one; the reference's is 0.8. */
  readonly quantile: number;
}

/** Failures that concern the data of a batch, such as that workers die of it; any other ends the run. */
const DATA_FAILURES = new Set(['sample', 'shape', 'worker']);

export class PoolRunner implements Runner {
  readonly concurrency: number;
  readonly #pool: Pool;
  readonly #options: RunnerOptions;
  readonly #purifier: Purifier;
  #denoiserCalls = 0;

  constructor(pool: Pool, options: RunnerOptions) {
    this.#pool = pool;
    this.#options = options;
    const { denoiser, schedule, plan } = options;
    this.#purifier = { denoiser, schedule, plan };
    this.concurrency = pool.workers;
  }

  /** Network calls so far, counted for each image. */
  get denoiserCalls(): number {
    return this.#denoiserCalls;
  }

  async diffuse(batch: readonly Sample[]): Promise<Outcome<Candidates>> {
    const { rounds, keep } = this.#purifier.plan;
    this.#count(batch.length);
    return outcomeOf(async () => ({
      samples: batch,
      perSample: rounds * keep,
      images: await this.#pool.run<'diffuse'>({
        kind: 'diffuse',
        purifier: this.#purifier,
        images: pack(batch),
      }),
    }));
  }

  async observe({ samples, perSample, images }: Candidates): Promise<Outcome<readonly Observation[]>> {
    const { observer, plan } = this.#options;
    return outcomeOf(async () => {
      const { labels, scores, purified } = await this.#pool.run<'observe'>({
        kind: 'observe',
        observer,
        images: pack(samples),
        perSample,
        candidates: images,
      });
      return samples.map((_, n) => {
        const [raw, ...kept] = labels.subarray(n * (1 + perSample), (n + 1) * (1 + perSample));
        const rows = Array.from({ length: plan.rounds }, (_, r) =>
          kept.slice(r * plan.keep, (r + 1) * plan.keep),
        );
        const partOf = <T extends Float32Array | Uint8Array>(all: T) => {
          const size = all.length / samples.length;
          return all.subarray(n * size, (n + 1) * size) as T;
        };
        return {
          raw: raw!,
          labels: rows,
          scores: Array.from(partOf(scores), rounded),
          purified: partOf(purified),
        };
      });
    });
  }

  async label(batch: readonly Sample[]): Promise<Outcome<readonly number[]>> {
    const { observer: model } = this.#options;
    return outcomeOf(async () => {
      const { pixels, shape } = pack(batch);
      return (await classifyImages(this.#pool, model, pixels, shape)).map(({ label }) => label);
    });
  }

  async restore(batch: readonly Restoration[]): Promise<Outcome<readonly Repaired[]>> {
    const { observer } = this.#options;
    this.#count(batch.length);
    return outcomeOf(async () => {
      const { pixels, labels } = await this.#pool.run<'restore'>({
        kind: 'restore',
        purifier: this.#purifier,
        observer,
        images: pack(batch.map(({ sample }) => sample)),
        masks: batch.map(({ mask }) => mask),
      });
      const size = pixels.length / batch.length;
      return batch.map((_, n) => ({ pixels: pixels.slice(n * size, (n + 1) * size), label: labels[n]! }));
    });
  }

  async choose(batch: readonly Selection[]): Promise<Outcome<readonly Uint8Array[]>> {
    const { observer, quantile } = this.#options;
    this.#count(batch.length);
    return outcomeOf(async () => {
      const images = pack(batch.map(({ sample }) => sample));
      const among = batch.map((selection) => selection.among);
      const chosen = await this.#pool.run<'choose'>({
        kind: 'choose',
        purifier: this.#purifier,
        observer,
        images,
        among,
        quantile,
      });
      const size = chosen.length / batch.length;
      return batch.map((_, n) => chosen.slice(n * size, (n + 1) * size));
    });
  }

  #count(images: number): void {
    this.#denoiserCalls += images * this.#purifier.plan.rounds * this.#purifier.plan.steps;
  }
}

/** To two decimals: what is kept of a score, so that records are the same read or made. */
function rounded(score: number): number {
  return Math.round(score * 100) / 100;
}

/** One batch of samples of one shape as a single array. */
export function pack(samples: readonly Sample[]): ImageBatch {
  const size = samples[0]!.pixels.length;
  const pixels = new Uint8Array(samples.length * size);
  samples.forEach((sample, n) => {
    pixels.set(sample.pixels, n * size);
  });
  return { ids: samples.map(({ id }) => id), shape: samples[0]!.shape, pixels };
}

/** Failures that concern the data, as data. */
export async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof DataElixirError && DATA_FAILURES.has(error.code))
      return { ok: false, failure: toFailure(error) };
    throw error;
  }
}
