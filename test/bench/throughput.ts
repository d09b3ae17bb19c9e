// `BENCH=throughput npm run bench [-- SAMPLES]`: samples a second through the whole pipeline where networks cost nothing:
// NDJSON with PNG images of 32×32 from a file, all stages with their journals, evidence and verdict, NDJSON and manifest
// out. `runner` has a runner that gives images back at once; `workers` has two worker threads with identity networks,
// one round of one call, so that images travel between threads too. Both learn no benign model but store what it would
// learn from. Processor time is given beside, in milliseconds a sample, of the main thread and of all threads, because a
// machine that others use shows in seconds. The verdict costs as much for 50,000 samples as for more. One JSON object on
// stdout; Linux only.

import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Method, methodOf } from '../../src/app/method.ts';
import { loadClassifier, loadDenoiser } from '../../src/app/models.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { openStream } from '../../src/datasets/stream.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import type { Outcome } from '../../src/errors.ts';
import { settingsOf } from '../../src/library/options.ts';
import type { BenignTrainer, Candidates, Observation, Runner } from '../../src/ports/runner.ts';
import { Pool } from '../../src/workers/pool.ts';
import { threadDecoder } from '../../src/workers/thread-decoder.ts';
import { runPurification } from '../../streams/purify.ts';
import { CLASSES, identitySamples, writeIdentityNetworks } from './identity.ts';

const SHAPE = [3, 32, 32] as const;
const WORKERS = 2;
/** The default is for networks that cost something. */
const BATCH = 64;

/** Keeps every image and every label. */
const idleRunner: Runner = {
  concurrency: WORKERS,
  diffuse: async (samples) => {
    const images = Buffer.concat(samples.map(({ pixels }) => pixels));
    return { ok: true, value: { samples, perSample: 1, images } };
  },
  observe: async ({ samples, images }: Candidates): Promise<Outcome<readonly Observation[]>> => {
    const size = images.length / samples.length;
    const value = samples.map(({ label }, n) => ({
      raw: label,
      labels: [[label]],
      scores: Array.from({ length: CLASSES }, (_, c) => (c === label ? -0.01 : -8)),
      purified: images.subarray(n * size, (n + 1) * size),
    }));
    return { ok: true, value };
  },
  classify: async (samples) => ({ ok: true, value: samples.map(({ label }) => ({ label, confidence: 1 })) }),
  restore: async (batch) => ({ ok: true, value: batch.map(({ sample }) => sample) }),
  choose: async (batch) => ({ ok: true, value: batch.map(({ sample }) => sample.pixels) }),
};

function idleTrainer(store: SampleStore): BenignTrainer {
  return {
    add: async (sample: Sample) => void store.append(sample),
    finish: async () => undefined,
    classify: async () => ({ ok: false, failure: { code: 'untrained', message: 'not trained' } }),
  };
}

/** Processor time of the main thread so far, in milliseconds. */
function mainThread(): number {
  const fields = readFileSync('/proc/thread-self/stat', 'utf8').split(') ')[1]!.split(' ');
  // in hundredths of a second: user and system
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function measure(folder: string, samples: number, runnerOf: (method: Method) => Runner) {
  const settings = settingsOf({
    classes: CLASSES,
    settings: { workers: WORKERS, diffusion: { depth: 1, rounds: 1, steps: 1, batch: BATCH } },
  });
  const pool = new Pool({ workers: WORKERS, engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu' });
  const [begin, used, main] = [performance.now(), process.cpuUsage(), mainThread()];
  const source = await openStream('file', createReadStream(join(folder, 'in.ndjson')), {
    classes: CLASSES,
    decoder: threadDecoder,
  });
  const { shape } = source.info;
  const info = { ...source.info, classes: CLASSES };
  const [store, settled] = ['raw', 'settled'].map((name) => new SampleStore(join(folder, name), shape));
  const method = methodOf(settings, pool, {
    info,
    observer: await loadClassifier(join(folder, 'observer.onnx'), info),
    denoiser: await loadDenoiser(join(folder, 'denoiser.onnx'), settings, shape),
    settled: settled!,
    onProgress: () => undefined,
  });
  const to = { classes: CLASSES, shape, format: 'ndjson', replace: true } as const;
  const writer = await openWriter(join(folder, 'out.ndjson'), to);
  const { written } = await runPurification({
    ...method,
    source: source.read(),
    runner: runnerOf(method),
    trainer: idleTrainer(settled!),
    store: store!,
    transitions: join(folder, 'transitions.ndjson'),
    output: { writer, manifest: join(folder, 'manifest.ndjson') },
    scratch: folder,
    refuse: async () => undefined,
    onEstimate: () => undefined,
    report: () => undefined,
  });
  await writer.close();
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(used);
  const mainMs = (mainThread() - main) / samples;
  await pool.close();
  store!.dispose();
  settled!.dispose();
  if (written !== samples) throw new Error(`expected ${samples} samples written, found ${written}`);
  return { perSecond: Math.round(samples / seconds), mainMs, allMs: (user + system) / 1000 / samples };
}

const samples = Number(process.argv[2] ?? 20_000);
const folder = mkdtempSync(join(tmpdir(), 'dataelixir-throughput-'));
try {
  writeIdentityNetworks(folder, SHAPE);
  await writeFile(join(folder, 'in.ndjson'), identitySamples(samples, SHAPE));
  const runner = await measure(folder, samples, () => idleRunner);
  const workers = await measure(folder, samples, ({ runner }) => runner);
  process.stdout.write(`${JSON.stringify({ samples, runner, workers })}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
