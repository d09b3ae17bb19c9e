// What a dataset is to those who read it, and what they may say of it when they open it.

import type { DecodeImage } from './entry.ts';
import type { KnownIds } from './formats/class-folders/same-stems.ts';
import type { CIFAR_LABELS } from './formats.ts';
import type { ImageSize } from './images/resize.ts';
import type { Quiet } from './quiet.ts';
import type { DatasetFormat } from './recognised.ts';
import type { ImageShape, ReadResult } from './sample.ts';
import type { Split } from './splits.ts';

export interface DatasetOptions {
  /** Recognised when absent. */
  readonly format?: DatasetFormat;
  /** Shown in results; the source's name when absent. */
  readonly name?: string;
  /** Number of classes; needed where the format does not tell (WebDataset shards by others). */
  readonly classes?: number;
  /**
   * Names by label of the dataset or model that this one belongs to: class folders and labels of these names get the same
   * labels, other names are refused.
   */
  readonly classNames?: readonly string[];
  /** Files of labels of IDX images; found by their usual names when absent. */
  readonly labels?: string | readonly string[];
  /**
   * Sources of the clean dataset that results of BackdoorBench belong to, in the order that it has there; only the images
   * that the attack made are read when absent.
   */
  readonly clean?: readonly string[];
  /** Size of every image; that of most of some dozens when absent, 3×32×32 for CIFAR binary. */
  readonly shape?: ImageShape;
  /** Resize images of other heights and widths to that of the dataset; they are refused when absent. */
  readonly resize?: boolean;
  /** Height and width of the dataset with `resize`, where `shape` is not known. */
  readonly size?: ImageSize;
  /** Label bytes of a CIFAR binary record: 1, or 2 as in CIFAR-100; the size of the file tells when absent. */
  readonly labelBytes?: number;
  /** Which of the splits that a source holds is read, in the order in which they are preferred; train when absent. */
  readonly splits?: readonly Split[];
  /** Which of CIFAR-100's two labels counts; fine when absent. */
  readonly cifarLabels?: CifarLabels;
  /**
   * Convert images to 1 or 3 channels where nothing is lost by it: gray to RGB, gray stored as RGB to gray. When absent, to
   * as many as most images have.
   */
  readonly channels?: 1 | 3;
  /** Samples to pass over at the start, good or bad. */
  readonly skip?: number;
  /** At most so many samples after that, good or bad. */
  readonly limit?: number;
  /** Larger images are refused before they are decoded; 2²⁷ when absent. */
  readonly maxPixels?: number;
  /**
   * Others still write: files that are not finished are left out, but for NDJSON and tar files, which are read up to
   * their last whole sample. When absent, everything counts.
   */
  readonly quiet?: Quiet;
  /**
   * Whether samples and labels are remembered from run to run: empty class folders count, since images may come, and
   * nothing may be missing for a while.
   */
  readonly growing?: boolean;
  /** Tells which ids are remembered, so that files that come later take none of them. */
  readonly known?: KnownIds;
  /** Told what is passed over. */
  readonly warn?: (message: string) => void;
  /** What decodes image files; this thread, one after the other, when absent. */
  readonly decoder?: Decoder;
  /** Whether ids begin with the name of the file even where there is only one: the next time there may be more. */
  readonly named?: boolean;
  /** Folders of patterns: with several files, ids of those below begin with their paths from there. */
  readonly roots?: readonly string[];
  /** Folder that the paths in lines of NDJSON may lead into, links followed; that of the file when absent, none in a stream. */
  readonly paths?: string;
}

/** Decodes the image files of a source elsewhere than in its reader. */
export interface Decoder {
  readonly decode: DecodeImage;
  /** Images that it is given at a time. */
  readonly ahead: number;
}

export interface DatasetInfo {
  readonly name: string;
  readonly format: DatasetFormat;
  readonly classes: number;
  readonly classNames?: readonly string[];
  readonly shape: ImageShape;
  /** Size that all images have in the source, where they are resized and one file of bare pixels says so. */
  readonly came?: ImageSize;
}

export interface Dataset {
  readonly info: DatasetInfo;
  /** All samples of the range, in the order of the source; the same each time. */
  read(): AsyncGenerator<ReadResult>;
}

export type CifarLabels = (typeof CIFAR_LABELS)[number];
