// What a state holds, for those who look after one: whose it is, what its last run said and released, how far the sources
// were read, and what takes its room.

import type { Verdict } from '../defense/verdict/verdict.ts';
import { CandidateStore } from './candidates.ts';
import { JSON_VALUE, rangeOf } from './database.ts';
import type { Released } from './ledger.ts';
import { type Position, positionsOf } from './positions.ts';
import type { Identity, State } from './state.ts';

/** A state in numbers. */
export interface StateSummary {
  /** Of the program that wrote it last. */
  readonly version: string;
  /** What its candidates depend on; absent where nothing was purified yet. */
  readonly identity?: Identity;
  readonly classes: number;
  /** Runs that changed something. */
  readonly runs: number;
  /** Of the last run; absent where there is none, or the state was merged. */
  readonly targetLabels?: readonly number[];
  /** Samples of the last run by the image that they left with. */
  readonly samples: Readonly<Record<Released['image'], number>>;
  /** How far the last run read. */
  readonly sources: readonly Position[];
  /** Samples, present or not, that cost no denoiser call any more. */
  readonly candidates: number;
  readonly networks: number;
  readonly windows: number;
}

/** Looks through a whole state, in bounded memory. */
export async function summaryOf(state: State): Promise<StateSummary> {
  const { database, current, version, identity, classes, run } = state;
  const samples = { raw: 0, purified: 0, none: 0 };
  const released = database.values<string, Released>({ ...rangeOf(`${current}sample/`), ...JSON_VALUE });
  for await (const { image } of released) samples[image] += 1;
  const verdict = await database.get<string, Verdict>(`${current}verdict`, JSON_VALUE);
  const count = async (prefix: string) => {
    let keys = 0;
    for await (const _ of database.keys(rangeOf(prefix))) keys += 1;
    return keys;
  };
  return {
    version,
    ...(identity && { identity }),
    classes,
    runs: run,
    ...(verdict && { targetLabels: verdict.targetLabels }),
    samples,
    sources: await positionsOf(state),
    candidates: await new CandidateStore(state).count('sample'),
    networks: await count('model/'),
    windows: await count(`${current}window/`),
  };
}
