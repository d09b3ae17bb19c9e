// Six SGD steps of the reference, through the trainer and real workers: losses, weights and running statistics.

import { describe, expect, it } from 'vitest';
import { trainingOrder } from '../../src/training/steps/initial-weights.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { packWeights, unpackWeights } from '../../src/weights/weights.ts';
import { relativeDifference } from '../support/graphs.ts';
import type { ReferenceTraining } from '../support/parity.ts';
import {
  classifier,
  classifierWeightsOffTheKinks,
  parityJson,
  parityPath,
  trainingBatch,
} from '../support/parity.ts';
import { testPool } from '../support/pools.ts';

const TOLERANCE = 1e-3;

describe('Trainer', () => {
  it("takes the reference's six SGD steps", async () => {
    const { lr, loss, momentum, weightDecay, batch } = parityJson('train.json') as ReferenceTraining;
    const initial = await classifierWeightsOffTheKinks();
    const order = trainingOrder(classifier);
    const weights = packWeights(new Map(order.map(({ name }) => [name, initial.get(name)!])));
    const trainer = new Trainer(testPool(2), classifier, weights, {
      shards: 1,
      shardSize: batch,
      rule: 'sgd',
    });
    for (const [i, rate] of lr.entries()) {
      const { x, y } = trainingBatch(i);
      const hyper = Float32Array.of(rate, momentum, weightDecay);
      const found = await trainer.step([{ kind: 'labelled', x, targets: y }], hyper);
      expect(Math.abs(found - loss[i]!), `loss of step ${i}`).toBeLessThan(1e-4);
    }
    const { weights: expected } = await readSafetensors(parityPath('preactresnet-after-6-steps.safetensors'));
    for (const [name, { data }] of unpackWeights(weights, order)) {
      expect(relativeDifference(data, expected.get(name)!.data), name).toBeLessThan(TOLERANCE);
    }
  });
});
