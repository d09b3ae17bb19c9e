// A whole Runner and BenignTrainer that work by arithmetic on pixels, in this process. An image is [1, 2, 2]: three
// pixels of brightness 40 × class, and the corner, 255 where a trigger is stamped. Diffusion dims the corner by an
// amount that depends on the sample's id; the observer obeys a bright corner. Ids that contain `bad-` and the name
// of a method fail in it as data, `crash-` as machinery; what is slow and what is quick depends on the id too.

import type { Sample } from '../../../src/datasets/sample.ts';
import type { SampleStore } from '../../../src/datasets/store/sample-store.ts';
import type { Prediction } from '../../../src/defense/repair/repair.ts';
import type { Outcome } from '../../../src/errors.ts';
import { hashOf } from '../../../src/math/random.ts';
import type {
  BenignTrainer,
  Candidates,
  CarrierLearner,
  Observation,
  Placed,
  Refit,
  Repaired,
  Restoration,
  Runner,
  Selection,
} from '../../../src/ports/runner.ts';

export const CLASSES = 6;
export const TARGET = 0;
const STEP = 40;
const ROUNDS = 2;
const KEEP = 3;
const PER_SAMPLE = ROUNDS * KEEP;
const SIZE = 4;

/** An image of a class; `trigger` stamps the corner. */
export function imageOf(classIndex: number, trigger: boolean): Uint8Array {
  const body = classIndex * STEP;
  return Uint8Array.of(body, body + 1, body + 2, trigger ? 255 : body);
}

export function sampleOf(id: string, label: number, classIndex: number, trigger = false): Sample {
  return { id, label, pixels: imageOf(classIndex, trigger), shape: [1, 2, 2] };
}

/** A small number that depends on the id alone. */
export function numberOf(id: string): number {
  return hashOf(id, 7);
}

export class TinyRunner implements Runner {
  readonly concurrency: number;
  readonly #stubborn: boolean;
  /** What was asked of it, for tests that count. */
  readonly calls = { diffuse: 0, observe: 0, restore: 0, choose: 0, largestBatch: 0 };

  /** @param stubborn whether it sees the trigger still in images from which it was subtracted */
  constructor(concurrency = 2, stubborn = false) {
    this.concurrency = concurrency;
    this.#stubborn = stubborn;
  }

  async diffuse(batch: readonly Sample[]): Promise<Outcome<Candidates>> {
    this.calls.diffuse += 1;
    const failure = await this.#begin('diffuse', batch);
    if (failure) return failure;
    const images = Uint8Array.from(batch.flatMap((sample) => [...candidatesOf(sample)]));
    return { ok: true, value: { samples: batch, perSample: PER_SAMPLE, images } };
  }

  async observe({ samples, images }: Candidates): Promise<Outcome<readonly Observation[]>> {
    this.calls.observe += 1;
    const failure = await this.#begin('observe', samples);
    if (failure) return failure;
    const value = samples.map(({ pixels }, n) => {
      const of = images.subarray(n * PER_SAMPLE * SIZE, (n + 1) * PER_SAMPLE * SIZE);
      const found = Array.from({ length: PER_SAMPLE }, (_, k) =>
        labelOf(of.subarray(k * SIZE, (k + 1) * SIZE)),
      );
      return {
        raw: labelOf(pixels),
        labels: Array.from({ length: ROUNDS }, (_, round) => found.slice(round * KEEP, (round + 1) * KEEP)),
        scores: Array.from({ length: CLASSES }, (_, label) =>
          Math.log(found.slice(KEEP).filter((one) => one === label).length / KEEP + 0.01),
        ),
        purified: lastOf(of),
      };
    });
    return { ok: true, value };
  }

  async classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>> {
    const failure = await this.#begin('classify', batch);
    const seen = (pixels: Uint8Array) =>
      this.#stubborn && pixels[3] !== pixels[0] ? TARGET : labelOf(pixels);
    return (
      failure ?? { ok: true, value: batch.map(({ pixels }) => ({ label: seen(pixels), confidence: 1 })) }
    );
  }

  async restore(batch: readonly Restoration[]): Promise<Outcome<readonly Repaired[]>> {
    this.calls.restore += 1;
    const failure = await this.#begin(
      'restore',
      batch.map(({ sample }) => sample),
    );
    if (failure) return failure;
    const value = batch.map(({ sample, mask }) => {
      const purified = lastOf(candidatesOf(sample));
      const pixels = sample.pixels.map((raw, i) => (mask === undefined || mask[i] ? purified[i]! : raw));
      return { pixels, label: labelOf(pixels) };
    });
    return { ok: true, value };
  }

  async choose(batch: readonly Selection[]): Promise<Outcome<readonly Uint8Array[]>> {
    this.calls.choose += 1;
    const failure = await this.#begin(
      'choose',
      batch.map(({ sample }) => sample),
    );
    if (failure) return failure;
    const value = batch.map(({ sample, among }) => {
      const taken = among[Math.floor(0.8 * among.length)]!;
      if (taken === 0) return sample.pixels;
      return candidatesOf(sample).slice((taken - 1) * SIZE, taken * SIZE);
    });
    return { ok: true, value };
  }

  async #begin(method: string, batch: readonly Sample[]) {
    this.calls.largestBatch = Math.max(this.calls.largestBatch, batch.length);
    return begin(method, batch);
  }
}

