// What trainings remember from run to run, so that the same training is not done twice, goes on where it was cut off, or
// goes on from the last run's result. A state on disk keeps it.

import type { Sample } from '../datasets/sample.ts';

/** A training after some of its steps. */
export interface ClassifierCheckpoint {
  readonly step: number;
  /** Flat, as the trainer has them. */
  readonly weights: Float32Array;
  readonly momentum: Float32Array;
}

/** Remembers trained weights, flat, by the key of their training. */
export interface TrainingMemory {
  find(key: string): Promise<Float32Array | undefined>;
  keep(key: string, weights: Float32Array): Promise<void>;
  findCheckpoint(key: string): Promise<ClassifierCheckpoint | undefined>;
  keepCheckpoint(key: string, checkpoint: ClassifierCheckpoint): Promise<void>;
}

/** What a network was trained for. */
export type Role = 'observer' | 'benign';

/** What the training in a role came to, by keys. */
export interface Past {
  readonly network: string;
  /** Of the samples that it learned first. */
  readonly data: string;
  readonly first: string;
  /** With those added that were settled with its help; else `first`. */
  readonly last: string;
  /** Number of the run that trained it. */
  readonly run?: number;
  /** The benign models that it came of, oldest first. */
  readonly before?: readonly Checkpoint[];
}

/** The model of a run, to go back to. */
export interface Checkpoint {
  readonly run: number;
  readonly last: string;
}

/** Remembers from run to run. */
export interface WarmMemory extends TrainingMemory {
  /** What the last run noted. */
  past(role: Role): Promise<Past | undefined>;
  /** For the next run. */
  note(role: Role, past: Past): Promise<void>;
  /** As `find`, of what the next run will not need. */
  peek(key: string): Promise<Float32Array | undefined>;
  /** Keeps for the next run what this one does not need. */
  retain(key: string): void;
  /** Number of this run. */
  readonly run: number;
  /** Takes in a sample that the benign model is to learn. */
  learn(sample: Sample): Promise<void>;
  /** The first run that learned a sample which is not among those taken in now, or with another image or label. */
  outdated(): Promise<number | undefined>;
}
