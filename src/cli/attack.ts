// The configured attack: its trigger for images of one size, and a poisoned copy of a store with the ground truth.

import type { Settings } from '../../config/schema.ts';
import { badnet } from '../attacks/badnet.ts';
import { allToOne } from '../attacks/label-map.ts';
import { type Attack, type PoisonedSample, poison, selectPoisoned } from '../attacks/poison.ts';
import type { DatasetInfo } from '../datasets/open.ts';
import type { SampleStore } from '../datasets/sample-store.ts';

/** The attack that is named; undefined where none is. @throws {ConfigError} when it does not fit the dataset */
export function attackOf({ attack }: Settings, { shape, classes }: DatasetInfo): Attack | undefined {
  if (attack.name === 'none') return undefined;
  const { patchSize: size, patchPosition: position, patchPattern: pattern, target } = attack;
  return { trigger: badnet({ size, position, pattern }, shape), labels: allToOne(target, classes) };
}

/** A store's samples as the attacker leaves them, in their order, each with its truth. */
export function* poisoned(store: SampleStore, attack: Attack, settings: Settings): Generator<PoisonedSample> {
  const chosen = selectPoisoned(store.stream(), attack.labels, settings.attack.rate, settings.seed);
  for (const sample of store.stream()) yield poison(sample, attack, chosen);
}
