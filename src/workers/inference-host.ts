// The inference half of a worker: makes candidates, labels them, chooses purified images. It knows the method's
// steps 2, 3 and 5 for one batch, and nothing of other batches; what it returns for a sample depends on that
// sample alone.

import { replaceTrigger } from '../defense/carriers/trigger.ts';
import { chooseImage, imageDistance } from '../defense/paper/selection.ts';
import { lastCandidates } from '../diffusion/candidates.ts';
import { diffusionProcess } from '../diffusion/process.ts';
import type { KeepImage, Predict } from '../diffusion/sampler.ts';
import { sampleCandidates } from '../diffusion/sampler.ts';
import { WeightsError } from '../errors.ts';
import { toBytes, toUnit } from '../math/pixels.ts';
import { fillNormal, randomKey } from '../math/random.ts';
import { scheduleFrom } from '../math/schedule.ts';
import type { ModelCache } from './model-cache.ts';
import type {
  ChooseTask,
  Classified,
  ClassifyTask,
  ComputeTask,
  DiffuseTask,
  ImageBatch,
  Observed,
  ObserveTask,
  Restored,
  RestoreTask,
} from './protocol.ts';
import { Scratch } from './scratch.ts';
import type { LoadedClassifier } from './viewed.ts';

/** Images that a classifier sees in one call: enough to keep it busy, few enough to stay in the cache. */
const CLASSIFY_BATCH = 64;

export class InferenceHost {
  readonly #models: ModelCache;
  readonly #images = new Scratch();
  readonly #noise = new Scratch();

  constructor(models: ModelCache) {
    this.#models = models;
  }

  async classify({ model, pixels, shape }: ClassifyTask): Promise<Classified> {
    return this.#classifyAll(await this.#models.classifier(model, shape), pixels);
  }

  /** Step 2, keyed by the ids: the same images each time. They are rounded here, once, for all that look at them. */
  async diffuse({ purifier, images }: DiffuseTask): Promise<Uint8Array> {
    const denoiser = await this.#models.denoiser(purifier.denoiser, images.shape);
    const schedule = scheduleFrom(purifier.schedule);
    const process = diffusionProcess(purifier.plan, schedule, purifier.denoiser.predicts);
    const keys = images.ids.map((id) => randomKey(purifier.plan.seed, id));
    const count = keys.length;
    const perSample = process.rounds * process.keep;
    const size = images.pixels.length / count;
    const candidates = new Uint8ClampedArray(count * perSample * size);
    const keep: KeepImage = (image, sample, candidate) => {
      const at = (sample * perSample + candidate) * size;
      toBytes(image, candidates.subarray(at, at + size));
    };
    const noise = (out: Float32Array, sample: number, round: number, step: number) =>
      fillNormal(out, keys[sample]!, round, step);
    const { length: numbers } = images.pixels;
    await this.#images.use(numbers, (x) =>
      this.#noise.use(numbers, (into) => {
        const predict: Predict = async (x, timestep) => {
          const estimates = await denoiser(x, new Float32Array(count).fill(timestep), into);
          checkNumbers(estimates, 'the denoiser', 'the prediction for a pixel');
          return estimates;
        };
        return sampleCandidates(process, predict, noise, toUnit(images.pixels, x), count, keep);
      }),
    );
    return new Uint8Array(candidates.buffer);
  }

  async observe({ observer, images, perSample, candidates }: ObserveTask): Promise<Observed> {
    const classifier = await this.#models.classifier(observer, images.shape);
    const count = images.ids.length;
    const raw = argmaxRows((await this.#classifyAll(classifier, images.pixels)).probabilities, count);
    const { probabilities } = await this.#classifyAll(classifier, candidates);
    const kept = argmaxRows(probabilities, count * perSample);
    const labels = new Int32Array(count * (1 + perSample));
    for (let n = 0; n < count; n++) {
      labels[n * (1 + perSample)] = raw[n]!;
      labels.set(kept.subarray(n * perSample, (n + 1) * perSample), n * (1 + perSample) + 1);
    }
    const scores = logMeans(probabilities, count, perSample);
    return { labels, scores };
  }

  async restore({ observer, images, candidates, masks }: RestoreTask): Promise<Restored> {
    const count = images.ids.length;
    const size = images.pixels.length / count;
    const purified = lastCandidates(candidates, count, candidates.length / images.pixels.length);
    const pixels = new Uint8Array(images.pixels.length);
    masks.forEach((mask, n) => {
      const imageOf = (all: Uint8Array) => all.subarray(n * size, (n + 1) * size);
      pixels.set(replaceTrigger(imageOf(images.pixels), imageOf(purified), mask && { mask }), n * size);
    });
    const classifier = await this.#models.classifier(observer, images.shape);
    const { probabilities } = await this.#classifyAll(classifier, pixels);
    return { pixels, labels: argmaxRows(probabilities, count) };
  }

  async choose({ observer, images, candidates, among, quantile }: ChooseTask): Promise<Uint8Array> {
    const classifier = await this.#models.classifier(observer, images.shape);
    const count = images.ids.length;
    const size = images.pixels.length / count;
    const perSample = candidates.length / count / size;
    const chosen = new Uint8Array(images.pixels.length);
    for (let n = 0; n < count; n++) {
      const raw = images.pixels.subarray(n * size, (n + 1) * size);
      const views = among[n]!.map((index) => {
        const at = (n * perSample + index - 1) * size;
        return index === 0 ? raw : candidates.subarray(at, at + size);
      });
      chosen.set(await this.#choose(classifier, raw, views, images.shape, quantile), n * size);
    }
    return chosen;
  }

  async compute({ program, feeds }: ComputeTask): Promise<Readonly<Record<string, Float32Array>>> {
    const executable = await this.#models.program(program);
    const results = Object.entries(await executable.run(feeds));
    // Copies, because an engine may hand out memory that cannot be moved to another thread.
    return Object.fromEntries(results.map(([name, data]) => [name, data.slice()]));
  }

  /** Runs a classifier over any number of images, uint8 [N, C, H, W]. */
  #classifyAll({ run, imageSize }: LoadedClassifier, pixels: Uint8Array): Promise<Classified> {
    return this.#images.use(Math.min(pixels.length, CLASSIFY_BATCH * imageSize), async (x) => {
      const parts: Classified[] = [];
      for (let at = 0; at < pixels.length; at += x.length) {
        const part = pixels.subarray(at, at + x.length);
        const classified = await run(toUnit(part, x.subarray(0, part.length)));
        checkNumbers(classified.probabilities, 'a classifier', 'the probability of a class');
        parts.push(classified);
      }
      return { probabilities: join(parts, 'probabilities'), features: join(parts, 'features') };
    });
  }

  async #choose(
    classifier: LoadedClassifier,
    raw: Uint8Array,
    views: readonly Uint8Array[],
    shape: ImageBatch['shape'],
    quantile: number,
  ): Promise<Uint8Array> {
    if (views.length === 1) return views[0]!;
    const { features } = await this.#classifyAll(classifier, Buffer.concat([raw, ...views]));
    const width = features.length / (1 + views.length);
    const featuresOf = (i: number) => features.subarray(i * width, (i + 1) * width);
    const rawView = { pixels: raw, features: featuresOf(0) };
    const distances = views.map((pixels, i) =>
      imageDistance(rawView, { pixels, features: featuresOf(i + 1) }, shape),
    );
    return views[chooseImage(distances, quantile)]!;
  }
}

