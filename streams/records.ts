// The records that flow through the pipeline. Each says what is known of one sample so far; ids tie them
// together. Images travel only between neighbours: a record that waits holds labels and an id, never candidates.

import type { Quarantined, Sample } from '../src/datasets/sample.ts';

/** What the observer said along the diffusion of one sample; one line of `transitions.ndjson`. */
export interface TransitionRecord {
  readonly id: string;
  /** The label that came with the sample. */
  readonly label: number;
  /** The observer's label of the raw image. */
  readonly raw: number;
  /** The observer's labels of the candidates: one row a round, in order of time. */
  readonly labels: readonly (readonly number[])[];
}

/** Why a sample leaves as it does: the `rule` of its manifest line. */
export type Decision =
  | 'unflagged' // its class is not flagged: image and label as they came
  | 'stable' // flagged class, but no candidate changed its label
  | 'unanimous' // flagged class, all kept candidates agree on a new label
  | 'consensus' // mixed candidates; the benign model named the label
  | 'dropped'; // flagged class, and nothing reliable could be said

/** One line of `purified/manifest.ndjson`. */
export interface ManifestEntry {
  readonly id: string;
  readonly given: number;
  readonly label: number;
  readonly image: 'raw' | 'purified' | 'none';
  readonly rule: Decision;
}

/** A sample that has its final image and label. */
export interface SettledSample {
  readonly sample: Sample;
  readonly entry: ManifestEntry;
}

export type { Quarantined, Sample };
