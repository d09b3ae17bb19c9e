// Step 4, the barrier of the method: no class can be judged before every sample was seen. Records go to a journal
// on disk and into a table of counts; each window closes with a running estimate, the end of the stream with the
// verdict, and then the records come back from disk, each with the verdict, as fast as credit allows.

import { concat, defer, ignoreElements, map, type OperatorFunction, pipe, tap } from 'rxjs';
import { Contingency, type TransitionTable } from '../../src/defense/contingency.ts';
import type { Detector, Verdict } from '../../src/defense/target-label.ts';
import { keepCandidates } from '../../src/defense/transitions.ts';
import { type Credit, credited } from '../operators/credited.ts';
import { Journal, journalled } from '../operators/journal.ts';
import { type Tally, windowed } from '../operators/windowed.ts';
import type { JudgedRecord, PlacedRecord, TransitionRecord } from '../records.ts';

/** What is known after a window. */
export interface Estimate {
  /** Position of the window, from 0. */
  readonly window: number;
  /** Counts of this window alone: mergeable, kilobytes. */
  readonly table: TransitionTable;
  /** The verdict on everything up to the end of this window. */
  readonly verdict: Verdict;
}

/** How records are counted and judged. */
export interface Detection {
  readonly classes: number;
  /** τ of step 3. */
  readonly minority: number;
  readonly detector: Detector;
  /** Records a window. */
  readonly window: number;
}

/** One running estimate after each window of records; the last one is the verdict. None where there are no records. */
export function estimate(detection: Detection): OperatorFunction<TransitionRecord, Estimate> {
  return pipe(
    windowed(detection.window, tallyOf(detection)),
    map(({ index, gathered, total }) => ({
      window: index,
      table: gathered.table(),
      verdict: detection.detector(total.table()),
    })),
  );
}

/** The verdict on no records at all. */
export function emptyVerdict({ classes, detector }: Detection): Verdict {
  return detector(new Contingency(classes).table());
}

/** Judges the whole stream, then replays it. Both passes share `credit`. */
export function detect({
  detection,
  transitions,
  credit,
  onEstimate,
}: {
  readonly detection: Detection;
  /** Path of the journal, which stays. */
  readonly transitions: string;
  readonly credit: Credit;
  readonly onEstimate: (estimate: Estimate) => void;
}): OperatorFunction<PlacedRecord, JudgedRecord> {
  return (source) =>
    defer(() => {
      const journal = new Journal<PlacedRecord>(transitions);
      let verdict = emptyVerdict(detection);
      const gathered = source.pipe(
        journalled(journal),
        tap(() => credit.give()),
        estimate(detection),
        tap((running) => {
          verdict = running.verdict;
          onEstimate(running);
        }),
        ignoreElements(),
      );
      const replayed = defer(() => credited(journal, credit).pipe(map((record) => ({ record, verdict }))));
      return concat(gathered, replayed);
    });
}

function tallyOf({ classes, minority }: Detection): Tally<TransitionRecord, Contingency> {
  return {
    empty: () => new Contingency(classes),
    add(gathered, { label, raw, labels }) {
      gathered.add(label, keepCandidates(raw, labels, minority));
      return gathered;
    },
    merge(left, right) {
      const both = new Contingency(classes);
      both.merge(left.table());
      both.merge(right.table());
      return both;
    },
  };
}
