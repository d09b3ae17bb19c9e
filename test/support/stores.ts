// Small stores of real (procedural) images for tests that train.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { drawShape, SHAPES_SHAPE, type ShapeSplit } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';

/** The first `count` images of a split of the procedural dataset; removed when the test ends. */
export function shapesStore(count: number, split: ShapeSplit = 'train'): SampleStore {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-'));
  const store = new SampleStore(join(folder, 'shapes'), SHAPES_SHAPE);
  for (let index = 0; index < count; index++) store.append(drawShape(split, index));
  onTestFinished(() => {
    store.dispose();
    rmSync(folder, { recursive: true });
  });
  return store;
}
