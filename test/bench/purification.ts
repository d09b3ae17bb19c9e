// How a purification uses the machine: what a second worker brings, and how much of one worker's time goes to
// anything but the networks (reading, noise, arithmetic, decisions, records, writing).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawShape, SHAPES_SHAPE } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import { Residuals } from '../../src/defense/evidence/residuals.ts';
import { divergenceDetector } from '../../src/defense/paper/divergence.ts';
import { DEFAULT_POLICY } from '../../src/defense/repair/repair.ts';
import type { ClassifierSpec, DenoiserSpec, NetworkSpec } from '../../src/networks/network.ts';
import { inferenceGraph } from '../../src/networks/network.ts';
import type { BenignTrainer } from '../../src/ports/runner.ts';
import type { Engine } from '../../src/runtime/executor.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';
import { packWeights } from '../../src/weights/weights.ts';
import { Pool } from '../../src/workers/pool.ts';
import { PoolRunner } from '../../src/workers/pool-runner.ts';
import type { NetworkRef } from '../../src/workers/protocol.ts';
import { runPurification } from '../../streams/purify.ts';
import { normals, shortest } from './measure.ts';

/** The denoiser and classifier of the demo. */
const DENOISER: DenoiserSpec = {
  kind: 'unet',
  config: {
    resolution: 32,
    inChannels: 3,
    outChannels: 3,
    ch: 16,
    chMult: [1, 2, 4],
    numResBlocks: 1,
    attnResolutions: [],
    normGroups: 8,
  },
};
const CLASSIFIER: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: SHAPES_SHAPE, classes: 10, widths: [16, 32, 64, 128] },
};
const PLAN = {
  depth: 200,
  rounds: 5,
  steps: 3,
  keep: 1,
  kept: 'estimate',
  variance: 'fixed-small',
  seed: 0,
} as const;
const BATCH = 16;
const SAMPLES = 256;

/** There is nothing to learn where no class is flagged. */
const NO_TRAINER: BenignTrainer = {
  add: async () => undefined,
  finish: async () => undefined,
  classify: async () => ({ ok: false, failure: { code: 'untrained', message: 'not trained' } }),
};

function network(id: string, spec: NetworkSpec): NetworkRef {
  return { kind: 'network', id, spec, weights: packWeights(initialWeights(spec, 0)) };
}

function startPool(workers: number) {
  const pool = new Pool({ workers, engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu' });
  const runner = new PoolRunner(pool, {
    denoiser: network('denoiser', DENOISER),
    observer: network('observer', CLASSIFIER),
    schedule: DDPM_SCHEDULE,
    plan: PLAN,
    quantile: 0.8,
  });
  return { pool, runner };
}

/** Seconds that the whole stream takes over the first images of the procedural dataset. */
async function purificationSeconds(runner: PoolRunner): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'dataelixir-'));
  const store = new SampleStore(join(scratch, 'raw'), SHAPES_SHAPE);
  for (let index = 0; index < SAMPLES; index++) store.append(drawShape('train', index));
  const seconds = await shortest(async () => {
    const target = join(scratch, `purified-${performance.now()}`);
    const writer = await openWriter(target, { classes: 10, shape: SHAPES_SHAPE, format: 'webdataset' });
    await runPurification({
      store,
      runner,
      trainer: NO_TRAINER,
      detection: {
        classes: 10,
        minority: 2,
        detector: divergenceDetector({ threshold: Number.POSITIVE_INFINITY, sides: 'one-sided' }),
        window: 100,
      },
      residuals: new Residuals(SHAPES_SHAPE[0] * SHAPES_SHAPE[1] * SHAPES_SHAPE[2]),
      policy: DEFAULT_POLICY,
      inFlight: 128,
      batch: BATCH,
      transitions: join(scratch, 'transitions.ndjson'),
      output: { writer, manifest: join(scratch, 'manifest.ndjson') },
      scratch,
      refuse: async () => undefined,
      onEstimate: () => undefined,
      report: () => undefined,
    });
    await writer.close();
  }, 10);
  store.dispose();
  rmSync(scratch, { recursive: true });
  return seconds;
}

/** Throughput of two workers over that of one. */
export async function workerSpeedup(): Promise<number> {
  const seconds: number[] = [];
  for (const workers of [1, 2]) {
    const { pool, runner } = startPool(workers);
    seconds.push(await purificationSeconds(runner));
    await pool.close();
  }
  return seconds[0]! / seconds[1]!;
}

/** Share of a one-worker purification that is not spent in the networks, whose calls are timed by themselves. */
export async function outsideShare(engine: Engine): Promise<number> {
  const { pool, runner } = startPool(1);
  const whole = await purificationSeconds(runner);
  await pool.close();
  const denoiser = await engine.load(inferenceGraph(DENOISER, BATCH), {
    weights: initialWeights(DENOISER, 0),
  });
  const feeds = { x: normals([BATCH, ...SHAPES_SHAPE], 'x'), t: new Float32Array(BATCH).fill(100) };
  const call = await shortest(() => denoiser.run(feeds), 5);
  const seen = BATCH * (1 + PLAN.rounds * PLAN.keep);
  const classifier = await engine.load(inferenceGraph(CLASSIFIER, seen), {
    weights: initialWeights(CLASSIFIER, 0),
  });
  const look = await shortest(() => classifier.run({ x: normals([seen, ...SHAPES_SHAPE], 'x') }), 5);
  const batches = SAMPLES / BATCH;
  return 1 - (batches * (PLAN.rounds * PLAN.steps * call + look)) / whole;
}
