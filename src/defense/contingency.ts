// What step 4 needs to know of all samples: per given label, how often its samples were seen as every other label.
// Plain counts: tables of windows, workers and machines add up in any order, and a checkpoint takes kilobytes.

import { ShapeError } from '../errors.ts';
import { hasTransition, type KeptImages } from './transitions.ts';

/** Counts as plain data: JSON and structured cloning keep them. Matrices are row-major, row = given label. */
export interface TransitionTable {
  readonly classes: number;
  /** [C] samples seen. */
  readonly samples: readonly number[];
  /** [C] samples whose kept images carry more than one label. */
  readonly moved: readonly number[];
  /** [C, C] labels of the kept images of the moved samples: the table of the paper. */
  readonly kept: readonly number[];
  /** [C, C] majority labels of the candidates, one a sample. */
  readonly destinations: readonly number[];
  /** [C, C] of them those of the samples whose raw image the observer calls by the given label. */
  readonly known: readonly number[];
}

/** Adds samples and tables up. */
export class Contingency {
  readonly classes: number;
  readonly #samples: number[];
  readonly #moved: number[];
  readonly #kept: number[];
  readonly #destinations: number[];
  readonly #known: number[];

  constructor(classes: number) {
    const zeros = (length: number) => new Array<number>(length).fill(0);
    this.classes = classes;
    this.#samples = zeros(classes);
    this.#moved = zeros(classes);
    this.#kept = zeros(classes * classes);
    this.#destinations = zeros(classes * classes);
    this.#known = zeros(classes * classes);
  }

  /** Counts one sample. `given` and all labels lie in [0, classes). */
  add(given: number, kept: KeptImages): void {
    const row = given * this.classes;
    this.#samples[given]!++;
    this.#destinations[row + kept.majority]!++;
    if (kept.labels[0] === given) this.#known[row + kept.majority]!++;
    if (!hasTransition(kept)) return;
    this.#moved[given]!++;
    for (const label of kept.labels) this.#kept[row + label]!++;
  }

  /**
   * Adds another table.
   * @throws {ShapeError} when it counts another number of classes
   */
  merge(table: TransitionTable): void {
    if (table.classes !== this.classes) {
      throw new ShapeError(
        `expected a table of ${this.classes} classes, found ${table.classes}; merge tables of one dataset only`,
      );
    }
    addInto(this.#samples, table.samples);
    addInto(this.#moved, table.moved);
    addInto(this.#kept, table.kept);
    addInto(this.#destinations, table.destinations);
    addInto(this.#known, table.known);
  }

  /** The counts so far, copied. */
  table(): TransitionTable {
    return {
      classes: this.classes,
      samples: [...this.#samples],
      moved: [...this.#moved],
      kept: [...this.#kept],
      destinations: [...this.#destinations],
      known: [...this.#known],
    };
  }
}

function addInto(sums: number[], counts: readonly number[]): void {
  for (const [i, count] of counts.entries()) sums[i]! += count;
}
