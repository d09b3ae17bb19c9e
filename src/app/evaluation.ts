// How well a classifier does: accuracy on a clean test set (BA) and, where a trigger is known, the share of
// triggered test images of other classes that it gives the target label (ASR).

import { join } from 'node:path';
import { type Attack, triggered } from '../attacks/poison.ts';
import { SampleStore } from '../datasets/store/sample-store.ts';
import type { Source } from '../datasets/stream.ts';
import { Rate } from '../defense/repair/evaluation.ts';
import type { Rates } from '../state/record.ts';
import { classifyStore } from '../workers/classify.ts';
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import type { Context } from './context.ts';
import { fillStore, refuseToLog } from './datasets.ts';

/** Share of a store's images that get their own label, in [0, 1]; undefined where there is none. */
export async function accuracyOf(
  pool: Pool,
  model: ClassifierRef,
  store: SampleStore,
): Promise<number | undefined> {
  const predicted = await classifyStore(pool, model, store);
  const rate = new Rate();
  let at = 0;
  for (const { label } of store.stream()) rate.add(predicted[at++] === label);
  return rate.value;
}

/** Test images: as they are, and stamped with the label that the attacker hopes for. */
export interface TestStores {
  readonly clean: SampleStore;
  /** None without an attack. */
  readonly triggered: SampleStore | undefined;
}

/** Reads the test set into stores. */
export async function fillTestStores(
  context: Context,
  scratch: string,
  test: Source,
  attack: Attack | undefined,
): Promise<TestStores> {
  const refuse = refuseToLog(context);
  const clean = await fillStore(context, join(scratch, 'test'), test, refuse);
  if (attack === undefined) return { clean, triggered: undefined };
  const stamped = new SampleStore(join(scratch, 'triggered'), test.info.shape);
  for await (const { sample } of triggered(clean.stream(), attack)) stamped.append(sample);
  return { clean, triggered: stamped };
}

/** BA and, with triggered images, ASR; absent where there is nothing to count. */
export async function ratesOf(pool: Pool, model: ClassifierRef, stores: TestStores): Promise<Partial<Rates>> {
  const ba = await accuracyOf(pool, model, stores.clean);
  const asr = stores.triggered && (await accuracyOf(pool, model, stores.triggered));
  return { ...(ba !== undefined && { ba }), ...(asr !== undefined && { asr }) };
}
