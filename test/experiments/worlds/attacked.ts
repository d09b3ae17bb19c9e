// A world as an attacker leaves it: one of our attacks with random parameters, at a random rate, in a random class.

import { adaptiveBlend } from '../../../src/attacks/adaptive-blend.ts';
import { adaptivePatch } from '../../../src/attacks/adaptive-patch.ts';
import { badnet } from '../../../src/attacks/badnet.ts';
import { blended } from '../../../src/attacks/blended.ts';
import { bpp } from '../../../src/attacks/bpp.ts';
import { ftrojan } from '../../../src/attacks/ftrojan.ts';
import { type LabelWay, labelMap } from '../../../src/attacks/label-map.ts';
import { noisePicture, ringsPicture } from '../../../src/attacks/picture.ts';
import { type Attack, poison, selectPoisoned, stampOf, triggered } from '../../../src/attacks/poison.ts';
import { sig } from '../../../src/attacks/sig.ts';
import type { Trigger } from '../../../src/attacks/trigger.ts';
import { wanet } from '../../../src/attacks/wanet.ts';
import type { Sample } from '../../../src/datasets/sample.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';
import { WORLD_SHAPE } from './pool.ts';
import { between, type World } from './world.ts';

/** What was done, and to whom. */
export interface AttackDescription {
  readonly name: string;
  /** Parameters in words. */
  readonly how: string;
  readonly labels: LabelWay;
  /** Attacked labels. */
  readonly attacked: readonly number[];
  /** Poisoned samples, and their share of the samples of an attacked class. */
  readonly poisoned: number;
  readonly shareOfClass: number;
}

export interface AttackedWorld extends World {
  readonly attack: AttackDescription;
  /** Test images with the trigger, under the labels that the attacker hopes for. */
  readonly triggered: readonly Sample[];
}

/** A trigger for training, one for tests, and cover samples where there are any. */
interface Drawn {
  readonly how: string;
  readonly train: Trigger;
  readonly test?: Trigger;
  readonly cover?: { readonly times: number; readonly trigger: Trigger };
}

const CORNERS = ['top-left', 'top-right', 'bottom-left', 'bottom-right'] as const;

const ATTACKS: Readonly<Record<string, (random: RandomStream, seed: number) => Drawn>> = {
  badnet(random) {
    const size = 2 + random.integer(5);
    const pattern = (['white', 'checkerboard', 'colour'] as const)[random.integer(3)]!;
    const position =
      random.uniform() < 0.5
        ? CORNERS[random.integer(4)]!
        : ([random.integer(32 - size), random.integer(32 - size)] as const);
    return {
      how: `${pattern} ${size}×${size} at ${position}`,
      train: badnet({ size, pattern, position }, WORLD_SHAPE),
    };
  },
  blended(random, seed) {
    const alpha = between(random, 0.08, 0.3);
    const rings = random.uniform() < 0.5;
    const { pixels } = rings ? ringsPicture(WORLD_SHAPE) : noisePicture(WORLD_SHAPE, seed);
    return { how: `${rings ? 'rings' : 'noise'}, α ${alpha.toFixed(2)}`, train: blended(pixels, alpha) };
  },
  sig(random) {
    const [delta, frequency] = [between(random, 12, 40), 2 + random.integer(8)];
    return { how: `Δ ${delta.toFixed(0)}, f ${frequency}`, train: sig(delta, frequency, WORLD_SHAPE) };
  },
  wanet(random, seed) {
    const strength = between(random, 0.5, 1.5);
    const { warp, noise } = wanet({ grid: 4, strength }, WORLD_SHAPE, seed);
    return { how: `s ${strength.toFixed(2)}`, train: warp, cover: { times: 2, trigger: noise } };
  },
  ftrojan(random) {
    const magnitude = between(random, 20, 60);
    return { how: `magnitude ${magnitude.toFixed(0)}`, train: ftrojan(magnitude, WORLD_SHAPE) };
  },
  bpp(random) {
    const bits = 2 + random.integer(3);
    return { how: `${bits} bits`, train: bpp(bits, WORLD_SHAPE) };
  },
  'adaptive-blend'(random, seed) {
    const alpha = between(random, 0.12, 0.25);
    const { pixels } = noisePicture(WORLD_SHAPE, seed);
    const train = adaptiveBlend(pixels, alpha, WORLD_SHAPE, seed);
    return {
      how: `α ${alpha.toFixed(2)}`,
      train,
      test: blended(pixels, alpha),
      cover: { times: 1, trigger: train },
    };
  },
  'adaptive-patch'(random, seed) {
    const size = 3 + random.integer(2);
    const { train, test } = adaptivePatch(size, WORLD_SHAPE, seed);
    return { how: `${size}×${size}`, train, test, cover: { times: 2, trigger: train } };
  },
};

const NAMES = [
  'badnet',
  'badnet',
  'blended',
  'blended',
  'sig',
  'wanet',
  'ftrojan',
  'bpp',
  'adaptive-blend',
  'adaptive-patch',
];

/** Attacks a world; its seed decides everything. */
export async function attackWorld(world: World): Promise<AttackedWorld> {
  const { seed, classes } = world;
  const random = new RandomStream(randomKey(seed, 'world/attack'));
  const name = NAMES[random.integer(NAMES.length)]!;
  const { how, train, test = train, cover } = ATTACKS[name]!(random, seed);
  const target = random.integer(classes.length);
  const chance = random.uniform();
  const labels =
    name === 'sig'
      ? chance < 0.6
        ? 'clean-label'
        : 'all-to-one'
      : chance < 0.1 && (name === 'badnet' || name === 'blended')
        ? 'all-to-all'
        : chance < 0.2 && (name === 'badnet' || name === 'blended')
          ? 'clean-label'
          : 'all-to-one';
  const map = labelMap(labels, target, classes.length);
  const rate =
    labels === 'all-to-one'
      ? Math.exp(between(random, Math.log(0.005), Math.log(0.15)))
      : between(random, 0.15, 0.8);
  const attack: Attack = {
    labels: map,
    train: stampOf(train),
    test: stampOf(test),
    ...(cover && { cover: { rate: Math.min(0.5, cover.times * rate), stamp: stampOf(cover.trigger) } }),
  };
  const select = selectPoisoned(
    world.samples,
    attack,
    labels === 'all-to-all' ? Math.min(0.3, rate) : rate,
    seed,
  );
  const samples: Sample[] = [];
  let poisoned = 0;
  for await (const { sample, truth } of poison(world.samples, attack, select)) {
    samples.push(sample);
    if (truth.poisoned) poisoned += 1;
  }
  const attacked = labels === 'all-to-all' ? classes.map((_, label) => label) : [target];
  const ofClass = samples.filter(({ label }) => attacked.includes(label)).length;
  const shown: Sample[] = [];
  for await (const { sample } of triggered(world.tests, attack)) shown.push(sample);
  return {
    ...world,
    samples,
    triggered: shown,
    attack: { name, how, labels, attacked, poisoned, shareOfClass: poisoned / ofClass },
  };
}
