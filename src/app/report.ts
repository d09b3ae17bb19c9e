// What a stream tells about itself, as lines of the log: progress of its stages and the running estimate.

import type { Report, Stage } from '../../streams/progress.ts';
import type { Estimate } from '../../streams/stages/detect.ts';
import { isAtChance } from '../defense/verdict/agreement.ts';
import { type Reason, reasonsInWords } from '../defense/verdict/reasons.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import type { Log } from './log.ts';
import type { LogEvents } from './log-events.ts';
import { statesOf, type Tally } from './tally.ts';

/** Counts samples, and shows the progress of all stages but the training, which tells its steps itself. */
export function reportTo(log: Log, tally?: Tally): Report {
  let shown: Stage | undefined;
  return ({ stage, state, samples, total }) => {
    tally?.pass(stage, samples);
    // stages that go on behind another one keep pace with it
    shown ??= stage;
    if (stage !== shown) return;
    if (state === 'done') shown = undefined;
    if (stage === 'train') return;
    log.progress(stage, samples, state === 'done' ? samples : total, 'samples');
  };
}

/** Tells the estimate after 1, 2, 4, 8 … windows: working it out takes longer the more samples there are. */
export function estimateTo(log: Log): (estimate: Estimate) => void {
  return (estimate) => {
    const { window } = estimate;
    if (!Number.isInteger(Math.log2(window + 1))) return;
    const { samples, targetLabels, classes } = estimate.verdict;
    const scores = classes.map(({ label, score }) => `${label}: ${score === null ? '–' : score.toFixed(2)}`);
    log.info('detect', `${samples} samples, flagged labels: ${targetLabels.join(', ') || 'none'}`, {
      event: 'estimate',
      window,
      samples,
      targetLabels,
    });
    log.debug('detect', `window ${window}, scores ${scores.join(', ')}`);
  };
}

/** Whether networks were brought that may have been understood wrongly. */
export interface Brought {
  readonly observer: boolean;
  /** As a file that need not say what it predicts. */
  readonly denoiser: boolean;
}

const OBSERVER_HINT =
  '; if it takes images in another range than −1 to 1, set observer.range, observer.mean and observer.deviation; if its classes ' +
  'are in another order, observer.labels';
const DENOISER_HINT =
  'if the denoiser does not predict noise, or was trained in another than the linear schedule, set denoiser.prediction and ' +
  'denoiser.schedule';
/** What classes show if purification destroys images. */
const DESTROYED: readonly Reason[] = ['purified-unknown', 'washed-out'];

/** Tells the verdict, with what accuses each target, and what to look at where networks were brought and nothing is to be seen. */
export function verdictTo(log: Log, brought: Brought): (verdict: Verdict) => void {
  return (verdict) => {
    const { samples: count, targetLabels, classes, agreement, canaries = [] } = verdict;
    log.info(
      'detect',
      `verdict: ${targetLabels.length > 0 ? `targets ${targetLabels.join(', ')}` : 'no target'}`,
      { event: 'verdict', samples: count, targetLabels, classes: statesOf(verdict) },
    );
    if (agreement) {
      const { share, chance } = agreement;
      const said = `the observer agrees with ${percent(share)} of the given labels; ${percent(chance)} would agree by chance`;
      const event = { event: 'agreement', ...agreement } as const;
      if (isAtChance(agreement)) log.warn('detect', `${said}${brought.observer ? OBSERVER_HINT : ''}`, event);
      else log.info('detect', said, event);
    }
    for (const { label, state, samples, pValue, metric, stamp, reasons } of classes) {
      if (state === 'clean' || pValue === undefined || samples === 0) continue;
      const { hits, images } = stamp ?? {};
      const found = { label, state, samples, pValue, metric, reasons, hits, images };
      const event = { event: 'class', ...found } as const;
      if (state === 'undecided' && reasons) {
        log.info('detect', `label ${label}: undecided: ${reasonsInWords(reasons)}`, event);
        continue;
      }
      const flow = metric === null ? 'no flow' : `${percent(metric)} of the flow leaves`;
      const obeyed = stamp ? `, ${stamp.hits} of ${stamp.images} images obey its stamp` : '';
      log.info('detect', `label ${label}: ${state}, p ${pValue.toExponential(1)}, ${flow}${obeyed}`, event);
    }
    for (const { trigger, hits, images, learned } of canaries) {
      const taught = learned === undefined ? '' : `; the observer learned it to ${percent(learned)}`;
      const event = { event: 'canary', trigger, hits, images, learned } as const;
      log.info('detect', `canary ${trigger}: ${hits} of ${images} would have been sent home${taught}`, event);
    }
    const isDestroyed = classes.some(({ reasons = [] }) =>
      reasons.some((reason) => DESTROYED.includes(reason)),
    );
    if (brought.denoiser && isDestroyed) log.warn('detect', DENOISER_HINT, { event: 'denoiser-doubted' });
  };
}

/** What a pass over sources that grow brought. */
export function passInWords(pass: number, news: Omit<LogEvents['pass'], 'event' | 'pass'>): string {
  const { changed, withdrawn, corrected, quarantined, targetLabels, seconds } = news;
  const samples = `${news.new} new, ${changed} changed, ${withdrawn} withdrawn (${corrected} corrected), ${quarantined} quarantined`;
  return `pass ${pass}: ${samples}, targets ${targetLabels.join(', ') || 'none'}, ${seconds.toFixed(1)} s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
