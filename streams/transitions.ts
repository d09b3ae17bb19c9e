// Steps 2 and 3 alone, as a filter: samples in, one transition record a sample out, in source order. The command
// `transitions` prints them; who reads them (`detect`, another machine, a person) is not its concern.

import { concatMap, map, tap } from 'rxjs';
import type { ReadResult } from '../src/datasets/sample.ts';
import type { Refuse, TransitionRecord } from '../src/ports/records.ts';
import type { Runner } from '../src/ports/runner.ts';
import { abortable } from './operators/abortable.ts';
import { Credit } from './operators/credited.ts';
import type { Report } from './progress.ts';
import { diffuse } from './stages/diffuse.ts';
import { observe } from './stages/observe.ts';
import { read } from './stages/read.ts';

export interface TransitionParts {
  readonly source: AsyncIterable<ReadResult>;
  readonly runner: Runner;
  /** Most samples in flight at a time. */
  readonly inFlight: number;
  /** Counts them, where somebody wants to watch; of `inFlight`. */
  readonly credit?: Credit;
  /** Samples a call of the runner; must not change any result. */
  readonly batch: number;
  readonly refuse: Refuse;
  /** Takes each record; awaited, so that a slow reader of the output slows the source. */
  readonly print: (record: TransitionRecord) => Promise<void>;
  readonly report: Report;
}

/**
 * Observes a whole source.
 *
 * @returns how many records were printed
 * @throws the reason of `signal` when that aborts; whatever failed in reader, runner or output
 */
export async function runTransitions(parts: TransitionParts, signal?: AbortSignal): Promise<number> {
  const { credit = new Credit(parts.inFlight) } = parts;
  const refuse: Refuse = async (bad) => {
    await parts.refuse(bad);
    credit.give();
  };
  const stages = {
    ...parts,
    credit,
    refuse,
    batch: Math.min(parts.batch, parts.inFlight),
    expected: undefined,
  };
  let printed = 0;
  const records = read(stages).pipe(
    map(({ sample }, index) => ({ index, sample })),
    diffuse(stages),
    observe(stages),
    concatMap(({ index: _, ...record }) => parts.print(record)),
    tap(() => credit.give()),
    abortable(signal),
  );
  await records.forEach(() => {
    printed += 1;
  });
  return printed;
}
