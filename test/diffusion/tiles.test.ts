import { describe, expect, it } from 'vitest';
import { diffusionProcess } from '../../src/diffusion/process.ts';
import { type DenoiserCall, tileCorners, tiled } from '../../src/diffusion/tiles.ts';
import { fillNormal, randomKey } from '../../src/math/random.ts';
import { linearSchedule } from '../../src/math/schedule.ts';
import { candidatesOf } from '../support/candidates.ts';

const TILE = [2, 4, 3] as const;
const TILE_SIZE = 24;

/** Predicts from the whole tile, its place in the batch apart: any mistake in cutting shows. */
const denoise: DenoiserCall = async (x, t) =>
  x.map((value, at) => {
    const image = Math.floor(at / TILE_SIZE);
    const sum = x.subarray(image * TILE_SIZE, (image + 1) * TILE_SIZE).reduce((a, b) => a + b, 0);
    return 0.5 * value + 0.01 * sum + 0.001 * t[image]! + 0.01 * (at % TILE_SIZE);
  });

const random = (length: number, key: number) => {
  const values = new Float32Array(length);
  fillNormal(values, randomKey(key, 'tiles'), 0, 0);
  return values;
};

/** [C, H, W] cut to the tile at a corner. */
function cut(image: Float32Array, [, height, width]: readonly number[], [top, left]: readonly number[]) {
  const rows: number[] = [];
  for (let c = 0; c < 2; c++) {
    for (let y = 0; y < 4; y++) {
      const at = (c * height! + top! + y) * width! + left!;
      rows.push(...image.subarray(at, at + 3));
    }
  }
  return Float32Array.from(rows);
}

describe('tiles', () => {
  it.each([
    [[2, 4, 3], 1],
    [[2, 4, 6], 2],
    [[2, 8, 6], 6],
    [[2, 7, 7], 6],
    [[2, 5, 3], 2],
  ] as const)('cover an image of %j, as few as do', (shape, count) => {
    const corners = tileCorners(shape, TILE);
    expect(corners.length).toBe(count);
    const covered = new Set<number>();
    for (const [top, left] of corners) {
      expect(top + 4 <= shape[1] && left + 3 <= shape[2]).toBe(true);
      for (let y = top; y < top + 4; y++) for (let x = left; x < left + 3; x++) covered.add(y * shape[2] + x);
    }
    expect(covered.size).toBe(shape[1] * shape[2]);
  });

  it('is purified as if it were alone, where tiles do not overlap', async () => {
    const shape = [2, 4, 6] as const;
    const plan = {
      depth: 20,
      steps: 3,
      rounds: 2,
      keep: 2,
      variance: 'fixed-large',
      kept: 'state',
      seed: 3,
    } as const;
    const process = diffusionProcess(plan, linearSchedule(1000, 1e-4, 0.02));
    const whole = random(2 * 48, 1).map((value) => Math.max(-1, Math.min(1, value)));
    const noises = (sample: number, round: number, step: number) =>
      random(48, 1000 * sample + 10 * round + step);
    const run = (call: DenoiserCall, x: Float32Array, count: number, noiseOf: typeof noises) =>
      candidatesOf(
        process,
        (images, timestep) => call(images, new Float32Array(count).fill(timestep)),
        (out, sample, round, step) => out.set(noiseOf(sample, round, step)),
        x.slice(),
        count,
      );
    const candidates = await run(tiled(denoise, shape, TILE), whole, 2, noises);
    for (const corner of tileCorners(shape, TILE)) {
      const tiles = [0, 1].map((n) => cut(whole.subarray(n * 48, (n + 1) * 48), shape, corner));
      const alone = await run(denoise, Float32Array.from(tiles.flatMap((tile) => [...tile])), 2, (...key) =>
        cut(noises(...key), shape, corner),
      );
      for (let k = 0; k < 8; k++) {
        const part = cut(candidates.subarray(k * 48, (k + 1) * 48), shape, corner);
        expect(part).toEqual(alone.subarray(k * TILE_SIZE, (k + 1) * TILE_SIZE));
      }
    }
  });

  it('are averaged where they overlap', async () => {
    const shape = [2, 5, 3] as const;
    const x = random(30, 2);
    const noise = await tiled(denoise, shape, TILE)(x, Float32Array.of(7));
    const [upper, lower] = await Promise.all(
      [0, 1].map((top) => denoise(cut(x, shape, [top, 0]), Float32Array.of(7))),
    );
    expect(noise[0]).toBeCloseTo(upper![0]!, 5);
    expect(noise[3]).toBeCloseTo((upper![3]! + lower![0]!) / 2, 5);
    expect(noise[12]).toBeCloseTo(lower![9]!, 5);
  });
});
