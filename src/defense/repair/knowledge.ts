// What is known of an attack once the verdict is there: enough to treat every sample of the flagged classes. It is
// made once, from evidence, and travels with the records.

import type { Sample } from '../../datasets/sample.ts';
import type { Outcome } from '../../errors.ts';
import type { Trigger } from '../carriers/trigger.ts';
import type { ClassVerdict } from '../verdict/verdict.ts';
import type { Naming } from './naming.ts';

/**
 * Whether each of some raw images carries a trigger, undefined where it cannot tell; what it says of one depends on that
 * one alone.
 */
export type CarrierTest = (raw: readonly Sample[]) => Promise<Outcome<readonly (boolean | undefined)[]>>;

/** A sample that speaks against its class. */
export interface Weighty {
  readonly id: string;
  /** Place in the store of raw images. */
  readonly index: number;
  /** The label that its purified images show. */
  readonly name: number;
  /** Calibrated log-odds of that label against the given one. */
  readonly weight: number;
}

export interface Knowledge {
  readonly naming: Naming;
  /** By flagged label; left out where no pixel stands out. */
  readonly triggers: ReadonlyMap<number, Trigger>;
  /** By flagged label; left out where nobody can tell. */
  readonly carriers: ReadonlyMap<number, CarrierTest>;
  /** By flagged label, float32 [C, H, W]: a trigger laid over whole images, where the attack ends when it is subtracted. */
  readonly overlays: ReadonlyMap<number, Float32Array>;
  /**
   * Flagged labels that their stamp accuses and no one-way flow: the samples' labels are right, or poison is too rare to show
   * in the flow.
   */
  readonly cleanLabel: ReadonlySet<number>;
  /** By flagged label, heaviest first. */
  readonly heaviest: ReadonlyMap<number, readonly Weighty[]>;
}

/** Whether a flagged class is accused by its stamp alone, as one is whose samples carry a trigger and their own label. */
export function isCleanLabel({ flow, stamp }: ClassVerdict, falseAlarm: number): boolean {
  const flowSpeaks = flow !== undefined && flow.logP <= Math.log(falseAlarm);
  return stamp !== undefined && !flowSpeaks && stamp.way === 'one';
}
