// Attacks that come out of training: each gets the clean samples, a classifier trained on them where it needs one,
// and the pool to compute with. What an attacker trains has random numbers of its own, so that none of the models
// which are measured later is the one that the attack was made with.

import type { Settings } from '../../config/schema.ts';
import { badnet } from '../attacks/badnet.ts';
import { readPairs } from '../attacks/pairs.ts';
import { type Stamp, stampOf } from '../attacks/poison.ts';
import { inputAware } from '../attacks/trained/input-aware.ts';
import { adversarialStamp, cornerPatches } from '../attacks/trained/label-consistent.ts';
import { lowFrequencyPerturbation, perturb } from '../attacks/trained/low-frequency.ts';
import { sampleSpecific } from '../attacks/trained/sample-specific.ts';
import { trojanTrigger } from '../attacks/trained/trojan.ts';
import type { Surrogate, Workshop } from '../attacks/trained/workshop.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import { ConfigError } from '../errors.ts';
import { randomKey } from '../math/random.ts';
import { parametersOf } from '../networks/network.ts';
import { trainClassifier } from '../training/train-classifier.ts';
import { unpackWeights } from '../weights/weights.ts';
import type { Pool } from '../workers/pool.ts';
import { poolEngine } from '../workers/pool-engine.ts';
import type { Context } from './context.ts';
import { openPairs } from './datasets.ts';
import { classifierSpec, progressOf } from './models.ts';
import type { Recipe } from './recipe.ts';
import { trainingOf } from './rules.ts';

type TrainedAttack = Extract<
  Settings['attack']['name'],
  'input-aware' | 'sample-specific' | 'label-consistent' | 'trojannn' | 'low-frequency'
>;

export const TRAINED_RECIPES: Readonly<Record<TrainedAttack, Recipe>> = {
  'input-aware': async (context, info, labels) => {
    expectSides(info);
    const { rate, coverRate } = context.settings.attack;
    return async (pool, clean) => {
      const { workshop, surrogate } = await prepare(context, pool, await clean(), info);
      const { own, cross } = await inputAware(workshop, surrogate, labels.relabel);
      return { train: own, test: own, cover: { rate: coverRate ?? rate, stamp: cross } };
    };
  },
  'sample-specific': async (context, info) => {
    const { amplitude, pairs, testPairs } = context.settings.attack;
    if (pairs.length + testPairs.length > 0) return stampedElsewhere(context, info);
    expectSides(info);
    return async (pool, clean) => {
      const { stamp } = await sampleSpecific(workshopOf(context, pool, await clean()), amplitude);
      return { train: stamp, test: stamp };
    };
  },
  'label-consistent': async (context, info) => {
    const { patchSize, patchPattern, amplitude } = context.settings.attack;
    const patches = stampOf(cornerPatches(patchSize, patchPattern, info.shape));
    return async (pool, clean) => {
      const { workshop, surrogate } = await prepare(context, pool, await clean(), info);
      const perturb = await adversarialStamp(workshop.engine, surrogate, amplitude);
      return { train: inTurn(perturb, patches), test: patches };
    };
  },
  trojannn: async (context, info) => {
    const { patchSize: size, patchPosition: position, patchPattern: pattern } = context.settings.attack;
    badnet({ size, position, pattern }, info.shape); // refuses a patch that does not fit
    return async (pool, clean) => {
      const { workshop, surrogate } = await prepare(context, pool, await clean(), info);
      const stamp = stampOf(await trojanTrigger(workshop, surrogate, { size, position }));
      return { train: stamp, test: stamp };
    };
  },
  'low-frequency': async (context, info, labels) => {
    const { amplitude } = context.settings.attack;
    return async (pool, clean) => {
      const { workshop, surrogate } = await prepare(context, pool, await clean(), info);
      const found = await lowFrequencyPerturbation(workshop, surrogate, amplitude, labels.relabel);
      const stamp = stampOf(perturb(found));
      return { train: stamp, test: stamp };
    };
  },
};

interface Prepared {
  readonly workshop: Workshop;
  readonly surrogate: Surrogate;
}

/** The workshop, and a classifier trained on the clean images as `classifier` says, for `attack.epochs`. */
async function prepare(
  context: Context,
  pool: Pool,
  clean: SampleStore,
  info: DatasetInfo,
): Promise<Prepared> {
  const { settings } = context;
  const workshop = workshopOf(context, pool, clean);
  const spec = classifierSpec(settings, info);
  const training = { ...trainingOf(settings), epochs: settings.attack.epochs, seed: workshop.seed };
  const progress = progressOf(context, 'surrogate');
  const { weights } = await trainClassifier(pool, spec, { store: clean }, training, progress);
  return { workshop, surrogate: { spec, weights: unpackWeights(weights, parametersOf(spec)) } };
}

function workshopOf({ settings, log, tally }: Context, pool: Pool, images: SampleStore): Workshop {
  const { attack, seed } = settings;
  return {
    engine: poolEngine(pool),
    images,
    steps: attack.steps,
    seed: randomKey(seed, 'attack').low,
    onStep: (step, loss) => {
      tally?.train('attack', loss);
      log.progress('attack', step, undefined, 'steps');
    },
  };
}

/** The stamps of images that the user brings, for training and for tests. */
async function stampedElsewhere(
  context: Context,
  info: DatasetInfo,
): Promise<() => Promise<Record<'train' | 'test', Stamp>>> {
  const [pairs, testPairs] = [
    await openPairs(context, 'pairs', info),
    await openPairs(context, 'testPairs', info),
  ];
  return async () => ({
    train: stampOf(await readPairs(pairs.read(), 'attack.pairs')),
    test: stampOf(await readPairs(testPairs.read(), 'attack.testPairs')),
  });
}

/** Stamps what is stamped already. */
function inTurn(first: Stamp, second: Stamp): Stamp {
  return async (samples) => {
    const stamped = await first(samples);
    return second(samples.map((sample, i) => ({ ...sample, pixels: stamped[i]! })));
  };
}

/** @throws {ConfigError} when the networks that make images cannot halve these twice */
function expectSides({ shape: [, height, width] }: DatasetInfo): void {
  if (height % 4 === 0 && width % 4 === 0) return;
  throw new ConfigError(
    `attack.name: expected images with sides divisible by 4 for this attack, found ${height}×${width}; ` +
      'choose another attack, or resize the images first',
  );
}
