// What was given away, sample by sample, and what has to be corrected when a later run sees it otherwise. Samples
// come in the order of the source; each is held against what the last run said of it and written down for the next.

import { encodePng } from '../datasets/images/png.ts';
import type { SettledSample } from '../ports/records.ts';
import { digestOf } from './candidates.ts';
import { JSON_VALUE, paired } from './database.ts';
import type { State } from './state.ts';

/** What consumers have of a sample. */
export interface Released {
  readonly given: number;
  readonly label: number;
  readonly image: 'raw' | 'purified' | 'none';
  readonly rule: string;
  /** Of the pixels, or of the file where that is no PNG; empty where no image was released. */
  readonly digest: string;
  /** Number of the run that released this label and image first. */
  readonly since: number;
}

/** One line of `corrections.ndjson` or of a stream of changes; docs/growing.md is the contract. */
export type Correction =
  | { readonly op: 'retract'; readonly id: string; readonly was: Was; readonly why: string }
  | {
      /** `release` where the sample had been left out before. */
      readonly op: 'replace' | 'release';
      readonly id: string;
      readonly label: number;
      /** Base64 of a PNG, or of the kind of file that repaired images leave as. */
      readonly image: string;
      readonly was: Was;
      readonly why: string;
    };

type Was = Pick<Released, 'label' | 'image' | 'rule'>;

const BLOCK = 256;

/** Who is told of changes, in order: of those of present samples first, then of missing ones. */
export interface Told {
  correct(correction: Correction): void;
  /** A sample is released that no earlier run has seen. */
  add(settled: SettledSample): void;
}

export class Ledger {
  readonly #state: State;
  readonly #told: Told;
  #pending: SettledSample[] = [];
  #unknown = 0;

  constructor(state: State, told: Told) {
    this.#state = state;
    this.#told = told;
  }

  /** Samples that no run before had settled. */
  get unknown(): number {
    return this.#unknown;
  }

  /** Takes in a sample that is settled. */
  async release(settled: SettledSample): Promise<void> {
    this.#pending.push(settled);
    if (this.#pending.length >= BLOCK) await this.#flush();
  }

  /** Takes back what is missing now; to be called when all samples are in. */
  async finish(): Promise<void> {
    await this.#flush();
    const { database, current, next } = this.#state;
    for await (const { key, left, right } of paired<Released>(
      database,
      `${current}sample/`,
      `${next}sample/`,
    )) {
      if (!left || right || left.image === 'none') continue;
      const why = 'it is no longer in the source, or can no longer be read';
      this.#told.correct({ op: 'retract', id: key, was: wasOf(left), why });
    }
  }

  async #flush(): Promise<void> {
    const settled = this.#pending;
    this.#pending = [];
    const { database, current, next, run } = this.#state;
    const before = await database.getMany<string, Released>(
      settled.map(({ entry }) => `${current}sample/${entry.id}`),
      JSON_VALUE,
    );
    const after = settled.map((one, n) => releasedOf(one, before[n], run + 1));
    settled.forEach((one, n) => {
      const correction = before[n] && correctionOf(one, before[n], after[n]!);
      if (correction) this.#told.correct(correction);
      if (!before[n]) this.#unknown += 1;
      if (!before[n] && one.entry.image !== 'none') this.#told.add(one);
    });
    await database.batch<string, Released>(
      settled.map(({ entry }, n) => ({
        type: 'put',
        key: `${next}sample/${entry.id}`,
        value: after[n]!,
        ...JSON_VALUE,
      })),
      {},
    );
  }
}

function releasedOf(
  { sample, entry, encoded }: SettledSample,
  before: Released | undefined,
  run: number,
): Released {
  const { given, label, image, rule } = entry;
  const digest = image === 'none' ? '' : digestOf(encoded ?? sample.pixels);
  const same = before?.label === label && before.digest === digest;
  return { given, label, image, rule, digest, since: same ? before.since : run };
}

/** Nothing where consumers have what they should. */
function correctionOf(
  { sample, entry, encoded }: SettledSample,
  before: Released,
  after: Released,
): Correction | undefined {
  const [had, has] = [before.image !== 'none', after.image !== 'none'];
  const same = before.label === after.label && before.digest === after.digest;
  if (had === has && (same || !has)) return undefined;
  const { id, label, reason: why } = entry;
  const was = wasOf(before);
  if (!has) return { op: 'retract', id, was, why };
  const image = Buffer.from(encoded ?? encodePng(sample)).toString('base64');
  return { op: had ? 'replace' : 'release', id, label, image, was, why };
}

function wasOf({ label, image, rule }: Released): Was {
  return { label, image, rule };
}
