// Settings as the plain values that the method takes: which purification, which detector, which repair.

import type { Settings } from '../../config/schema.ts';
import type { Detection } from '../../streams/stages/detect.ts';
import { asymmetryDetector } from '../defense/asymmetry.ts';
import type { RepairPolicy } from '../defense/repair.ts';
import { type Detector, divergenceDetector } from '../defense/target-label.ts';
import type { DiffusionPlan } from '../diffusion/plan.ts';
import type { ClassifierTraining } from '../training/train-classifier.ts';

export function planOf({ diffusion, seed }: Settings): DiffusionPlan {
  const { depth, rounds, steps, keep, kept, variance } = diffusion;
  return { depth, rounds, steps, keep, kept, variance, seed };
}

export function detectionOf({ detect }: Settings, classes: number): Detection {
  const { minority, window, rule, threshold, sides } = detect;
  const detector: Detector =
    rule === 'divergence' ? divergenceDetector({ threshold, sides }) : asymmetryDetector({ threshold });
  return { classes, minority, window, detector };
}

export function policyOf({ detect, repair }: Settings): RepairPolicy {
  const { stable, unanimous, mixed, rawAllowed, confidence } = repair;
  return { minority: detect.minority, actions: { stable, unanimous, mixed }, rawAllowed, confidence };
}

/** How a classifier is trained from scratch. */
export function trainingOf({ classifier, seed }: Settings): ClassifierTraining {
  const { epochs, batch, shards, learningRate, momentum, weightDecay } = classifier;
  return { epochs, batch, shards, learningRate, momentum, weightDecay, seed };
}

/** How the benign model learns what was settled with its help. */
export function fineTuningOf(settings: Settings): ClassifierTraining {
  const { fineTuneEpochs, fineTuneLearningRate } = settings.benign;
  return { ...trainingOf(settings), epochs: fineTuneEpochs, learningRate: fineTuneLearningRate };
}
