// The configured attack, made in two steps: its options are checked before a command leaves anything on disk, and
// it is made when workers and clean samples are at hand, which attacks with a network of their own are trained with.
// Also a poisoned copy of a store with the ground truth.

import type { Settings } from '../../config/schema.ts';
import { badnet } from '../attacks/badnet.ts';
import { allToAll, allToOne, cleanLabel, type LabelMap } from '../attacks/label-map.ts';
import { type Attack, type PoisonedSample, poison, selectPoisoned, stampOf } from '../attacks/poison.ts';
import type { Trigger } from '../attacks/trigger.ts';
import type { DatasetInfo } from '../datasets/open.ts';
import type { SampleStore } from '../datasets/sample-store.ts';
import type { Pool } from '../workers/pool.ts';
import type { Context } from './commands.ts';

/** What an attack does to images; what it does to labels is the same for all. */
type Stamps = Omit<Attack, 'labels'>;

/** Makes the attack. Only trained attacks use the pool, and ask for the clean training samples. */
export type MakeAttack = (pool: Pool, clean: () => Promise<SampleStore>) => Promise<Attack>;

type AttackName = Exclude<Settings['attack']['name'], 'none'>;

/** One attack: checks its options against the dataset, then gives what makes its stamps. */
type Recipe = (
  context: Context,
  info: DatasetInfo,
) => Promise<(pool: Pool, clean: () => Promise<SampleStore>) => Promise<Stamps>>;

const RECIPES: Readonly<Record<AttackName, Recipe>> = {
  badnet: fixed(async ({ settings: { attack } }, { shape }) => {
    const { patchSize: size, patchPosition: position, patchPattern: pattern } = attack;
    return sameInTests(badnet({ size, position, pattern }, shape));
  }),
};

/**
 * The attack that is named, ready to be made; undefined where none is.
 *
 * @throws {ConfigError} when it does not fit the dataset
 */
export async function prepareAttack(context: Context, info: DatasetInfo): Promise<MakeAttack | undefined> {
  const { name } = context.settings.attack;
  if (name === 'none') return undefined;
  const labels = labelMapOf(context.settings.attack, info.classes);
  const make = await RECIPES[name](context, info);
  return async (pool, clean) => ({ labels, ...(await make(pool, clean)) });
}

/** A store's samples as the attacker leaves them, in their order, each with its truth. */
export function poisoned(
  store: SampleStore,
  attack: Attack,
  { attack: { rate }, seed }: Settings,
): AsyncGenerator<PoisonedSample> {
  return poison(store.stream(), attack, selectPoisoned(store.stream(), attack, rate, seed));
}

/** An attack that needs no training. */
function fixed(stampsOf: (context: Context, info: DatasetInfo) => Promise<Stamps>): Recipe {
  return async (context, info) => {
    const stamps = await stampsOf(context, info);
    return async () => stamps;
  };
}

function sameInTests(trigger: Trigger): Stamps {
  return { train: stampOf(trigger), test: stampOf(trigger) };
}

/** Which label map an attack comes with where attack.labels does not say. */
export function labelsOf({ labels }: Settings['attack']): NonNullable<Settings['attack']['labels']> {
  return labels ?? 'all-to-one';
}

function labelMapOf(attack: Settings['attack'], classes: number): LabelMap {
  switch (labelsOf(attack)) {
    case 'all-to-one':
      return allToOne(attack.target, classes);
    case 'all-to-all':
      return allToAll(classes);
    case 'clean-label':
      return cleanLabel(attack.target, classes);
  }
}
