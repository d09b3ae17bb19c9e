// The pool as the stages see it: batches of samples in, candidates, labels and chosen images out. It packs
// samples into tasks and knows which networks and which plan to use; it decides nothing.

import type { Sample } from '../datasets/sample.ts';
import type { Prediction } from '../defense/repair/repair.ts';
import { lastCandidates } from '../diffusion/candidates.ts';
import type { Outcome } from '../errors.ts';
import { DataElixirError, toFailure } from '../errors.ts';
import { membraneFill } from '../math/membrane.ts';
import type { CandidateCache } from '../ports/candidates.ts';
import type {
  CandidateKind,
  Candidates,
  Observation,
  Repaired,
  Restoration,
  Runner,
  Selection,
} from '../ports/runner.ts';
import { classifyImages } from './classify.ts';
import type { Pool } from './pool.ts';
import type { ClassifierRef, ImageBatch, Purifier } from './protocol.ts';
import { tilesPerImage } from './tiling.ts';

export interface RunnerOptions extends Purifier {
  readonly observer: ClassifierRef;
  /** Which of the allowed images is taken, by rank of distance from the raw one; the reference's is 0.8. */
  readonly quantile: number;
  /** Asked before the denoiser is. */
  readonly cache?: CandidateCache | undefined;
}

/** Failures that concern the data of a batch, such as that workers die of it; any other ends the run. */
const DATA_FAILURES = new Set(['sample', 'shape', 'worker']);

const KINDS: readonly CandidateKind[] = ['sample', 'canary'];

/** Of the n-th sample of a batch. */
type KindOf = (n: number) => CandidateKind;

export class PoolRunner implements Runner {
  readonly concurrency: number;
  readonly #pool: Pool;
  readonly #options: RunnerOptions;
  readonly #purifier: Purifier;
  readonly #making = new Set<Promise<unknown>>();
  #denoiserCalls = 0;

  constructor(pool: Pool, options: RunnerOptions) {
    this.#pool = pool;
    this.#options = options;
    const { denoiser, schedule, plan } = options;
    this.#purifier = { denoiser, schedule, plan };
    this.concurrency = pool.workers;
  }

  /** Network calls so far, counted for each image or tile. */
  get denoiserCalls(): number {
    return this.#denoiserCalls;
  }

