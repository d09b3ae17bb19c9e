// The method as configured: everything of a purification that does not depend on where samples come from and where
// they go. The commands and the library put their purifications together with it.

import type { Settings } from '../../config/schema.ts';
import type { PurifyParts } from '../../streams/purify.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import { Residuals } from '../defense/evidence/residuals.ts';
import type { CandidateCache } from '../ports/candidates.ts';
import type { TrainingMemory, WarmMemory } from '../ports/training-memory.ts';
import { OnlineBenignTrainer } from '../training/benign-trainer.ts';
import { PoolCarrierLearner } from '../training/carrier-learner.ts';
import { withFewLeft } from '../training/few-left.ts';
import type { TrainingProgress } from '../training/train-classifier.ts';
import { trainOnce } from '../training/train-once.ts';
import type { Pool } from '../workers/pool.ts';
import { PoolRunner } from '../workers/pool-runner.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import { classifierSpec, type Denoiser, type Fitting, type Observer } from './models.ts';
import { detectionOf, fineTuningOf, planOf, policyOf, trainingOf } from './rules.ts';

/** What the configuration does not say. */
export interface JudgingInputs extends Observer {
  readonly info: Fitting;
  readonly denoiser: Denoiser;
  /** Of the networks that learn to tell carriers. */
  readonly onCarriers?: (progress: TrainingProgress) => void;
  /** What earlier runs left. */
  readonly memory?:
    | {
        readonly candidates?: CandidateCache | undefined;
        readonly networks?: TrainingMemory | undefined;
        readonly warm?: WarmMemory | undefined;
      }
    | undefined;
}

/** What a whole purification needs beside it. */
export interface MethodInputs extends JudgingInputs {
  /** Empty; the benign model learns from it. */
  readonly settled: SampleStore;
  readonly onProgress: (progress: TrainingProgress) => void;
}

/** Parts of the way to a verdict, with the runner as the class that it is. */
export type Judging = Pick<PurifyParts, 'detection' | 'examination' | 'residuals' | 'inFlight' | 'batch'> & {
  readonly runner: PoolRunner;
};

/** Parts of one purification. */
export type Method = Judging & Pick<PurifyParts, 'policy'> & { readonly trainer: OnlineBenignTrainer };

/** The first half of the method, up to the verdict. */
export function judgingOf(settings: Settings, pool: Pool, inputs: JudgingInputs): Judging {
  const { info, observer, planted, planting, onCarriers, memory } = inputs;
  const { model: denoiser, schedule } = inputs.denoiser;
  const runnerOf = (network: ClassifierRef) =>
    new PoolRunner(pool, {
      observer: network,
      denoiser,
      schedule,
      plan: planOf(settings),
      quantile: settings.repair.quantile,
      cache: memory?.candidates,
    });
  const detection = detectionOf(settings, info.classes);
  return {
    runner: runnerOf(observer),
    detection,
    examination: detection.examination && {
      ...detection.examination,
      ...(planted && planting && { planted: { ...planting, runner: runnerOf(planted) } }),
      refit: async (store, left) => {
        const spec = classifierSpec(settings, info);
        const lesson = { spec, store: withFewLeft(store, left), options: trainingOf(settings) };
        return runnerOf(await trainOnce(memory?.networks, pool, lesson, onCarriers));
      },
      learner: new PoolCarrierLearner(pool, {
        spec: classifierSpec(settings, { ...info, classes: 2 }),
        training: trainingOf(settings),
        memory: memory?.networks,
        onProgress: onCarriers,
      }),
    },
    residuals: new Residuals(info.shape[0] * info.shape[1] * info.shape[2]),
    inFlight: settings.inFlight,
    batch: settings.diffusion.batch,
  };
}

/** All of it. */
export function methodOf(settings: Settings, pool: Pool, inputs: MethodInputs): Method {
  const { info, settled, onProgress, memory } = inputs;
  return {
    ...judgingOf(settings, pool, inputs),
    trainer: new OnlineBenignTrainer(pool, {
      spec: classifierSpec(settings, info),
      training: trainingOf(settings),
      fineTuning: fineTuningOf(settings),
      store: settled,
      onProgress,
      memory: memory?.networks,
      warm: memory?.warm,
    }),
    policy: policyOf(settings),
  };
}
