// Small gray images of four of the procedural shapes, a classifier trained on them and the workshop around it, for
// tests of trained attacks: enough to learn from, and trained in a second or two.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Surrogate, Workshop } from '../../../src/attacks/trained/workshop.ts';
import { toBatch } from '../../../src/attacks/trained/workshop.ts';
import { drawShape, type ShapeSplit } from '../../../src/datasets/formats/shapes/drawn-shapes.ts';
import type { Sample } from '../../../src/datasets/sample.ts';
import { SampleStore } from '../../../src/datasets/store/sample-store.ts';
import type { ClassifierSpec } from '../../../src/networks/network.ts';
import { inferenceGraph, parametersOf } from '../../../src/networks/network.ts';
import { trainClassifier } from '../../../src/training/train-classifier.ts';
import { unpackWeights } from '../../../src/weights/weights.ts';
import { argmaxRows } from '../../../src/workers/inference-host.ts';
import { poolEngine } from '../../../src/workers/pool-engine.ts';
import { testPool } from '../../support/pools.ts';

export const SHAPE = [1, 16, 16] as const;
const CLASSES = 4;
const spec: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: SHAPE, classes: CLASSES, widths: [8, 16, 32] },
};
const training = { epochs: 6, batch: 32, shards: 2, learningRate: 0.05, momentum: 0.9, weightDecay: 5e-4 };

type Pixels = Pick<Sample, 'pixels'>;

/** What a classifier makes of images. */
export interface Seen {
  readonly labels: Int32Array;
  readonly probabilities: Float32Array;
  readonly features: Float32Array;
}

export interface Studio {
  readonly workshop: Workshop;
  readonly surrogate: Surrogate;
  /** Images that nothing was trained on. */
  readonly unseen: readonly Sample[];
  readonly look: (classifier: Surrogate, images: readonly Pixels[]) => Promise<Seen>;
}

export async function studio(steps: number): Promise<Studio> {
  const pool = testPool(2);
  const images = storeOf(smallShapes('train', 600));
  const { weights } = await trainClassifier(pool, spec, { store: images }, { ...training, seed: 7 });
  const engine = poolEngine(pool);
  return {
    workshop: { engine, images, steps, seed: 3 },
    surrogate: { spec, weights: unpackWeights(weights, parametersOf(spec)) },
    unseen: smallShapes('test', 120),
    look: async (classifier, shown) => {
      const options = { weights: classifier.weights, anyBatch: true };
      const executable = await engine.load(inferenceGraph(classifier.spec, 2), options);
      const { probabilities, features } = await executable.run({ x: toBatch(shown, SHAPE) });
      return {
        labels: argmaxRows(probabilities!, shown.length),
        probabilities: probabilities!,
        features: features!,
      };
    },
  };
}

/** The share of labels that a condition holds for. */
export function share(labels: Int32Array, holds: (label: number, index: number) => boolean): number {
  return labels.filter(holds).length / labels.length;
}

/** The first images of the first four classes of a split, gray and half as large. */
function smallShapes(split: ShapeSplit, count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const index = Math.floor(i / CLASSES) * 10 + (i % CLASSES);
    const { id, label, pixels } = drawShape(split, index);
    return { id, label, pixels: halve(pixels), shape: SHAPE };
  });
}

/** RGB 32×32 to gray 16×16: the mean of twelve values each. */
function halve(pixels: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, at) => {
    const [y, x] = [2 * Math.floor(at / 16), 2 * (at % 16)];
    let sum = 0;
    for (let c = 0; c < 3; c++) {
      for (const [dy, dx] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const) {
        sum += pixels[(c * 32 + y + dy) * 32 + x + dx]!;
      }
    }
    return Math.round(sum / 12);
  });
}

function storeOf(samples: readonly Sample[]): SampleStore {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-'));
  const store = new SampleStore(join(folder, 'small'), SHAPE);
  for (const sample of samples) store.append(sample);
  onTestFinished(() => {
    store.dispose();
    rmSync(folder, { recursive: true });
  });
  return store;
}
