// Evidence that fades: with each window, what came before counts for less, so that an attack that starts late is not
// outweighed by a long honest past. Counts are scaled; of the sample of scores, which cannot be, a share is drawn.

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
    return { counts: mapped(this.#counts, Math.round), scores: this.#scores };
  }
}

function added(past: TransitionTable, decay: number, present: TransitionTable): TransitionTable {
  return tableOf(past.classes, (key) => past[key].map((count, i) => decay * count + present[key][i]!));
}

function mapped(table: TransitionTable, round: (count: number) => number): TransitionTable {
  return tableOf(table.classes, (key) => table[key].map(round));
}

function tableOf(
  classes: number,
  counts: (key: Exclude<keyof TransitionTable, 'classes'>) => number[],
): TransitionTable {
  return {
    classes,
    samples: counts('samples'),
    moved: counts('moved'),
    kept: counts('kept'),
    destinations: counts('destinations'),
    known: counts('known'),
  };
}
