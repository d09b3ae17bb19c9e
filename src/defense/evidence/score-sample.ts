// A bounded sample of what the observer thought of purified images, for what counts alone cannot tell: how the
// observer is to be calibrated. It holds the samples whose ids hash lowest, so that samples of windows, workers and
// machines merge to the very one of the whole dataset, in any order. Numbers lie in flat arrays: tens of thousands of
// small objects would cost several times as much memory.

import { hashOf } from '../../math/random.ts';

/** Numbers that a sample may hold at most, whatever the number of classes: 16 MB. */
const CAPACITY = 4_000_000;
const MOST_SAMPLES = 50_000;
const FIRST_ROWS = 1024;
/** Rows against the capacity from which on those beyond it are forgotten: fewer cost memory, more cost sorting. */
const MOST_ROWS = 1.1;
const NO_INDEX = -1;

/** The observer's scores of one purified sample. */
export interface Scored {
  readonly id: string;
  /** The label that came with it. */
  readonly label: number;
  /** The observer's label of its raw image. */
  readonly raw: number;
  /** Place in the store of raw images, where there is one. */
  readonly index?: number;
  /** [C] log-probabilities, of the mean over the candidates. */
  readonly scores: ArrayLike<number>;
}

/** What samples were given and what they show, as arrays. */
export interface LabelledScores {
  readonly classes: number;
  /** int32 [N] given labels. */
  readonly labels: Int32Array;
  /** float32 [N, C]. */
  readonly scores: Float32Array;
}

/** The sample as arrays, by rising hash. They are views: read them before the sample changes. */
export interface ScoreTable extends LabelledScores {
  /** int32 [N] the observer's labels of the raw images. */
  readonly raws: Int32Array;
}

/** Columns of equal length; the first `count` rows of the sample are in use. */
interface Columns {
  readonly ids: string[];
  readonly ranks: Uint32Array;
  readonly labels: Int32Array;
  readonly raws: Int32Array;
  readonly indices: Int32Array;
  readonly scores: Float32Array;
}

export class ScoreSample {
  readonly classes: number;
  readonly #capacity: number;
  readonly #mostRows: number;
  #columns: Columns;
  #count = 0;
  #sorted = true;
  /** No sample of a larger hash can still be among those of the lowest. */
  #largest = Number.POSITIVE_INFINITY;

  /** @param capacity most samples to keep */
  constructor(classes: number, capacity = Math.min(MOST_SAMPLES, Math.ceil(CAPACITY / classes))) {
    this.classes = classes;
    this.#capacity = capacity;
    this.#mostRows = Math.ceil(MOST_ROWS * capacity) + 1;
    this.#columns = emptyColumns(classes, Math.min(FIRST_ROWS, this.#mostRows));
  }

  add(scored: Scored): void {
    this.#put(hashOf(scored.id, 0), scored);
  }

