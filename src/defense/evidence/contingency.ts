// What step 4 needs to know of all samples: per given label, how often its samples were seen as every other label.
// Plain counts: tables of windows, workers and machines add up in any order, and a checkpoint takes kilobytes.

import { ShapeError } from '../../errors.ts';
import { addCell, addCells, type Cells, type MutableCells } from './cells.ts';
import { hasTransition, type KeptImages } from './transitions.ts';

/** Counts as plain data: JSON and structured cloning keep them. Rows of cells are given labels. */
export interface TransitionTable {
  readonly classes: number;
  /** [C] samples seen. */
  readonly samples: readonly number[];
  /** [C] samples whose kept images carry more than one label. */
  readonly moved: readonly number[];
  /** Labels of the kept images of the moved samples: the table of the paper. */
  readonly kept: Cells;
  /** Majority labels of the candidates, one a sample. */
  readonly destinations: Cells;
  /** Of them those of the samples whose raw image the observer calls by the given label. */
  readonly known: Cells;
}

/** Adds samples and tables up. */
export class Contingency {
  readonly classes: number;
  readonly #samples: number[];
  readonly #moved: number[];
  readonly #kept: MutableCells = {};
  readonly #destinations: MutableCells = {};
  readonly #known: MutableCells = {};

  constructor(classes: number) {
    this.classes = classes;
    this.#samples = new Array<number>(classes).fill(0);
    this.#moved = new Array<number>(classes).fill(0);
  }

  /** Counts one sample. `given` and all labels lie in [0, classes). */
  add(given: number, kept: KeptImages): void {
    this.#samples[given]!++;
    addCell(this.#destinations, given, kept.majority);
    if (kept.labels[0] === given) addCell(this.#known, given, kept.majority);
    if (!hasTransition(kept)) return;
    this.#moved[given]!++;
    for (const label of kept.labels) addCell(this.#kept, given, label);
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
    addCells(this.#kept, table.kept);
    addCells(this.#destinations, table.destinations);
    addCells(this.#known, table.known);
  }

  /** The counts so far, copied. */
  table(): TransitionTable {
    return {
      classes: this.classes,
      samples: [...this.#samples],
      moved: [...this.#moved],
      kept: structuredClone(this.#kept),
      destinations: structuredClone(this.#destinations),
      known: structuredClone(this.#known),
    };
  }
}

function addInto(sums: number[], counts: readonly number[]): void {
  for (const [i, count] of counts.entries()) sums[i]! += count;
}
