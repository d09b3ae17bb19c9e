// Questions about samples of the evidence that only their images answer, in batches and in their order.

import { bufferCount, from, lastValueFrom, mergeMap, toArray } from 'rxjs';
import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import type { Scored } from '../../src/defense/evidence/score-sample.ts';
import type { Outcome } from '../../src/errors.ts';
import type { Placed, Runner } from '../../src/ports/runner.ts';
import { inOrder } from '../operators/in-order.ts';
import { isolated } from '../operators/isolated.ts';
import { rawSamples } from './raw-samples.ts';

/** A sample of the evidence and what came of its image. */
export interface Answer<T> {
  readonly of: Scored & Placed;
  readonly answer: T;
}

/**
 * Asks about raw images in batches, in their order; they are read as the runner gets to them. A sample that fails is
 * left out: the evidence of the others will do.
 */
export function ask<T>(
  samples: readonly Scored[],
  { store, runner, batch }: { readonly store: SampleStore; readonly runner: Runner; readonly batch: number },
  work: (images: readonly Sample[]) => Promise<Outcome<readonly T[]>>,
): Promise<readonly Answer<T>[]> {
  const asked = from(samples.filter(isPlaced)).pipe(
    bufferCount(batch),
    inOrder(2 * runner.concurrency, (some) => isolated(some, (few) => work(rawSamples(store, few)))),
    mergeMap((attempts) => attempts),
    mergeMap(({ items, outcome }) =>
      outcome.ok ? items.map((of, i) => ({ of, answer: outcome.value[i]! })) : [],
    ),
    toArray(),
  );
  return lastValueFrom(asked);
}

/** What became of each item, if anything became of them. */
export function mapped<T, R>(
  outcome: Outcome<readonly T[]>,
  project: (value: T, index: number) => R,
): Outcome<readonly R[]> {
  return outcome.ok ? { ok: true, value: outcome.value.map(project) } : outcome;
}

/** The observer's labels of images as they are. */
export async function labelsOf(
  images: readonly Sample[],
  runner: Runner,
): Promise<Outcome<readonly number[]>> {
  return mapped(await runner.classify(images), ({ label }) => label);
}

export function isPlaced(scored: Scored): scored is Scored & Placed {
  return scored.index !== undefined;
}
