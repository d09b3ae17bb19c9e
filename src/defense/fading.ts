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
  const sum = (key: 'samples' | 'moved' | 'kept' | 'destinations' | 'known') =>
    past[key].map((count, i) => decay * count + present[key][i]!);
  return {
    classes: past.classes,
    samples: sum('samples'),
    moved: sum('moved'),
    kept: sum('kept'),
    destinations: sum('destinations'),
    known: sum('known'),
  };
}

function mapped({ classes, ...counts }: TransitionTable, round: (count: number) => number): TransitionTable {
  const { samples, moved, kept, destinations, known } = counts;
  return {
    classes,
    samples: samples.map(round),
    moved: moved.map(round),
    kept: kept.map(round),
    destinations: destinations.map(round),
    known: known.map(round),
  };
}
