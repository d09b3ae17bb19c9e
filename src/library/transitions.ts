// Steps 2 and 3 for programs: samples in, the observer's labels along the diffusion out, sample by sample.

import { emitted } from '../../streams/operators/emitted.ts';
import { type Pullable, pulling } from '../../streams/operators/pulled.ts';
import { runTransitions } from '../../streams/transitions.ts';
import { loadDenoiser, loadObserver } from '../app/models.ts';
import { planOf } from '../app/rules.ts';
import { withPool } from '../app/workspace.ts';
import type { Sample } from '../datasets/sample.ts';
import type { TransitionRecord } from '../ports/records.ts';
import { PoolRunner } from '../workers/pool-runner.ts';
import { checkPullable, type Options, settingsOf } from './options.ts';
import type { RefusedEvent } from './purify.ts';
import { openSamples } from './samples.ts';

export interface TransitionsOptions extends Options {
  /** Path of a noise predictor: safetensors, PyTorch checkpoint, diffusers folder or ONNX file. */
  readonly denoiser: string;
  /** Path of a classifier as an ONNX file. */
  readonly observer: string;
}

/** What `transitions` yields. */
export type TransitionsEvent =
  | { readonly kind: 'transition'; readonly record: TransitionRecord }
  | RefusedEvent;

/**
 * Observes samples as the command `transitions` does, in their order. Samples are pulled as records are taken.
 *
 * @throws {ConfigError} for a wrong option; {DatasetError} when there is no good sample; {WeightsError} when a model
 *         cannot be read or does not fit; the reason of the signal when that aborts
 */
export function transitions(
  samples: Pullable<Sample>,
  options: TransitionsOptions,
): AsyncGenerator<TransitionsEvent, void, undefined> {
  checkPullable(samples, 'samples');
  const settings = settingsOf(options);
  const { classes } = options;
  return emitted(
    (emit, signal) =>
      pulling(samples, signal, async (items) => {
        const { shape, source } = await openSamples(items, classes);
        const observer = await loadObserver(options.observer, settings, { shape, classes });
        const { model: denoiser, schedule } = await loadDenoiser(options.denoiser, settings, shape);
        const { quantile } = settings.repair;
        const models = { observer, denoiser, schedule, plan: planOf(settings), quantile };
        await withPool({ settings, signal }, async (pool) => {
          await runTransitions(
            {
              source,
              runner: new PoolRunner(pool, models),
              inFlight: settings.inFlight,
              batch: settings.diffusion.batch,
              refuse: (refused) => emit({ kind: 'refused', refused }),
              print: (record) => emit({ kind: 'transition', record }),
              report: () => undefined,
            },
            signal,
          );
        });
      }),
    options.signal,
  );
}