/** Probabilities below this count as this: single precision knows no better. */
const LEAST_PROBABILITY = 1e-7;

/** [N · perSample, C] probabilities to [N, C] logarithms of their means. */
function logMeans(probabilities: Float32Array, count: number, perSample: number): Float32Array {
  const classes = probabilities.length / count / perSample;
  const means = new Float32Array(count * classes);
  for (let row = 0; row < count * perSample; row++) {
    const at = Math.floor(row / perSample) * classes;
    for (let c = 0; c < classes; c++) means[at + c]! += probabilities[row * classes + c]! / perSample;
  }
  return means.map((mean) => Math.log(mean + LEAST_PROBABILITY));
}

/** @throws {WeightsError} where a network returned NaN or infinity: a label would be made of it all the same */
function checkNumbers(values: Float32Array, network: string, meaning: string): void {
  // a sum of finite numbers of this size is finite, and one that is not makes the sum so
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  if (Number.isFinite(sum)) return;
  const found = values.find((value) => !Number.isFinite(value));
  throw new WeightsError(
    `expected finite numbers from ${network}, found ${found} as ${meaning}; its weights are damaged or its training diverged: ` +
      'bring others, or train it anew with a lower learning rate',
  );
}

function join(parts: readonly Classified[], key: keyof Classified): Float32Array {
  if (parts.length === 1) return parts[0]![key];
  const joined = new Float32Array(parts.reduce((total, part) => total + part[key].length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part[key], at);
    at += part[key].length;
  }
  return joined;
}

/** Index of the largest entry of each of `rows` rows; the first of equals. */
export function argmaxRows(values: Float32Array, rows: number): Int32Array {
  const width = values.length / rows;
  return Int32Array.from({ length: rows }, (_, row) => {
    let best = row * width;
    for (let i = best + 1; i < (row + 1) * width; i++) if (values[i]! > values[best]!) best = i;
    return best - row * width;
  });
}
