// Trains an observer that has also learned triggers of ours, so that what the tests would find can be seen: an observer
// that did not learn a known trigger has not learned an unknown one either. Copies of a few samples carry a trigger and
// are given a class of their own behind the dataset's, one class a kind. No class of the dataset learns anything from
// them, and the observer that judges the dataset is the same network without these outputs.

import type { SampleStore } from '../datasets/store/sample-store.ts';
import { type CanaryStamp, canaryStamps, LEARNED } from '../defense/verdict/canary.ts';
import type { ClassifierSpec } from '../networks/network.ts';
import { parametersOf } from '../networks/network.ts';
import { packWeights, unpackWeights } from '../weights/weights.ts';
import { classifyImages } from '../workers/classify.ts';
import type { Pool } from '../workers/pool.ts';
import type { NetworkRef } from '../workers/protocol.ts';
import { modelOf, type TrainingSet } from './train-classifier.ts';
import type { Lesson, More } from './train-once.ts';

/** Copies of one kind, against the samples: as rare as poison may be. Few samples need some all the same. */
const PLANTED_SHARE = 0.005;
const FEWEST_PLANTED = 20;
/** But never more than this share of the samples. */
const MOST_PLANTED_SHARE = 0.1;

/** Images of each kind that this is asked of. */
const ASKED = 64;

/** Copies of samples that carry a trigger of ours. */
export interface Planting {
  /** Kind of trigger; the copies' class is that many behind the dataset's classes. */
  readonly kinds: readonly string[];
  /** Places in the store, by kind. */
  readonly copied: readonly (readonly number[])[];
}

/** An observer, and itself with the outputs for what was planted. */
export interface PlantedObserver {
  readonly observer: NetworkRef;
  readonly planted: NetworkRef;
  readonly planting: Planting;
}

type Store = Pick<SampleStore, 'read' | 'count' | 'shape'>;

/** Which samples are copied: they lie evenly over the store, and each kind has others. */
export function plantingIn({ count, shape }: Pick<SampleStore, 'count' | 'shape'>): Planting {
  const most = Math.floor(MOST_PLANTED_SHARE * count);
  const each = Math.max(Math.round(PLANTED_SHARE * count), Math.min(FEWEST_PLANTED, most));
  const kinds = Object.keys(canaryStamps(shape));
  return {
    kinds,
    copied: kinds.map((_, k) => spread(count, each, k / kinds.length)),
  };
}

/** Places in a row of `count`, `each` of them, the first at this share of the distance between two. */
function spread(count: number, each: number, offset: number): number[] {
  return Array.from({ length: each }, (_, n) => Math.floor(((n + offset) / each) * count));
}

/**
 * Trains an observer with triggers planted beside the dataset.
 *
 * @param lesson   of the dataset alone
 * @param planting which of its samples are copied
 * @param further  whether to train once more, and as long, where a trigger was not learned
 * @param train    does a lesson, and those that have to follow
 */
export async function trainPlanted(
  pool: Pool,
  lesson: Lesson & { readonly store: Store },
  planting: Planting,
  further: boolean,
  train: (lesson: Lesson, more: More) => Promise<NetworkRef>,
): Promise<PlantedObserver> {
  const { spec, store } = lesson;
  const { classes } = spec.config;
  const wide = withClasses(spec, classes + planting.kinds.length);
  const all: Lesson = { ...lesson, spec: wide, store: plantedStore(store, classes, planting) };
  let once = true;
  const more: More = async (model) => {
    if (!further || !once || (await hasLearned(pool, model, store, classes, planting))) return undefined;
    once = false;
    return { ...all, start: model.weights };
  };
  const planted = await train(all, more);
  return { observer: withoutPlanted(planted, spec), planted, planting };
}

/** The store as a trainer reads it, copies behind. */
export function plantedStore(
  store: Store,
  classes: number,
  { kinds, copied }: Planting,
): TrainingSet['store'] {
  const stamps = stampsFor(store.shape, kinds);
  const copies = copied.flatMap((places, kind) => places.map((place) => ({ place, kind })));
  const { count } = store;
  return {
    count: count + copies.length,
    read(indices) {
      const wanted = Array.from(indices);
      const { pixels, labels } = store.read(wanted.map((n) => (n < count ? n : copies[n - count]!.place)));
      wanted.forEach((n, row) => {
        if (n < count) return;
        const { kind } = copies[n - count]!;
        stampRow(pixels, row, stamps[kind]!, store.shape);
        labels[row] = classes + kind;
      });
      return { pixels, labels };
    },
  };
}

/** Whether most images that were not copied, each with a trigger, are called by the trigger's class, for every kind. */
async function hasLearned(
  pool: Pool,
  model: NetworkRef,
  store: Store,
  classes: number,
  { kinds, copied }: Planting,
): Promise<boolean> {
  const stamps = stampsFor(store.shape, kinds);
  const taken = new Set(copied.flat());
  for (const [kind, stamp] of stamps.entries()) {
    // half-way between the copies of two kinds
    const places = spread(store.count, Math.min(ASKED, store.count), (kind + 0.5) / kinds.length);
    const others = places.filter((place) => !taken.has(place));
    const { pixels } = store.read(others);
    for (const row of others.keys()) stampRow(pixels, row, stamp, store.shape);
    const found = await classifyImages(pool, model, pixels, store.shape);
    const obeying = found.filter(({ label }) => label === classes + kind).length;
    if (obeying < LEARNED * others.length) return false;
  }
  return true;
}

/** Stamps one of several images in place, uint8 [N, C, H, W]. */
function stampRow(pixels: Uint8Array, row: number, stamp: CanaryStamp, shape: SampleStore['shape']): void {
  const size = shape[0] * shape[1] * shape[2];
  const image = pixels.subarray(row * size, (row + 1) * size);
  image.set(stamp(image));
}

function stampsFor(shape: SampleStore['shape'], kinds: readonly string[]): readonly CanaryStamp[] {
  const stamps: Readonly<Record<string, CanaryStamp>> = canaryStamps(shape);
  return kinds.map((kind) => stamps[kind]!);
}

/** The same network with the first outputs alone: probabilities are those given that it is none of the others. */
function withoutPlanted({ spec, weights }: NetworkRef, narrow: ClassifierSpec): NetworkRef {
  const all = unpackWeights(weights, parametersOf(spec));
  const cut = parametersOf(narrow).map(({ name, shape }) => {
    const { data } = all.get(name)!;
    const values = shape.reduce((product, extent) => product * extent, 1);
    // outputs are rows, so that those of the dataset come first
    return [name, { shape, data: data.slice(0, values) }] as const;
  });
  return modelOf(narrow, packWeights(new Map(cut)));
}

function withClasses(spec: ClassifierSpec, classes: number): ClassifierSpec {
  return { ...spec, config: { ...spec.config, classes } } as ClassifierSpec;
}
