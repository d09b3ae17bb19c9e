// What was found out about a source before anything is decoded, and the ways in which one folder may be read.

import type { Description } from './description.ts';
import type { INPUT_FORMATS } from './formats.ts';

export type DatasetFormat = (typeof INPUT_FORMATS)[number] | 'shapes';

/** What was found out about one source without decoding a sample. */
export interface Recognised {
  readonly format: DatasetFormat;
  /** Files to read, in order; the folder itself for class folders that are in no archive. */
  readonly files: readonly string[];
  /** Of a dataset that this project wrote. */
  readonly description?: Description;
  /** Ids of the names and paths in class folders that do not say them. */
  readonly notedIds?: ReadonlyMap<string, string>;
  /** Class folders that were found; by class index where there is a description. */
  readonly folders?: readonly string[];
  /** Whether the class folders are in tar archives. */
  readonly archived?: boolean;
  readonly classNames?: readonly string[];
  /** Of results of BackdoorBench: the clean dataset that they belong to. */
  readonly clean?: readonly Recognised[];
  /** Label bytes of the records of CIFAR binary. */
  readonly labelBytes?: number;
  /** Of what was passed over, for people. */
  readonly warnings?: readonly string[];
}

/** One way to read a folder. */
export interface Reading {
  /** What would be read, for people. */
  readonly what: string;
  /** @throws {DatasetError} when it is nothing of the kind */
  readonly recognise: () => Promise<Recognised>;
}
