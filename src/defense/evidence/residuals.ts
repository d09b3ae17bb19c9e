// What purification removed, added up: raw minus purified, pixel by pixel, for each given label, apart for samples
// whose label the purification moved and for those it did not. Whole numbers only, so that windows, workers and
// machines add up to the same bits in any order.

import { ShapeError } from '../../errors.ts';
import { addResiduals, type ImagePair, MOST_PAIRS } from '../../math/kernels.ts';

/** Bytes of images that are gathered before they are added row by row, so that many images go through a row at once. */
const GATHERED_BYTES = 1 << 20;

/** Sums over images of one kind. */
export interface ResidualSums {
  readonly count: number;
  /** [C × H × W] sums of raw − purified, in 8-bit pixel values. */
  readonly sums: Float64Array;
  /** [C × H × W] sums of its squares. */
  readonly squares: Float64Array;
}

type Row = { count: number; sums: Float64Array; squares: Float64Array };
type Rows = Map<number, Row>;

export class Residuals {
  /** Values of an image: C × H × W. */
  readonly size: number;
  readonly #moved: Rows = new Map();
  readonly #stayed: Rows = new Map();
  readonly #gathered = new Map<Row, ImagePair[]>();
  readonly #mostGathered: number;
  #pairs = 0;

  constructor(size: number) {
    this.size = size;
    this.#mostGathered = Math.min(MOST_PAIRS, Math.ceil(GATHERED_BYTES / (2 * size)));
  }

  /**
   * Counts one sample. Its images must stay as they are: they are looked at later.
   *
   * @param given    label that came with it
   * @param moved    whether the purified image has another one
   * @param raw      uint8 [C, H, W]
   * @param purified uint8 [C, H, W], what the last round made of it
   * @throws {ShapeError} when an image has another size
   */
  add(given: number, moved: boolean, raw: Uint8Array, purified: Uint8Array): void {
    if (raw.length !== this.size || purified.length !== this.size) {
      throw new ShapeError(
        `expected images of ${this.size} values, found ${raw.length} raw and ${purified.length} purified; ` +
          'add images of one size only',
      );
    }
    const row = this.#row(moved ? this.#moved : this.#stayed, given);
    row.count += 1;
    const pairs = this.#gathered.get(row);
    if (pairs) pairs.push({ raw, purified });
    else this.#gathered.set(row, [{ raw, purified }]);
    this.#pairs += 1;
    if (this.#pairs >= this.#mostGathered) this.#settle();
  }

  /** Adds the sums of others up. */
  merge(other: Residuals): void {
    other.#settle();
    for (const [label, sums] of other.#moved) addInto(this.#row(this.#moved, label), sums);
    for (const [label, sums] of other.#stayed) addInto(this.#row(this.#stayed, label), sums);
  }

  /** Of the samples given `label` that moved. */
  moved(label: number): ResidualSums {
    this.#settle();
    return this.#moved.get(label) ?? nothing(this.size);
  }

  /** Of all samples given `label`. */
  all(label: number): ResidualSums {
    this.#settle();
    const sums = nothing(this.size);
    for (const rows of [this.#moved, this.#stayed]) addInto(sums, rows.get(label) ?? nothing(this.size));
    return sums;
  }

  /** Of all samples that stayed, but for those given one of `labels`. */
  stayedExcept(labels: readonly number[]): ResidualSums {
    return this.#sumExcept([this.#stayed], labels);
  }

  /** Of all samples but those given one of `labels`. */
  allExcept(labels: readonly number[]): ResidualSums {
    return this.#sumExcept([this.#moved, this.#stayed], labels);
  }

  #sumExcept(kinds: readonly Rows[], labels: readonly number[]): ResidualSums {
    this.#settle();
    const all = nothing(this.size);
    for (const rows of kinds) {
      for (const [label, sums] of rows) if (!labels.includes(label)) addInto(all, sums);
    }
    return all;
  }

  /** Adds up what was gathered. */
  #settle(): void {
    for (const [{ sums, squares }, pairs] of this.#gathered) addResiduals(sums, squares, pairs);
    this.#gathered.clear();
    this.#pairs = 0;
  }

  #row(rows: Rows, label: number): Row {
    const row = rows.get(label) ?? nothing(this.size);
    rows.set(label, row);
    return row;
  }
}

/** [C × H × W] mean of `some` less mean of `usual`: what purification takes from the ones beyond the others. */
export function contrastOf(some: ResidualSums, usual: ResidualSums): Float32Array {
  return Float32Array.from(some.sums, (sum, i) => sum / some.count - usual.sums[i]! / usual.count);
}

/** Standard error of value `i` of that contrast. */
export function contrastError(some: ResidualSums, usual: ResidualSums, i: number): number {
  return Math.sqrt(squaredErrorOf(some, i) + squaredErrorOf(usual, i));
}

/** Squared standard error of a mean; never below that of the rounding to whole pixel values. */
function squaredErrorOf({ count, sums, squares }: ResidualSums, i: number): number {
  const mean = sums[i]! / count;
  return Math.max(squares[i]! / count - mean * mean, 1 / 12) / count;
}

function nothing(size: number): Row {
  return { count: 0, sums: new Float64Array(size), squares: new Float64Array(size) };
}

function addInto(total: Row, more: ResidualSums): void {
  total.count += more.count;
  for (let i = 0; i < total.sums.length; i++) {
    total.sums[i]! += more.sums[i]!;
    total.squares[i]! += more.squares[i]!;
  }
}
