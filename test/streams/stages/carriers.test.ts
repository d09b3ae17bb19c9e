// Who carries a trigger, on images of 4×4 in a real store: how much of it stands in an image is known here.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sample } from '../../../src/datasets/sample.ts';
import { SampleStore } from '../../../src/datasets/store/sample-store.ts';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import { ScoreSample } from '../../../src/defense/evidence/score-sample.ts';
import { Naming } from '../../../src/defense/repair/naming.ts';
import type { CarrierLearner, Placed } from '../../../src/ports/runner.ts';
import { type CarrierParts, carrierTest, localTest } from '../../../streams/stages/carriers.ts';
import { TinyRunner } from '../support/tiny-runner.ts';
import { Scratch } from '../support/tiny-world.ts';

const SHAPE = [1, 4, 4] as const;
const [CORNER, PATCH] = [15, 200];

let scratch: Scratch;
let store: SampleStore;
let scores: ScoreSample;
beforeEach(() => {
  scratch = new Scratch();
  store = new SampleStore(scratch.path('four'), SHAPE);
  scores = new ScoreSample(3);
});
afterEach(() => {
  store.dispose();
  scratch.dispose();
});

/** A dark image with so much in its corner. */
function image(id: string, label: number, corner: number): Sample {
  const pixels = new Uint8Array(16).fill(20);
  pixels[CORNER] = 20 + corner;
  return { id, label, pixels, shape: SHAPE };
}

/** Puts one where the evidence is; its purified images show `name`. */
function put(sample: Sample, name: number): void {
  const index = store.append(sample);
  const shown = Array.from({ length: 3 }, (_, label) => (label === name ? -0.1 : -6));
  scores.add({ id: sample.id, label: sample.label, raw: sample.label, index, scores: shown });
}

/** 60 poisoned samples of label 0 that go home to 1 and 2, and 100 honest ones of each class. */
function world(): void {
  for (let n = 0; n < 60; n++) put(image(`p${n}`, 0, PATCH), 1 + (n % 2));
  for (let n = 0; n < 300; n++) put(image(`h${n}`, n % 3, n % 10), n % 3);
}

function accused() {
  return { label: 0, targets: [0], naming: new Naming(scores.table(), [0]), scores };
}

/** Learns how many examples of each kind have something in the corner. */
class WatchedLearner implements CarrierLearner {
  readonly lessons: { carriers: string[]; others: string[] }[] = [];
  readonly #judge: (corner: number, lesson: number) => number;

  constructor(judge: (corner: number, lesson: number) => number) {
    this.#judge = judge;
  }

  async learn(_: SampleStore, carriers: readonly Placed[], others: readonly Placed[]) {
    const ids = (some: readonly Placed[]) => some.map(({ id }) => id).sort();
    const lesson = this.lessons.push({ carriers: ids(carriers), others: ids(others) });
    return async (batch: readonly Sample[]) => ({
      ok: true as const,
      value: batch.map(({ pixels }) => this.#judge(pixels[CORNER]! - 20, lesson)),
    });
  }
}

function parts(learner: CarrierLearner = new WatchedLearner(() => 0.5)): CarrierParts {
  return { store, runner: new TinyRunner(), learner, residuals: new Residuals(16), batch: 8 };
}

async function told(test: Awaited<ReturnType<typeof localTest>>, ...corners: number[]) {
  const outcome = await test!(corners.map((corner, n) => image(`t${n}`, 0, corner)));
  return outcome.ok ? outcome.value : outcome.failure;
}

describe('a trigger in a place of its own', () => {
  const pattern = new Float32Array(16);
  pattern[CORNER] = PATCH;
  const mask = new Uint8Array(16);
  mask[CORNER] = 1;
  const trigger = { label: 0, pattern, spread: new Float32Array(16), mask, local: true };

  it('is told where it stands and where it does not, and doubted in between', async () => {
    world();
    const test = await localTest(accused(), trigger, parts());
    expect(await told(test, PATCH, 0.6 * PATCH, 0.4 * PATCH, 20, 5, 0)).toEqual([
      true,
      true,
      undefined,
      undefined,
      false,
      false,
    ]);
  });

  it('is not told where honest images have as much there', async () => {
    world();
    for (let n = 0; n < 60; n++) put(image(`b${n}`, 1, PATCH), 1);
    expect(await localTest(accused(), trigger, parts())).toBeUndefined();
  });
});

describe('a network that tells carriers', () => {
  it('learns again from what it found, and not from what it took for poison as others', async () => {
    world();
    // poison of a class that looks like this one: its purified images show the label that it was given
    for (let n = 0; n < 10; n++) put(image(`s${n}`, 0, PATCH), 0);
    const learner = new WatchedLearner((corner) => corner / 255);
    const test = await carrierTest(accused(), parts(learner));
    const [first, second] = learner.lessons;
    expect(first!.carriers.filter((id) => id.startsWith('s'))).toEqual([]);
    expect(first!.others.filter((id) => id.startsWith('s'))).toHaveLength(10);
    expect(second!.carriers.filter((id) => id.startsWith('s'))).toHaveLength(10);
    expect(second!.others.filter((id) => id.startsWith('s'))).toEqual([]);
    expect(second!.carriers).toEqual(expect.arrayContaining(first!.carriers));
    expect(learner.lessons).toHaveLength(2);
    expect(await told(test, PATCH, 0)).toEqual([true, false]);
  });

  it('is believed as it was, where it learns nothing the second time', async () => {
    world();
    const learner = new WatchedLearner((corner, lesson) => (lesson === 1 ? corner / 255 : 0.5));
    const test = await carrierTest(accused(), parts(learner));
    expect(learner.lessons).toHaveLength(2);
    expect(await told(test, PATCH, 0)).toEqual([true, false]);
  });

  it('does not learn again what it could not learn', async () => {
    world();
    const learner = new WatchedLearner(() => 0.5);
    await carrierTest(accused(), parts(learner)).catch(() => undefined);
    expect(learner.lessons).toHaveLength(1);
  });
});