  merge(other: ScoreSample): void {
    for (let n = 0; n < other.#count; n++) this.#put(other.#columns.ranks[n]!, other.#scored(n));
  }

  get count(): number {
    return Math.min(this.#count, this.#capacity);
  }

  /** By rising hash; made one by one, so take what is needed only. */
  *samples(): Generator<Scored> {
    this.#sort();
    for (let n = 0; n < this.#count; n++) yield this.#scored(n);
  }

  /** The first samples by rising hash that pass a test, at most `most`. */
  take(most: number, test: (scored: Scored) => boolean = () => true): Scored[] {
    const taken: Scored[] = [];
    for (const scored of this.samples()) {
      if (taken.length >= most) break;
      if (test(scored)) taken.push(scored);
    }
    return taken;
  }

  /** A share of the samples, drawn by their ids; another `draw` is another, independent drawing. */
  thinned(share: number, draw: number): ScoreSample {
    const kept = new ScoreSample(this.classes, this.#capacity);
    const { ids, ranks } = this.#columns;
    for (let n = 0; n < this.#count; n++) {
      if (hashOf(ids[n]!, draw) >= share * 2 ** 32) continue;
      kept.#put(ranks[n]!, this.#scored(n));
    }
    return kept;
  }

  table(): ScoreTable {
    this.#sort();
    const { labels, raws, scores } = this.#columns;
    const { classes } = this;
    return {
      classes,
      labels: labels.subarray(0, this.#count),
      raws: raws.subarray(0, this.#count),
      scores: scores.subarray(0, this.#count * classes),
    };
  }

  #scored(n: number): Scored {
    const { ids, labels, raws, indices, scores } = this.#columns;
    const index = indices[n]!;
    return {
      id: ids[n]!,
      label: labels[n]!,
      raw: raws[n]!,
      ...(index !== NO_INDEX && { index }),
      scores: scores.subarray(n * this.classes, (n + 1) * this.classes),
    };
  }

  #put(rank: number, { id, label, raw, index = NO_INDEX, scores }: Scored): void {
    if (rank > this.#largest) return;
    if (this.#count === this.#mostRows) this.#sort();
    if (this.#count === this.#columns.ranks.length) {
      this.#grow(Math.min(2 * this.#count, this.#mostRows));
    }
    const { ids, ranks, labels, raws, indices, scores: all } = this.#columns;
    const n = this.#count++;
    [ids[n], ranks[n], labels[n], raws[n], indices[n]] = [id, rank, label, raw, index];
    all.set(scores, n * this.classes);
    this.#sorted = false;
  }

  /** Sorts by hash, in place, and forgets what is beyond the capacity. */
  #sort(): void {
    if (this.#sorted) return;
    const { ids, ranks } = this.#columns;
    const byId = (a: number, b: number) => (ids[a]! < ids[b]! ? -1 : ids[a]! > ids[b]! ? 1 : a - b);
    const order = this.#order().sort((a, b) => ranks[a]! - ranks[b]! || byId(a, b));
    permute(this.#columns, order, this.classes);
    this.#count = this.count;
    ids.length = this.#count;
    if (this.#count === this.#capacity) this.#largest = ranks[this.#count - 1]!;
    this.#sorted = true;
  }

  #order(): Uint32Array {
    return Uint32Array.from({ length: this.#count }, (_, n) => n);
  }

  #grow(rows: number): void {
    const { ids, ...old } = this.#columns;
    const grown = emptyColumns(this.classes, rows);
    for (const name of ['ranks', 'labels', 'raws', 'indices', 'scores'] as const) grown[name].set(old[name]);
    this.#columns = { ...grown, ids };
  }
}

function emptyColumns(classes: number, rows: number): Columns {
  return {
    ids: [],
    ranks: new Uint32Array(rows),
    labels: new Int32Array(rows),
    raws: new Int32Array(rows),
    indices: new Int32Array(rows),
    scores: new Float32Array(rows * classes),
  };
}

/** Row `n` becomes what row `order[n]` was. Nothing is allocated for it: what is sorted often would leave holes. */
function permute(
  { ids, ranks, labels, raws, indices, scores }: Columns,
  order: Uint32Array,
  classes: number,
): void {
  const held = new Float32Array(classes);
  for (let start = 0; start < order.length; start++) {
    if (order[start] === start) continue;
    const [id, rank, label] = [ids[start]!, ranks[start]!, labels[start]!];
    const [raw, index] = [raws[start]!, indices[start]!];
    held.set(scores.subarray(start * classes, (start + 1) * classes));
    let to = start;
    // along the cycle, each row is done when the one that it takes from is moved
    for (let from = order[to]!; from !== start; from = order[to]!) {
      [ids[to], ranks[to], labels[to]] = [ids[from]!, ranks[from]!, labels[from]!];
      [raws[to], indices[to]] = [raws[from]!, indices[from]!];
      scores.copyWithin(to * classes, from * classes, (from + 1) * classes);
      order[to] = to;
      to = from;
    }
    [ids[to], ranks[to], labels[to], raws[to], indices[to]] = [id, rank, label, raw, index];
    scores.set(held, to * classes);
    order[to] = to;
  }
}
