// The records that flow through the pipeline. Each says what is known of one sample so far; ids tie them
// together. Images travel only between neighbours: a record that waits holds labels and an index, never pixels.

import type { Quarantined, Sample } from '../datasets/sample.ts';
import type { Knowledge } from '../defense/repair/knowledge.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import type { Failure } from '../errors.ts';

/** A sample and its place in the store that holds the raw images. */
export interface PlacedSample {
  /** Index in the store; ascending in the order of the source. */
  readonly index: number;
  readonly sample: Sample;
}

/** What the observer said along the diffusion of one sample; what `transitions` prints and `detect` reads. */
export interface TransitionRecord {
  readonly id: string;
  /** The label that came with the sample. */
  readonly label: number;
  /** The observer's label of the raw image. */
  readonly raw: number;
  /** The observer's labels of the candidates: one row a round, in order of time. */
  readonly labels: readonly (readonly number[])[];
  /** [C] ln of the observer's mean probabilities of the candidates, to two decimals; records of others may lack them. */
  readonly scores?: readonly number[];
}

/** A transition record that still finds its raw image; one line of `transitions.ndjson`. */
export interface PlacedRecord extends TransitionRecord {
  readonly index: number;
}

/** A record after the barrier: the verdict on the whole dataset is known. */
export interface JudgedRecord {
  readonly record: PlacedRecord;
  readonly verdict: Verdict;
  /** How to treat samples of flagged classes, where images were looked at. */
  readonly knowledge?: Knowledge;
}

/** Why a sample leaves as it does: the `rule` of its manifest line. */
export type Decision =
  | 'unflagged' // its class is not flagged: image and label as they came
  | 'stable' // flagged class, but the observer saw one label throughout
  | 'unanimous' // flagged class, all kept candidates agree on a new label
  | 'mixed' // flagged class, candidates disagreed; settled without asking the benign model
  | 'named' // flagged class; the calibrated observer named the label
  | 'agreed' // candidates disagreed; the benign model named the label that most of them have
  | 'consensus' // candidates disagreed; the benign model named the label
  | 'dropped'; // flagged class, and nothing reliable could be said

/** One line of `manifest.ndjson`. */
export interface ManifestEntry {
  readonly id: string;
  readonly given: number;
  readonly label: number;
  /** Which image was written: as it came, a purified one, or none because the sample was dropped. */
  readonly image: 'raw' | 'purified' | 'none';
  readonly rule: Decision;
  /** What the rule was based on, for people. */
  readonly reason: string;
  /** Height and width of the image as it came, where networks saw it resized to another size. */
  readonly resized?: readonly [height: number, width: number];
  /** Tiles that it was cut into for the denoiser, where that was made for smaller images. */
  readonly tiles?: number;
  /** Of its file from the folder of the dataset, where it has one of its own and the id does not say which. */
  readonly path?: string;
}

/** A sample that has its final image and label. */
export interface SettledSample {
  readonly kind: 'settled';
  readonly index: number;
  /** Final pixels and label; of a dropped sample, as they came. */
  readonly sample: Sample;
  readonly entry: ManifestEntry;
  /** The file that a repaired image leaves as, where that is no PNG. */
  readonly encoded?: Uint8Array;
}

/** A sample that waits for the benign model. */
export interface WaitingSample {
  readonly kind: 'waiting';
  readonly record: PlacedRecord;
}

/** A sample that could be read but not worked on: with `Quarantined` the lines of `quarantine.ndjson`. */
export interface Refused extends Failure {
  readonly id: string;
  readonly stage: string;
}

/** Where bad samples go; awaited, so that a slow disk slows the stream. */
export type Refuse = (bad: Quarantined | Refused) => Promise<void>;