  /** Resolves when the candidates that are being made are kept, also those that nobody waits for any more. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#making);
  }

  async diffuse(batch: readonly Sample[], kind: CandidateKind = 'sample'): Promise<Outcome<Candidates>> {
    const { rounds, keep } = this.#purifier.plan;
    return outcomeOf(async () => ({
      samples: batch,
      perSample: rounds * keep,
      images: await this.#candidates(batch, () => kind),
    }));
  }

  async observe({ samples, perSample, images }: Candidates): Promise<Outcome<readonly Observation[]>> {
    const { observer, plan } = this.#options;
    return outcomeOf(async () => {
      const { labels, scores } = await this.#pool.run<'observe'>({
        kind: 'observe',
        observer,
        images: pack(samples),
        perSample,
        candidates: images,
      });
      const classes = scores.length / samples.length;
      const purified = lastCandidates(images, samples.length, perSample);
      const size = purified.length / samples.length;
      return samples.map((_, n) => {
        const [raw, ...kept] = labels.subarray(n * (1 + perSample), (n + 1) * (1 + perSample));
        const rows = Array.from({ length: plan.rounds }, (_, r) =>
          kept.slice(r * plan.keep, (r + 1) * plan.keep),
        );
        return {
          raw: raw!,
          labels: rows,
          scores: Array.from(scores.subarray(n * classes, (n + 1) * classes), rounded),
          purified: purified.subarray(n * size, (n + 1) * size),
        };
      });
    });
  }

  async classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>> {
    const { observer: model } = this.#options;
    return outcomeOf(async () => {
      const { pixels, shape } = pack(batch);
      return classifyImages(this.#pool, model, pixels, shape);
    });
  }

  async restore(batch: readonly Restoration[]): Promise<Outcome<readonly Repaired[]>> {
    const { observer } = this.#options;
    return outcomeOf(async () => {
      // images with a hole filled exist for this repair alone
      const candidates = await this.#candidates(batch.map(withoutTrigger), (n) =>
        batch[n]!.mask ? 'canary' : 'sample',
      );
      const { pixels, labels } = await this.#pool.run<'restore'>({
        kind: 'restore',
        observer,
        images: pack(batch.map(({ sample }) => sample)),
        masks: batch.map(({ mask }) => mask),
        candidates,
      });
      const size = pixels.length / batch.length;
      return batch.map((_, n) => ({ pixels: pixels.slice(n * size, (n + 1) * size), label: labels[n]! }));
    });
  }

  async choose(batch: readonly Selection[]): Promise<Outcome<readonly Uint8Array[]>> {
    const { observer, quantile } = this.#options;
    return outcomeOf(async () => {
      const samples = batch.map(({ sample }) => sample);
      const candidates = await this.#candidates(samples);
      const among = batch.map((selection) => selection.among);
      const chosen = await this.#pool.run<'choose'>({
        kind: 'choose',
        observer,
        images: pack(samples),
        among,
        candidates,
        quantile,
      });
      const size = chosen.length / batch.length;
      return batch.map((_, n) => chosen.slice(n * size, (n + 1) * size));
    });
  }

  /** uint8 [N, perSample, C, H, W]: kept ones, and the others made and kept. */
  #candidates(batch: readonly Sample[], kindOf: KindOf = () => 'sample'): Promise<Uint8Array> {
    const { cache } = this.#options;
    const made = cache ? this.#findOrMake(cache, batch, kindOf) : this.#make(batch);
    this.#making.add(made);
    return made.finally(() => this.#making.delete(made));
  }

  async #findOrMake(cache: CandidateCache, batch: readonly Sample[], kindOf: KindOf): Promise<Uint8Array> {
    const found = new Array<Uint8Array | undefined>(batch.length);
    const kinds = KINDS.map((kind) => ({
      kind,
      places: batch.flatMap((_, n) => (kindOf(n) === kind ? [n] : [])),
    }));
    for (const { kind, places } of kinds.filter((one) => one.places.length > 0)) {
      const kept = await cache.find(
        places.map((n) => batch[n]!),
        kind,
      );
      places.forEach((n, i) => {
        found[n] = kept[i];
      });
    }
    const missing = batch.flatMap((_, n) => (found[n] ? [] : [n]));
    if (missing.length > 0) {
      const made = await this.#make(missing.map((n) => batch[n]!));
      const size = made.length / missing.length;
      missing.forEach((n, i) => {
        found[n] = made.subarray(i * size, (i + 1) * size);
      });
      for (const kind of KINDS) {
        const places = missing.filter((n) => kindOf(n) === kind);
        if (places.length === 0) continue;
        await cache.keep(
          places.map((n) => batch[n]!),
          places.map((n) => found[n]!),
          kind,
        );
      }
    }
    const size = found[0]!.length;
    const all = new Uint8Array(batch.length * size);
    found.forEach((candidates, n) => {
      all.set(candidates!, n * size);
    });
    return all;
  }

  #make(batch: readonly Sample[]): Promise<Uint8Array> {
    const { rounds, steps } = this.#purifier.plan;
    const tiles = tilesPerImage(this.#purifier.denoiser, batch[0]!.shape);
    this.#denoiserCalls += batch.length * rounds * steps * tiles;
    return this.#pool.run<'diffuse'>({ kind: 'diffuse', purifier: this.#purifier, images: pack(batch) });
  }
}

/** What stands under the mask is forgotten before it is purified: of an opaque patch the denoiser leaves a ghost. */
function withoutTrigger({ sample, mask }: Restoration): Sample {
  return mask ? { ...sample, pixels: membraneFill(sample.pixels, mask, sample.shape) } : sample;
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
