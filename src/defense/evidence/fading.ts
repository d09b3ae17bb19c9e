// Evidence that fades: with each window, what came before counts for less, so that an attack that starts late is not
// outweighed by a long honest past. Counts are scaled; of the sample of scores, which cannot be, a share is drawn.

import { addCells, type Cells, mapCells } from './cells.ts';
import type { TransitionTable } from './contingency.ts';
import { ScoreSample } from './score-sample.ts';

/** Share of one window that earlier ones keep, and the window's own evidence added. */
export class FadingEvidence {
  readonly #decay: number;
  #windows = 0;
  #counts: TransitionTable | undefined;
  #scores: ScoreSample | undefined;

  /** @param decay weight of a window against the next one, in (0, 1] */
  constructor(decay: number) {
    this.#decay = decay;
  }

  add(counts: TransitionTable, scores: ScoreSample): void {
    this.#windows += 1;
    this.#counts = this.#counts ? added(this.#counts, this.#decay, counts) : counts;
    // draw 0 is the order in which a sample of scores keeps its samples
    const kept = this.#scores?.thinned(this.#decay, this.#windows) ?? new ScoreSample(scores.classes);
    kept.merge(scores);
    this.#scores = kept;
  }

  /** Whole numbers, as tests of counts expect them. @throws {RangeError} before the first window */
  get evidence(): { readonly counts: TransitionTable; readonly scores: ScoreSample } {
    if (!this.#counts || !this.#scores)
      throw new RangeError('expected evidence of a window, found none; add it');
    return { counts: rounded(this.#counts), scores: this.#scores };
  }
}

function added(past: TransitionTable, decay: number, present: TransitionTable): TransitionTable {
  const list = (key: 'samples' | 'moved') => past[key].map((count, i) => decay * count + present[key][i]!);
  const cells = (key: CellKey) => {
    const sums = mapCells(past[key], (count) => decay * count);
    addCells(sums, present[key]);
    return sums;
  };
  return tableOf(past.classes, list, cells);
}

function rounded(table: TransitionTable): TransitionTable {
  return tableOf(
    table.classes,
    (key) => table[key].map(Math.round),
    (key) => mapCells(table[key], Math.round),
  );
}

type CellKey = 'kept' | 'destinations' | 'known';

function tableOf(
  classes: number,
  list: (key: 'samples' | 'moved') => number[],
  cells: (key: CellKey) => Cells,
): TransitionTable {
  return {
    classes,
    samples: list('samples'),
    moved: list('moved'),
    kept: cells('kept'),
    destinations: cells('destinations'),
    known: cells('known'),
  };
}
