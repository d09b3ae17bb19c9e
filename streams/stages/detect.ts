// Step 4, the barrier of the method: no class can be judged before every sample was seen. Records go to a journal
// on disk and into additive evidence; each window closes with a running estimate, the end of the stream with the
// verdict, and then the records come back from disk, each with the verdict, as fast as credit allows.

import { concat, defer, ignoreElements, map, mergeMap, type OperatorFunction, scan, tap } from 'rxjs';
import { Contingency, type TransitionTable } from '../../src/defense/evidence/contingency.ts';
import { FadingEvidence } from '../../src/defense/evidence/fading.ts';
import { ScoreSample } from '../../src/defense/evidence/score-sample.ts';
import { keepCandidates } from '../../src/defense/evidence/transitions.ts';
import type { Knowledge } from '../../src/defense/repair/knowledge.ts';
import type { Detector, Verdict } from '../../src/defense/verdict/verdict.ts';
import { Journal } from '../../src/files/journal.ts';
import type { JudgedRecord, PlacedRecord, TransitionRecord } from '../../src/ports/records.ts';
import { type Credit, credited } from '../operators/credited.ts';
import { journalled } from '../operators/journalled.ts';
import { Paced } from '../operators/paced.ts';
import { type Tally, type Window, windowed } from '../operators/windowed.ts';

/** What is known after a window. Verdicts are worked out when they are read, which is to be at once. */
export interface Estimate {
  /** Position of the window, from 0. */
  readonly window: number;
  /** Records in it. */
  readonly count: number;
  /** Counts of this window alone: mergeable, kilobytes. */
  readonly table: TransitionTable;
  /** The verdict on the sliding window that ends here. */
  readonly recent: Verdict;
  /** The verdict on everything so far, old windows faded; the very `verdict` where nothing fades. */
  readonly running: Verdict;
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
  /** Seconds after its first record until a window is closed, however few records it holds; never when left out. */
  readonly windowSeconds?: number | undefined;
  /** Windows that make one sliding window; 1 when left out. */
  readonly sliding?: number;
  /** Weight in the running estimate of a window against the next one, in (0, 1]; 1 when left out. */
  readonly decay?: number;
}

/** Everything that is counted of records. Two of them merge to that of all records, in any order. */
export interface Evidence {
  readonly counts: Contingency;
  readonly scores: ScoreSample;
}

/** What comes of a closer look: the final verdict, and how to treat what it flags. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly knowledge?: Knowledge;
}

/** Looks closer, once, when every sample was seen: may turn to the images. */
export type Examine = (evidence: Evidence) => Promise<Judgement>;

/** Takes each estimate as it is made, in order. Where it returns a promise, samples wait for it, but those in flight. */
export type OnEstimate = (estimate: Estimate) => unknown;

/** A running estimate and what it rests on. */
type Estimated = Estimate & { readonly evidence: Evidence };

/** One running estimate after each window of records; the last one is the verdict. None where there are no records. */
export function estimate(detection: Detection): OperatorFunction<TransitionRecord, Estimated> {
  const { classes, window, windowSeconds, sliding = 1, decay = 1 } = detection;
  return (source) =>
    defer(() => {
      // one sample that grows: a merger for each window would copy it again and again
      const scores = new ScoreSample(classes);
      const fading = decay < 1 ? new FadingEvidence(decay) : undefined;
      return source.pipe(
        windowed(window, tallyOf(detection), windowSeconds && windowSeconds * 1000),
        scan<Window<Evidence>, Window<Evidence>[]>((last, next) => [...last, next].slice(-sliding), []),
        map((last) => {
          const { index, count, gathered, total } = last.at(-1)!;
          scores.merge(gathered.scores);
          fading?.add(gathered.counts.table(), gathered.scores);
          const evidence = { counts: total.counts, scores };
          const verdict = once(() => judge(detection, evidence));
          const running = once(() => (fading ? judgeFaded(detection, fading) : verdict()));
          const recent = once(() => judge(detection, merged(last, classes)));
          return {
            window: index,
            count,
            table: gathered.counts.table(),
            get recent() {
              return recent();
            },
            get running() {
              return running();
            },
            get verdict() {
              return verdict();
            },
            evidence,
          };
        }),
      );
    });
}

