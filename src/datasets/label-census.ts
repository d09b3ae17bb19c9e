// How many classes a dataset has where only its labels say so. One wrong number among millions must not make a network
// with as many outputs, or as many folders; so a label counts only where the data support it. Honest datasets have gaps,
// rare classes and numbers of a larger set that they are part of, and all of these are taken as they are: a label is
// refused only where it stands alone beyond all others, and hardly any sample has it or a larger one.

import { SampleError } from '../errors.ts';
import type { Place } from './sample.ts';

/** More than any dataset has whose classes nobody named. */
export const MAX_CLASSES = 100_000;

/** Labels below this need no support: so many classes cost next to nothing. */
const FREE = 1000;
/** A label stands alone that is so many times as large as the next smaller one. */
const ALONE = 2;
/** A label with so many samples is meant, and so are all below it. */
const MEANT = 5;
/** So are those that, with all above, make more than this share of the samples. */
const FEW = 0.05;

/** A sample that is in a store, while its label may still turn out to be none. */
export interface Doubtful extends Place {
  readonly index: number;
  readonly id: string;
  readonly label: number;
}

/** Counts labels, and keeps samples in mind whose label may turn out to be refused. */
export class LabelCensus {
  readonly #counts = new Map<number, number>();
  readonly #doubtful = new Map<number, Doubtful[]>();
  #samples = 0;

  add(label: number): void {
    if (label >= MAX_CLASSES) return;
    const count = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, count);
    this.#samples++;
    if (count === MEANT) this.#doubtful.delete(label);
  }

  /** Keeps a sample in mind that was counted, for as long as its label is in doubt. */
  note(sample: Doubtful): void {
    const { label } = sample;
    if (label < FREE || (this.#counts.get(label) ?? 0) >= MEANT) return;
    const others = this.#doubtful.get(label);
    if (others) others.push(sample);
    else this.#doubtful.set(label, [sample]);
  }

  /** One more than the largest label that is supported; 0 where there is none. */
  get classes(): number {
    const labels = [...this.#counts.keys()].sort((a, b) => a - b);
    let least = Number.POSITIVE_INFINITY;
    let above = 0;
    for (let below = labels.length - 1; below >= 0; below--) {
      const label = labels[below]!;
      const count = this.#counts.get(label)!;
      above += count;
      if (label < FREE || count >= MEANT || above > FEW * this.#samples) break;
      if (label >= ALONE * ((labels[below - 1] ?? 0) + 1)) least = label;
    }
    return (labels.findLast((label) => label < least) ?? -1) + 1;
  }

  /** The samples noted whose labels are refused; each once. */
  takeRefused(): Doubtful[] {
    const { classes } = this;
    const refused = [...this.#doubtful].filter(([label]) => label >= classes);
    for (const [label] of refused) this.#doubtful.delete(label);
    return refused.flatMap(([, samples]) => samples);
  }
}

/** Why a label is refused. */
export function labelBeyond(label: number, classes: number, id: string | undefined): SampleError {
  return new SampleError(
    `expected a label from 0 to ${classes - 1}, found ${label} at sample ${id}; ` +
      'set dataset.classes or correct it',
  );
}
