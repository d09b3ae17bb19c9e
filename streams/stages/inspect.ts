// Between verdict and decision: samples of flagged classes whose trigger is everywhere in the image are purified
// again, one by one, and a matched filter says which of them carry it. All other records pass as they are.

import { bufferCount, mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import { inOrder } from '../operators/in-order.ts';
import type { JudgedRecord } from '../records.ts';
import type { Runner } from '../runner.ts';
import { purifiedAgain } from './examine.ts';
import { rawSamples } from './raw-samples.ts';

/** A judged record; `carries` is left out where nobody can tell. */
export interface InspectedRecord extends JudgedRecord {
  readonly carries?: boolean;
}

export function inspect(parts: {
  readonly store: SampleStore;
  readonly runner: Runner;
  /** Images a call of the runner. */
  readonly batch: number;
  /** Records looked at together, at most half of the samples in flight. */
  readonly group: number;
}): OperatorFunction<JudgedRecord, InspectedRecord> {
  return pipe(
    bufferCount(parts.group),
    inOrder(2, async (group): Promise<readonly InspectedRecord[]> => {
      const suspects = group.filter(({ record, knowledge }) => knowledge?.carriers.has(record.label));
      if (suspects.length === 0) return group;
      const raw = rawSamples(
        parts.store,
        suspects.map(({ record }) => record),
      );
      const purified = await purifiedAgain(raw, parts);
      const carries = new Map(
        suspects.map(({ record, knowledge }, i) => {
          const { filter, threshold } = knowledge!.carriers.get(record.label)!;
          return [record, filter.response(raw[i]!.pixels, purified[i]!) > threshold];
        }),
      );
      return group.map((judged) => {
        const found = carries.get(judged.record);
        return found === undefined ? judged : { ...judged, carries: found };
      });
    }),
    mergeMap((group) => group),
  );
}