/**
 * Tells the estimate after each window; ends when all are told.
 *
 * @param credit what each record took, to be given back as it is counted
 */
export function estimated(
  detection: Detection,
  credit: Credit,
  onEstimate: (running: Estimated) => unknown,
): OperatorFunction<TransitionRecord, never> {
  return (source) =>
    defer(() => {
      const paced = new Paced(credit);
      return source.pipe(
        tap(() => paced.give()),
        estimate(detection),
        mergeMap((running) => paced.told(onEstimate(running))),
        ignoreElements(),
      );
    });
}

/** The verdict on no records at all. */
export function emptyVerdict(detection: Detection): Verdict {
  return judge(detection, tallyOf(detection).empty());
}

/** Judges the whole stream, then replays it. Both passes share `credit`. */
export function detect({
  detection,
  transitions,
  credit,
  onEstimate,
  examine,
  onVerdict,
}: {
  readonly detection: Detection;
  /** Path of the journal, which stays. */
  readonly transitions: string;
  readonly credit: Credit;
  readonly onEstimate: OnEstimate;
  /** Left out where records are all there is. */
  readonly examine?: Examine;
  /** Takes what every record gets. */
  readonly onVerdict?: (judgement: Judgement) => void | Promise<void>;
}): OperatorFunction<PlacedRecord, JudgedRecord> {
  return (source) =>
    defer(() => {
      const journal = new Journal<PlacedRecord>(transitions);
      let last: Estimated | undefined;
      let judgement: Judgement = { verdict: emptyVerdict(detection) };
      const gathered = source.pipe(
        journalled(journal),
        estimated(detection, credit, (running) => {
          last = running;
          return onEstimate(running);
        }),
      );
      const examined = defer(async () => {
        if (last) judgement = examine ? await examine(last.evidence) : { verdict: last.verdict };
        await onVerdict?.(judgement);
      }).pipe(ignoreElements());
      const replayed = defer(() =>
        credited(journal, credit).pipe(map((record) => ({ record, ...judgement }))),
      );
      return concat(gathered, examined, replayed);
    });
}

function judge({ detector }: Detection, { counts, scores }: Evidence): Verdict {
  return detector(counts.table(), scores.table());
}

function judgeFaded({ detector }: Detection, fading: FadingEvidence): Verdict {
  const { counts, scores } = fading.evidence;
  return detector(counts, scores.table());
}

function merged(windows: readonly Window<Evidence>[], classes: number): Evidence {
  const all = { counts: new Contingency(classes), scores: new ScoreSample(classes) };
  for (const { gathered } of windows) {
    all.counts.merge(gathered.counts.table());
    all.scores.merge(gathered.scores);
  }
  return all;
}

function once<T>(work: () => T): () => T {
  let done: { readonly value: T } | undefined;
  return () => {
    done ??= { value: work() };
    return done.value;
  };
}

/** Merges counts only; `estimate` merges the scores. */
function tallyOf({ classes, minority }: Detection): Tally<TransitionRecord, Evidence> {
  const empty = () => ({ counts: new Contingency(classes), scores: new ScoreSample(classes) });
  return {
    empty,
    add(gathered, { id, label, raw, labels, scores, ...rest }) {
      gathered.counts.add(label, keepCandidates(raw, labels, minority));
      if (scores) gathered.scores.add({ id, label, raw, scores, ...rest });
      return gathered;
    },
    merge(left, right) {
      const counts = new Contingency(classes);
      counts.merge(left.counts.table());
      counts.merge(right.counts.table());
      return { counts, scores: left.scores };
    },
  };
}
