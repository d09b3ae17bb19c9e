// Settings as the plain values that the method takes: which purification, which detector, which repair.

import type { Settings } from '../../config/schema.ts';
import type { PurifyParts } from '../../streams/purify.ts';
import type { Detection } from '../../streams/stages/detect.ts';
import { divergenceDetector } from '../defense/paper/divergence.ts';
import type { RepairPolicy } from '../defense/repair/repair.ts';
import { agreementOf } from '../defense/verdict/agreement.ts';
import type { Conclude } from '../defense/verdict/examination.ts';
import { calibratedFlows, flowTest } from '../defense/verdict/flow-test.ts';
import { conclude } from '../defense/verdict/verdict.ts';
import type { DiffusionPlan } from '../diffusion/plan.ts';
import type { ClassifierTraining } from '../training/train-classifier.ts';

export function planOf({ diffusion, seed }: Settings): DiffusionPlan {
  const { depth, rounds, steps, keep, kept, variance } = diffusion;
  return { depth, rounds, steps, keep, kept, variance, seed };
}

/** How records are judged, and how images complete the verdict where there are any. */
export function detectionOf(
  { detect }: Settings,
  classes: number,
): Detection & { readonly examination?: Omit<NonNullable<PurifyParts['examination']>, 'learner' | 'refit'> } {
  const { minority, window, windowSeconds, sliding, decay, rule, threshold, sides, falseAlarm, canaries } =
    detect;
  const counting = {
    classes,
    minority,
    window,
    windowSeconds: windowSeconds ?? undefined,
    sliding,
    decay,
  };
  if (rule === 'divergence') {
    return { ...counting, detector: divergenceDetector({ threshold, sides }) };
  }
  const concluding: Conclude = (table, scores, stamps) => {
    const { destinations: counts, known } = table;
    const flows = scores.labels.length > 0 ? calibratedFlows(scores) : { classes, counts, known };
    return conclude(table, falseAlarm, {
      flows: flowTest(flows),
      stamps,
      agreement: agreementOf(scores),
    });
  };
  return {
    ...counting,
    detector: concluding,
    examination: { conclude: concluding, falseAlarm, canaries },
  };
}

/** Whether triggers of ours are planted beside the dataset before an observer is trained: who looks at images asks for them. */
export function plants({ detect }: Settings): boolean {
  return detect.rule !== 'divergence' && detect.canaries > 0;
}

export function policyOf({ detect, repair }: Settings): RepairPolicy {
  const { method, stable, unanimous, mixed, rawAllowed, confidence } = repair;
  return { method, minority: detect.minority, actions: { stable, unanimous, mixed }, rawAllowed, confidence };
}

/** How a classifier is trained from scratch. */
export function trainingOf({ classifier, seed }: Settings): ClassifierTraining {
  const { epochs, batch, shards, learningRate, momentum, weightDecay } = classifier;
  return { epochs: epochs ?? undefined, batch, shards, learningRate, momentum, weightDecay, seed };
}

/** How the benign model learns what was settled with its help. */
export function fineTuningOf(settings: Settings): ClassifierTraining {
  const { fineTuneEpochs, fineTuneLearningRate } = settings.benign;
  return { ...trainingOf(settings), epochs: fineTuneEpochs, learningRate: fineTuneLearningRate };
}
