// What the stages need of the networks, and nothing about how they run: the pool of worker threads implements
// `Runner`, the training code implements `BenignTrainer`. Bad data, and data that workers die of, comes back as
// outcomes; a rejected promise means that the machinery itself failed (a disk is full) and ends the run.

import type { Sample } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { Prediction } from '../defense/repair/repair.ts';
import type { Outcome } from '../errors.ts';

/** What candidates are made of: a dataset's samples, or images that a run makes up of them. */
export type CandidateKind = 'sample' | 'canary';

/** Candidate images of one batch. Stages only hand it from `diffuse` to `observe`. */
export interface Candidates {
  readonly samples: readonly Sample[];
  /** Candidates a sample: rounds × keep. */
  readonly perSample: number;
  /** uint8 [N, perSample, C, H, W]; rounds in order, each in order of time. */
  readonly images: Uint8Array;
}

/** The observer's labels of one sample. */
export interface Observation {
  /** Of the raw image. */
  readonly raw: number;
  /** Of the candidates: one row a round, in order of time. */
  readonly labels: readonly (readonly number[])[];
  /** [C] ln of the mean probabilities of the candidates. */
  readonly scores: readonly number[];
  /** The last candidate: uint8 [C, H, W]. */
  readonly purified: Uint8Array;
}

/** A sample and where its trigger may stand. */
export interface Restoration {
  readonly sample: Sample;
  /** uint8 [H, W]: 1 where the image is to be purified; undefined for all of it. */
  readonly mask: Uint8Array | undefined;
}

/** A repaired image and the observer's label of it. */
export interface Repaired {
  /** uint8 [C, H, W]. */
  readonly pixels: Uint8Array;
  readonly label: number;
}

/** Which images of a sample may become its purified image. */
export interface Selection {
  readonly sample: Sample;
  /** Ascending, at least one: 0 is the raw image, 1 + k the k-th candidate. */
  readonly among: readonly number[];
}

/** Steps 2, 3 and 5 on batches of any size. What it returns for a sample depends on that sample alone. */
export interface Runner {
  /** Batches that it works on at a time; more may be handed in and queue. */
  readonly concurrency: number;

  /**
   * Step 2: the candidates of each sample, random numbers keyed by its id.
   *
   * @param kind whether the images are samples (the default) or made up for a test, which tells how long to keep them
   */
  diffuse(batch: readonly Sample[], kind?: CandidateKind): Promise<Outcome<Candidates>>;

  /** Step 3: labels of all raw images and candidates, in the order of the batch. May consume `candidates`. */
  observe(candidates: Candidates): Promise<Outcome<readonly Observation[]>>;

  /** What the observer says of images as they are. */
  classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>>;

  /**
   * Repairs each image: raw outside the mask, inside it the last candidate of the image whose masked pixels were filled
   * from around; without a mask, the last candidate that `diffuse` gave.
   */
  restore(batch: readonly Restoration[]): Promise<Outcome<readonly Repaired[]>>;

  /**
   * Step 5: takes one image for each sample from those allowed, among the candidates that `diffuse` gave. Returns
   * uint8 [C, H, W] each, in the order of the batch.
   */
  choose(batch: readonly Selection[]): Promise<Outcome<readonly Uint8Array[]>>;
}

/** Step 7: learns a clean classifier from the settled stream as it comes, on disk rather than in memory. */
export interface BenignTrainer {
  /** Takes in one settled sample; resolves when the next may come. Called in a deterministic order. */
  add(sample: Sample): Promise<void>;

  /**
   * Ends the learning of what was added. The first call trains from scratch; a later one fine-tunes with what was
   * added since.
   */
  finish(): Promise<void>;

  /** Labels images with the model as it is after the last `finish`; a failure where nothing could be learned. */
  classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>>;
}

/** A sample in a store of raw images. */
export interface Placed {
  readonly id: string;
  readonly index: number;
}

/** Learns to tell samples that carry a trigger from others by their raw images. */
export interface CarrierLearner {
  /**
   * Learns on examples of both kinds, at least one each.
   *
   * @returns the probability, in [0, 1], that each image of a batch carries the trigger, by a network that learned
   *   from none of the same id
   */
  learn(
    store: SampleStore,
    carriers: readonly Placed[],
    others: readonly Placed[],
  ): Promise<(batch: readonly Sample[]) => Promise<Outcome<readonly number[]>>>;
}

/**
 * Trains another observer on a store with few samples left of some classes, and gives a runner that asks it.
 *
 * @param left places of what is left, by label, at least one each
 */
export type Refit = (store: SampleStore, left: ReadonlyMap<number, readonly number[]>) => Promise<Runner>;
