// A world: a dataset drawn from everything at hand, the way that datasets come about. Classes of one kind or of several,
// merged and split, of uneven sizes; some stamped, blurred or full of near-duplicates; labels partly wrong. The same seed
// gives the same world.

import type { Sample } from '../../../src/datasets/sample.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';
import { type Kind, type PoolClass, WORLD_SHAPE } from './pool.ts';
import {
  blurTreatment,
  borderTreatment,
  captionTreatment,
  colourTreatment,
  compressedTreatment,
  jitter,
  stampTreatment,
  type Treatment,
} from './treatments.ts';

/** One class of a world. */
export interface WorldClass {
  readonly name: string;
  readonly size: number;
  /** What was done to it, in words. */
  readonly traits: readonly string[];
}

export interface World {
  readonly seed: number;
  readonly classes: readonly WorldClass[];
  readonly samples: readonly Sample[];
  /** Images of the same classes that the dataset does not hold, for attack success rates. */
  readonly tests: readonly Sample[];
  /** Epochs of the observer; null for the default. */
  readonly epochs: number | null;
  readonly denoiser: 'cifar10' | 'shapes';
  /** Share of labels that are wrong, and how they came to be so. */
  readonly noise: { readonly rate: number; readonly way: 'none' | 'uniform' | 'pair' };
}

const MOST_SAMPLES = 2000;
const FEWEST_OF_CLASS = 30;
const MOST_OF_CLASS = 900;
const TESTS_A_CLASS = 10;

/** A class as it is being put together. */
interface Draft {
  readonly name: string;
  readonly traits: string[];
  readonly sources: readonly PoolClass[];
  readonly treat: Treatment | undefined;
  /** Share of its images that are near-duplicates of few. */
  readonly duplicates: number;
}

export async function drawWorld(seed: number, pool: readonly PoolClass[]): Promise<World> {
  const random = new RandomStream(randomKey(seed, 'world'));
  const drafts = draftsOf(random, pool);
  const sizes = sizesOf(random, drafts);
  const taken = new Map<PoolClass, number>();
  const samples: Sample[] = [];
  const tests: Sample[] = [];
  for (const [label, draft] of drafts.entries()) {
    const images = imagesOf(draft, sizes[label]! + TESTS_A_CLASS, taken);
    const kept = images.slice(0, Math.max(FEWEST_OF_CLASS, images.length - TESTS_A_CLASS));
    const treat = draft.treat ?? (async (pixels: Uint8Array) => pixels);
    for (const [n, image] of withDuplicates(kept, draft.duplicates, random).entries()) {
      samples.push({ id: `${label}/${n}`, label, pixels: await treat(image), shape: WORLD_SHAPE });
    }
    for (const [n, image] of images.slice(kept.length).entries()) {
      tests.push({ id: `test/${label}/${n}`, label, pixels: await treat(image), shape: WORLD_SHAPE });
    }
  }
  const noise = noiseOf(random);
  const classes = drafts.map(({ name, traits }, label) => ({
    name,
    traits,
    size: samples.filter((sample) => sample.label === label).length,
  }));
  const noisy = withNoise(samples, noise, drafts.length, random);
  const epochs = [10, 30, 60, null][random.integer(4)]!;
  const denoiser = random.uniform() < 0.88 ? 'cifar10' : 'shapes';
  return { seed, classes, samples: random.shuffle(noisy), tests, epochs, denoiser, noise };
}

function draftsOf(random: RandomStream, pool: readonly PoolClass[]): Draft[] {
  const wanted = Math.round(Math.exp(between(random, Math.log(3), Math.log(60))));
  const mixed = random.uniform() < 0.6;
  const kinds = [...new Set(pool.map(({ kind }) => kind))];
  const kind = kinds[random.integer(kinds.length)]!;
  const eligible = random.shuffle(pool.filter((one) => mixed || one.kind === kind));
  const coloured = new Map<Kind, Treatment>();
  const drafts: Draft[] = [];
  for (let at = 0; at < eligible.length && drafts.length < wanted; ) {
    const first = eligible[at++]!;
    const fate = random.uniform();
    const second = fate < 0.08 ? eligible[at++] : undefined;
    const sources = second ? [first, second] : [first];
    const name = sources.map((one) => one.name).join('+');
    const draft = draftOf(random, name, sources, coloured);
    if (fate > 0.96 && drafts.length + 1 < wanted) {
      const halves = ['a', 'b'].map((half) => ({
        ...draft,
        name: `${name}/${half}`,
        traits: [...draft.traits, 'split'],
      }));
      drafts.push(...halves);
    } else drafts.push(second ? { ...draft, traits: [...draft.traits, 'merged'] } : draft);
  }
  return drafts;
}

