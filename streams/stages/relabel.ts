// Step 7, the decisions: samples that wait on disk are put to the benign model. Those on which it agrees with
// their candidates are settled and learned; the model, fine-tuned, then names the labels of the rest. Samples leave in the
// order of the source, whenever they were settled: up to the first that waits at once, all others in the end.

import {
  concat,
  defer,
  filter,
  ignoreElements,
  map,
  type Observable,
  type OperatorFunction,
  tap,
} from 'rxjs';
import { decideAgreed, decideConsensus, type RepairPolicy } from '../../src/defense/repair/repair.ts';
import type { SettledSample, WaitingSample } from '../../src/ports/records.ts';
import type { BenignTrainer } from '../../src/ports/runner.ts';
import { type Credit, credited } from '../operators/credited.ts';
import { closing, journalled } from '../operators/journalled.ts';
import { merged } from '../operators/merged.ts';
import { counted, type Report } from '../progress.ts';
import { type Consulted, consult } from './consult.ts';
import { type SettleParts, settle } from './settle.ts';
import { restored, Settlement } from './settlement.ts';
import { train } from './train.ts';

export interface RelabelParts extends SettleParts {
  readonly trainer: BenignTrainer;
  readonly policy: RepairPolicy;
  readonly credit: Credit;
  /** Folder for what waits; whoever made it removes it. */
  readonly scratch: string;
  readonly report: Report;
}

type Sample = SettledSample | WaitingSample;

/** Settles those that wait when all samples have come in; emits every settled sample in source order. */
export function relabel(parts: RelabelParts): OperatorFunction<Sample, SettledSample> {
  const { credit, policy, report, scratch, store } = parts;
  return (source) =>
    defer(() => {
      const atOnce = new Settlement(scratch, 'verdict');
      const agreed = new Settlement(scratch, 'agreed');
      const rest = new Settlement(scratch, 'consensus');
      const keepIn = (settlement: Settlement) => (samples: Observable<Sample>) =>
        samples.pipe(
          journalled(settlement),
          tap(() => credit.give()),
        );
      let anyWaits = false;
      const first = source.pipe(
        tap((sample) => {
          anyWaits ||= sample.kind === 'waiting';
          if (!anyWaits) return;
          atOnce.append(sample);
          credit.give();
        }),
        closing(atOnce),
        filter((_sample): _sample is SettledSample => !anyWaits),
      );
      const consulted = (waiting: Settlement, decide: typeof decideAgreed) =>
        defer(() => credited(waiting.waiting, credit)).pipe(
          consult(parts),
          map(({ record, prediction }: Consulted) => ({
            record,
            repair: decide(record, prediction, policy),
          })),
          settle(parts),
        );
      const decided = concat(
        consulted(atOnce, decideAgreed).pipe(train(parts), keepIn(agreed)),
        consulted(agreed, decideConsensus).pipe(keepIn(rest)),
      ).pipe(
        filter(({ kind }) => kind === 'settled'),
        counted('relabel', report, () => atOnce.waiting.count),
      );
      const inSourceOrder = defer(() =>
        credited(
          merged([atOnce.settled, agreed.settled, rest.settled], ({ index }) => index),
          credit,
        ),
      );
      return concat(
        first,
        decided.pipe(ignoreElements()),
        inSourceOrder.pipe(map((line) => restored(line, store))),
      );
    });
}