/** Learns the mean brightness of each label; classifies by the nearest. */
export class TinyTrainer implements BenignTrainer {
  readonly added: Sample[] = [];
  finished = 0;
  #means: ReadonlyMap<number, number> = new Map();

  async add(sample: Sample): Promise<void> {
    await begin('add', [sample]);
    this.added.push(sample);
  }

  async finish(): Promise<void> {
    this.finished += 1;
    const labels = new Set(this.added.map(({ label }) => label));
    this.#means = new Map(
      [...labels].map((label) => [label, meanOf(this.added.filter((s) => s.label === label))]),
    );
  }

  async classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>> {
    const failure = await begin('classify', batch);
    if (failure) return failure;
    if (this.#means.size === 0)
      return { ok: false, failure: { code: 'engine', message: 'nothing was learned' } };
    const value = batch.map(({ pixels }) => {
      const distances = [...this.#means].map(([label, mean]) => ({ label, d: Math.abs(mean - pixels[0]!) }));
      const nearest = distances.reduce((best, other) => (other.d < best.d ? other : best));
      return { label: nearest.label, confidence: 1 / (1 + nearest.d / STEP) };
    });
    return { ok: true, value };
  }
}

/** Learns the mean corner of either kind; tells by the nearer one. One that learns nothing is never sure. */
export class TinyLearner implements CarrierLearner {
  readonly #clueless: boolean;

  constructor(clueless = false) {
    this.#clueless = clueless;
  }

  async learn(store: SampleStore, carriers: readonly Placed[], others: readonly Placed[]) {
    const cornerOf = (some: readonly Placed[]) => {
      const { pixels } = store.read(some.map(({ index }) => index));
      return some.reduce((sum, _, n) => sum + pixels[n * SIZE + SIZE - 1]! / some.length, 0);
    };
    const [carrying, other] = [cornerOf(carriers), cornerOf(others)];
    return async (batch: readonly Sample[]): Promise<Outcome<readonly number[]>> => {
      const failure = await begin('tell', batch);
      if (failure) return failure;
      const value = batch.map(({ pixels }) => {
        const corner = pixels[SIZE - 1]!;
        return this.#clueless ? 0.5 : Number(Math.abs(corner - carrying) < Math.abs(corner - other));
      });
      return { ok: true, value };
    };
  }
}

/** Obeys the trigger where it stands on most of what is left of a class; else it knows only the body of an image. */
export const tinyRefit: Refit = async (store, left) => {
  const corners = [...left.values()].map((places) => {
    const { pixels } = store.read(places);
    return places.filter((_, n) => pixels[n * SIZE + SIZE - 1]! > 220).length / places.length;
  });
  if (corners.some((share) => share > 0.5)) return new TinyRunner();
  return new Innocent();
};

class Innocent extends TinyRunner {
  override classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>> {
    return super.classify(
      batch.map((sample) => ({ ...sample, pixels: sample.pixels.with(SIZE - 1, sample.pixels[0]!) })),
    );
  }
}

async function begin(method: string, batch: readonly Sample[]) {
  const slow = batch.reduce((sum, { id }) => sum + (numberOf(id) % 5), 0) % 3;
  if (slow) await new Promise((resolve) => (slow > 1 ? setTimeout(resolve, 1) : setImmediate(resolve)));
  const bad = batch.find(({ id }) => id.includes(`-${method}`));
  if (!bad) return undefined;
  if (bad.id.includes('crash-')) throw new Error(`worker died of ${bad.id}`);
  return { ok: false as const, failure: { code: 'sample', message: `cannot ${method} ${bad.id}` } };
}

/** uint8 [perSample, 4]: the body stays, give or take; the corner is dimmed candidate by candidate. */
function candidatesOf({ id, pixels }: Sample): Uint8Array {
  const hash = numberOf(id);
  const survives = hash % 7; // of the candidates, so many show the trigger still
  const images = new Uint8Array(PER_SAMPLE * SIZE);
  for (let k = 0; k < PER_SAMPLE; k++) {
    for (let i = 0; i < SIZE; i++) {
      const dimmed = i === SIZE - 1 && k >= survives ? Math.min(pixels[i]!, 200) : pixels[i]!;
      images[k * SIZE + i] = dimmed;
    }
    // a few clean samples wander to the next class for half of their candidates
    if (hash % 11 === 0 && k % 2 === 0) images[k * SIZE] = Math.min(255, images[k * SIZE]! + STEP);
  }
  return images;
}

function lastOf(candidates: Uint8Array): Uint8Array {
  return candidates.slice(candidates.length - SIZE);
}

function labelOf(pixels: Uint8Array): number {
  return pixels[3]! > 220 ? TARGET : Math.min(CLASSES - 1, Math.round(pixels[0]! / STEP));
}

function meanOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { pixels }) => sum + pixels[0]!, 0) / samples.length;
}