function draftOf(
  random: RandomStream,
  name: string,
  sources: readonly PoolClass[],
  coloured: Map<Kind, Treatment>,
): Draft {
  const { kind } = sources[0]!;
  const traits: string[] = [];
  const treatments: Treatment[] = [];
  const add = (trait: string, treatment: Treatment) => {
    traits.push(trait);
    treatments.push(treatment);
  };
  const gray = kind === 'mnist' || kind === 'fashion';
  // colours of one kind are either its classes' own or the same for all, so that colour does not always tell the class
  if (gray && random.uniform() < 0.4) add('own colours', colourTreatment(random));
  else if (gray) {
    const shared = coloured.get(kind) ?? colourTreatment(random);
    coloured.set(kind, shared);
    treatments.push(shared);
  }
  const fate = random.uniform();
  if (fate < 0.015) add('stamped', stampTreatment(random));
  else if (fate < 0.03) add('bordered', borderTreatment(random));
  else if (fate < 0.045) add('captioned', captionTreatment(random));
  else if (fate < 0.09) add('blurred', blurTreatment(random));
  else if (fate < 0.13) add('compressed', compressedTreatment(random));
  const duplicates = random.uniform() < 0.07 ? between(random, 0.3, 0.9) : 0;
  if (duplicates > 0) traits.push('near-duplicates');
  const treat = async (pixels: Uint8Array) => {
    let treated = pixels;
    for (const treatment of treatments) treated = await treatment(treated);
    return treated;
  };
  return { name, traits, sources, treat: treatments.length > 0 ? treat : undefined, duplicates };
}

/** Log-uniform, brought down together where they are too many. */
function sizesOf(random: RandomStream, drafts: readonly Draft[]): number[] {
  const even = random.uniform() < 0.3;
  const one = drawSize(random);
  const sizes = drafts.map(() => (even ? one : drawSize(random)));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const scale = Math.min(1, MOST_SAMPLES / total);
  return sizes.map((size) => Math.max(FEWEST_OF_CLASS, Math.round(scale * size)));
}

function drawSize(random: RandomStream): number {
  return Math.round(Math.exp(between(random, Math.log(FEWEST_OF_CLASS), Math.log(MOST_OF_CLASS))));
}

/** Images of all its sources in equal parts; of a source that two classes share, each image once and half for each. */
function imagesOf({ sources, traits }: Draft, wanted: number, taken: Map<PoolClass, number>): Uint8Array[] {
  const share = Math.ceil(wanted / sources.length);
  return sources.flatMap((source) => {
    const from = taken.get(source) ?? 0;
    const most = traits.includes('split') ? Math.floor(source.images.length / 2) : source.images.length;
    const images = source.images.slice(from, from + Math.min(share, most));
    taken.set(source, from + images.length);
    return images;
  });
}

function withDuplicates(images: readonly Uint8Array[], share: number, random: RandomStream): Uint8Array[] {
  const originals = Math.max(1, Math.round(0.1 * images.length));
  return images.map((image, n) =>
    n / images.length < 1 - share ? image : jitter(images[random.integer(originals)]!, random),
  );
}

function noiseOf(random: RandomStream): World['noise'] {
  const way = (['none', 'none', 'uniform', 'pair'] as const)[random.integer(4)]!;
  return { way, rate: way === 'none' ? 0 : between(random, 0.01, 0.2) };
}

/** Uniform: any other label. Pair: one class loses that share of its samples to another. */
function withNoise(
  samples: readonly Sample[],
  { rate, way }: World['noise'],
  classes: number,
  random: RandomStream,
): Sample[] {
  const from = random.integer(classes);
  const to = (from + 1 + random.integer(classes - 1)) % classes;
  return samples.map((sample) => {
    if (way === 'none' || random.uniform() >= rate) return sample;
    if (way === 'pair') return sample.label === from ? { ...sample, label: to } : sample;
    return { ...sample, label: (sample.label + 1 + random.integer(classes - 1)) % classes };
  });
}

export function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}
