// What a finished row says, as `docs/results.json` keeps it, and whether it holds what the project promises: the
// attacked labels found and no other, the backdoor gone, the accuracy kept, clean datasets left alone.

import type { Settings } from '../../config/schema.ts';
import type { Metrics, Rates } from '../../src/state/record.ts';

/** The backdoor is there to be removed from such an ASR on. */
const ATTACKED_ASR = 0.8;
/** ASR that a defended model may have, or so much more than the clean model's. */
const HARMLESS = { asr: 0.03, more: 0.01 };
/** BA that a defended model may lose against the clean model. */
const ACCURACY_LOSS = 0.015;
/** Share of clean datasets in which something may be flagged. */
const FALSE_ALARM = 0.01;
/** Half of what one image in a million weighs: decimal fractions are no exact doubles. */
const ROUNDING = 5e-7;

/** Figures of one run of the program; shares are fractions, and absent where there was nothing to count. */
export interface RunFigures {
  readonly kind: 'run';
  readonly dataset: string;
  readonly samples: number;
  /** `none` is a clean dataset. */
  readonly attack: string;
  readonly labels?: string;
  readonly rate?: number;
  readonly seed: number;
  readonly preset: string;
  readonly clean?: Partial<Rates>;
  readonly backdoored?: Partial<Rates>;
  readonly defended?: Partial<Rates>;
  readonly flagged: readonly number[];
  /** The labels that were attacked. */
  readonly attacked: readonly number[];
  readonly tpr?: number;
  readonly fpr?: number;
  readonly labelAccuracy?: number;
  /** Of a clean dataset: whether it came out as it went in. */
  readonly unchanged?: boolean;
  readonly denoiserCallsPerSample?: number;
  readonly peakRssMiB: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** How many of many clean datasets were accused. */
export interface AlarmFigures {
  readonly kind: 'bootstrap' | 'simulation';
  /** Resampled row, or what was drawn. */
  readonly of: string;
  readonly datasets: number;
  /** Datasets in which any label was flagged. */
  readonly alarms: number;
  readonly seconds: number;
}

export type Figures = RunFigures | AlarmFigures;

/** The figures of a record. */
export function runFigures(metrics: Metrics, settings: Settings, unchanged?: boolean): RunFigures {
  const { dataset, attack, clean, backdoored, defended, detection, cost } = metrics;
  const { targetLabels = [], ...decisions } = detection ?? {};
  const every = Array.from({ length: dataset.classes }, (_, label) => label);
  const { denoiserCallsPerSample } = cost;
  return {
    kind: 'run',
    dataset: dataset.name,
    samples: dataset.train,
    attack: attack?.name ?? 'none',
    ...(attack && { labels: attack.labels, rate: attack.rate }),
    seed: settings.seed,
    preset: settings.preset,
    ...(clean && { clean }),
    ...(backdoored && { backdoored }),
    ...(defended && { defended }),
    flagged: targetLabels,
    attacked: attack === undefined ? [] : attack.target === undefined ? every : [attack.target],
    ...decisions,
    ...(unchanged !== undefined && { unchanged }),
    ...(denoiserCallsPerSample !== undefined && { denoiserCallsPerSample }),
    peakRssMiB: cost.peakRssMiB,
    seconds: cost.seconds,
  };
}

/** What was asked of a row, one by one: true where it holds. Empty where the attack had no effect. */
export function criteriaOf(figures: Figures): Readonly<Record<string, boolean>> {
  if (figures.kind !== 'run') return { alarms: figures.alarms <= FALSE_ALARM * figures.datasets };
  const { attack, backdoored, defended, flagged, attacked } = figures;
  const sameLabels = String(flagged) === String(attacked);
  if (attack === 'none') return { flagged: sameLabels, unchanged: figures.unchanged === true };
  if ((backdoored?.asr ?? 0) < ATTACKED_ASR) return {};
  const { asr, ba } = { asr: 1, ba: 0, ...defended };
  const clean = { asr: 0, ba: 1, ...figures.clean };
  return {
    flagged: sameLabels,
    asr: asr <= Math.max(HARMLESS.asr, clean.asr + HARMLESS.more) + ROUNDING,
    ba: ba >= clean.ba - ACCURACY_LOSS - ROUNDING,
  };
}

/** Seconds of a run without the stages whose outcome other rows share. */
export function ownSeconds({ seconds }: RunFigures): number {
  const { clean: _, denoiser: __, ...own } = seconds;
  return Object.values(own).reduce((sum, value) => sum + value, 0);
}
