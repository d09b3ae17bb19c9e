// What a line of the log tells, as fields for programs: each `info` and `warn` names an event and what it says in words,
// so that nobody has to read prose with regular expressions. Names stay what they are; docs/logs.md explains them.

import type { Reason } from '../defense/verdict/reasons.ts';
import type { ClassVerdict } from '../defense/verdict/verdict.ts';
import type { Metrics } from '../state/record.ts';

/** Labels are numbers, shares are in [0, 1], paths are as the message has them. */
export type LogEvent =
  | { readonly event: 'progress'; readonly done: number; readonly total?: number; readonly unit: string }
  | { readonly event: 'serving'; readonly url: string }
  | { readonly event: 'interrupted'; readonly signal: string }
  | { readonly event: 'failed'; readonly code: string; readonly exitCode: number }
  | { readonly event: 'sources'; readonly sources: readonly string[] }
  | {
      readonly event: 'read';
      readonly dataset: string;
      /** Those that are usable, in all. */
      readonly usable: number;
      /** All that were read; left out where an earlier pass has read some. */
      readonly samples?: number;
      /** Usable ones that came since the last pass. */
      readonly added?: number;
      /** [C, H, W] */
      readonly shape: readonly number[];
    }
  | {
      readonly event: 'quarantined';
      readonly code: string;
      readonly reason: string;
      readonly id?: string | undefined;
      readonly source?: string;
      readonly offset?: number;
    }
  /** Samples that were refused for a reason that was told before. */
  | { readonly event: 'quarantined-alike'; readonly more: number; readonly reason: string }
  | { readonly event: 'no-records' }
  | { readonly event: 'resumed'; readonly network: string; readonly step: number }
  | {
      readonly event: 'trained';
      readonly network: string;
      readonly steps: number;
      /** Of the last step. */
      readonly loss: number;
    }
  | { readonly event: 'written'; readonly path: string }
  /** Labels are matched by number, since the network does not name its classes. */
  | { readonly event: 'no-class-names'; readonly path: string }
  | {
      readonly event: 'poisoned';
      readonly poisoned: number;
      readonly samples: number;
      readonly attack: string;
      readonly path?: string;
    }
  | {
      readonly event: 'estimate';
      readonly window: number;
      readonly samples: number;
      readonly targetLabels: readonly number[];
    }
  | {
      readonly event: 'verdict';
      readonly samples: number;
      readonly targetLabels: readonly number[];
      /** Classes in each state, of those that have samples. */
      readonly classes: Readonly<Record<ClassVerdict['state'], number>>;
    }
  | { readonly event: 'agreement'; readonly share: number; readonly chance: number }
  | {
      readonly event: 'class';
      readonly label: number;
      readonly state: ClassVerdict['state'];
      readonly samples: number;
      readonly pValue: number;
      /** Share of the flow that leaves. */
      readonly metric: number | null;
      readonly reasons?: readonly Reason[] | undefined;
      /** Images that obey the stamp, of so many. */
      readonly hits?: number | undefined;
      readonly images?: number | undefined;
    }
  | {
      readonly event: 'canary';
      readonly trigger: string;
      readonly hits: number;
      readonly images: number;
      /** Share of other images that obey it, where the observer was taught it. */
      readonly learned?: number | undefined;
    }
  /** Networks that were brought may have been understood wrongly. */
  | { readonly event: 'denoiser-doubted' }
  | { readonly event: 'unread'; readonly target: string }
  /** A line of the verdict in words. */
  | { readonly event: 'summary'; readonly text: string }
  | {
      readonly event: 'scanned';
      readonly samples: number;
      readonly quarantined: number;
      readonly path: string;
    }
  | {
      readonly event: 'purified';
      readonly written: number;
      readonly dropped: number;
      readonly quarantined: number;
      /** With a state. */
      readonly corrected?: number | undefined;
      readonly path: string;
    }
  | { readonly event: 'merged'; readonly samples: number; readonly candidates: number; readonly path: string }
  | ({
      readonly event: 'finished';
      readonly path: string;
      readonly targetLabels: readonly number[];
    } & Pick<Metrics, 'clean' | 'backdoored' | 'defended'>)
  /** A row of the table for people: figures are those of `finished`. */
  | { readonly event: 'comparison'; readonly row: number }
  | {
      readonly event: 'pass';
      /** From 1, since the program started. */
      readonly pass: number;
      /** Samples that no pass has seen before, whatever became of them. */
      readonly new: number;
      /** Known samples that leave with another label or image, or leave at all. */
      readonly changed: number;
      /** Those that left before and are taken back. */
      readonly withdrawn: number;
      /** Lines of corrections: changed and withdrawn. */
      readonly corrected: number;
      readonly quarantined: number;
      readonly targetLabels: readonly number[];
      readonly seconds: number;
    }
  | { readonly event: 'waiting'; readonly reason: string }
  | { readonly event: 'retrying'; readonly code: string; readonly reason: string }
  | { readonly event: 'labels-moved'; readonly labels: readonly number[] };

/** Fields of an event by its name. */
export type LogEvents = { readonly [E in LogEvent as E['event']]: E };
