// The configured attack, made in two steps: its options are checked before a command leaves anything on disk, and
// it is made when workers and clean samples are at hand, which attacks with a network of their own are trained with.
// Also a poisoned copy of a store with the ground truth.

import type { Settings } from '../../config/schema.ts';
import { adaptiveBlend } from '../attacks/adaptive-blend.ts';
import { adaptivePatch } from '../attacks/adaptive-patch.ts';
import { badnet } from '../attacks/badnet.ts';
import { blended } from '../attacks/blended.ts';
import { bpp } from '../attacks/bpp.ts';
import { ftrojan } from '../attacks/ftrojan.ts';
import { labelMap } from '../attacks/label-map.ts';
import { pictureTrigger } from '../attacks/overlay.ts';
import { fitPicture, noisePicture, ringsPicture } from '../attacks/picture.ts';
import { type Attack, type PoisonedSample, poison, selectPoisoned, stampOf } from '../attacks/poison.ts';
import { sig } from '../attacks/sig.ts';
import type { Trigger } from '../attacks/trigger.ts';
import { wanet } from '../attacks/wanet.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import type { Image } from '../datasets/entry.ts';
import { decodePng } from '../datasets/images/png.ts';
import { type Origin, withoutImage } from '../datasets/origin.ts';
import type { ImageShape } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import { ConfigError, toFailure } from '../errors.ts';
import { readRegular } from '../files/regular-file.ts';
import type { Pool } from '../workers/pool.ts';
import type { Context } from './context.ts';
import type { Recipe, Stamps } from './recipe.ts';
import { TRAINED_RECIPES } from './trained-attacks.ts';

/** Makes the attack. Only trained attacks use the pool, and ask for the clean training samples. */
export type MakeAttack = (pool: Pool, clean: () => Promise<SampleStore>) => Promise<Attack>;

/** Pixels that a picture or mask may have. */
const MAX_PICTURE = 2 ** 24;

type AttackName = Exclude<Settings['attack']['name'], 'none'>;

const RECIPES: Readonly<Record<AttackName, Recipe>> = {
  badnet: fixed(async (context, { shape }) => {
    const { attack } = context.settings;
    const { patchSize: size, patchPosition: position, patchPattern: pattern } = attack;
    const [image, mask] = [await readPicture(context, 'image'), await readPicture(context, 'mask')];
    if (mask && !image)
      throw new ConfigError('attack.image: expected a PNG for attack.mask, found none; set it');
    return both(
      image ? pictureTrigger(image, mask, position, shape) : badnet({ size, position, pattern }, shape),
    );
  }),
  blended: fixed(async (context, { shape }) => {
    const { alpha, testAlpha } = context.settings.attack;
    const picture = await blendedPicture(context, shape);
    return both(blended(picture, alpha), blended(picture, testAlpha ?? alpha));
  }),
  sig: fixed(async ({ settings: { attack } }, { shape }) => {
    const { delta, testDelta, frequency } = attack;
    return both(sig(delta, frequency, shape), sig(testDelta ?? delta, frequency, shape));
  }),
  wanet: fixed(async ({ settings: { attack, seed } }, { shape }) => {
    const { warpGrid: grid, warpStrength: strength } = attack;
    const { warp, noise } = wanet({ grid, strength }, shape, seed);
    return { ...both(warp), cover: coverOf(attack, 2, noise) };
  }),
  ftrojan: fixed(async ({ settings: { attack } }, { shape }) => both(ftrojan(attack.magnitude, shape))),
  bpp: fixed(async ({ settings: { attack } }, { shape }) => both(bpp(attack.bits, shape))),
  'adaptive-blend': fixed(async (context, { shape }) => {
    const { attack, seed } = context.settings;
    const picture = await blendedPicture(context, shape);
    const train = adaptiveBlend(picture, attack.alpha, shape, seed);
    const test = blended(picture, attack.testAlpha ?? attack.alpha);
    return { ...both(train, test), cover: coverOf(attack, 1, train) };
  }),
  'adaptive-patch': fixed(async ({ settings: { attack, seed } }, { shape }) => {
    const { train, test } = adaptivePatch(attack.patchSize, shape, seed);
    return { ...both(train, test), cover: coverOf(attack, 2, train) };
  }),
  ...TRAINED_RECIPES,
};

/**
 * The attack that is named, ready to be made; undefined where none is.
 *
 * @throws {ConfigError} when it does not fit the dataset
 */
export async function prepareAttack(context: Context, info: DatasetInfo): Promise<MakeAttack | undefined> {
  const { name } = context.settings.attack;
  if (name === 'none') return undefined;
  const { attack } = context.settings;
  const labels = labelMap(labelsOf(attack), attack.target, info.classes);
  const make = await RECIPES[name](context, info, labels);
  return async (pool, clean) => ({ labels, ...(await make(pool, clean)) });
}

/** A store's samples as the attacker leaves them, in their order, each with its truth. */
export async function* poisoned(
  store: SampleStore,
  attack: Attack,
  { attack: { rate }, seed }: Settings,
): AsyncGenerator<PoisonedSample & { readonly origin: Origin | undefined }> {
  const select = selectPoisoned(store.stream(), attack, rate, seed);
  let index = 0;
  for await (const item of poison(store.stream(), attack, select)) {
    const origin = store.origin(index++);
    // a stamp among images of other sizes would be known by its size
    const changed = item.truth.poisoned || item.truth.cover || origin?.size !== undefined;
    yield { ...item, origin: changed ? withoutImage(origin) : origin };
  }
}

/** An attack that needs no training. */
function fixed(stampsOf: (context: Context, info: DatasetInfo) => Promise<Stamps>): Recipe {
  return async (context, info) => {
    const stamps = await stampsOf(context, info);
    return async () => stamps;
  };
}

function both(train: Trigger, test = train): Stamps {
  return { train: stampOf(train), test: stampOf(test) };
}

/** Cover samples, `times` as many as poisoned ones where attack.coverRate does not say. */
function coverOf(
  { rate, coverRate }: Settings['attack'],
  times: number,
  trigger: Trigger,
): NonNullable<Attack['cover']> {
  return { rate: coverRate ?? Math.min(1, times * rate), stamp: stampOf(trigger) };
}

/** The picture that is blended in, as large as the images: uint8 [C, H, W]. */
async function blendedPicture(context: Context, shape: ImageShape): Promise<Uint8Array> {
  const { attack, seed } = context.settings;
  if (attack.image === null || attack.image === 'noise') return noisePicture(shape, seed).pixels;
  if (attack.image === 'rings') return ringsPicture(shape).pixels;
  return fitPicture((await readPicture(context, 'image'))!, shape).pixels;
}

/** A PNG that an option names; undefined where it names none. */
async function readPicture(
  { settings, locate }: Context,
  option: 'image' | 'mask',
): Promise<Image | undefined> {
  const path = settings.attack[option];
  if (path === null) return undefined;
  try {
    return decodePng(await readRegular(locate(path)), MAX_PICTURE);
  } catch (error) {
    throw new ConfigError(`attack.${option}: cannot use ${path}: ${toFailure(error).message}`, {
      cause: error,
    });
  }
}

/** Which label map an attack comes with where attack.labels does not say. */
export function labelsOf({ name, labels }: Settings['attack']): NonNullable<Settings['attack']['labels']> {
  const cleanLabelled = name === 'sig' || name === 'label-consistent';
  return labels ?? (cleanLabelled ? 'clean-label' : 'all-to-one');
}
