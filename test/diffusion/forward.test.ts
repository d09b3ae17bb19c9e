import { describe, expect, it } from 'vitest';
import { addNoise } from '../../src/diffusion/forward.ts';
import { ShapeError } from '../../src/errors.ts';
import { linearSchedule } from '../../src/math/schedule.ts';
import { readNpy } from '../support/npy.ts';
import { fixturePath } from '../support/paths.ts';

describe('addNoise', () => {
  it('gives the reference’s noised images', () => {
    const x0 = readNpy(fixturePath('parity/chain-x0.npy')).data;
    const noise = readNpy(fixturePath('parity/chain-noise.npy')).data;
    const noised = readNpy(fixturePath('parity/chain-noised.npy')).data;
    const out = new Float32Array(x0.length);
    addNoise(out, x0, noise.subarray(0, x0.length), linearSchedule().alphaBars[12]!);
    for (const [i, value] of out.entries()) expect(Math.abs(value - noised[i]!)).toBeLessThan(1e-6);
  });

  it('refuses noise of another size', () => {
    const add = () => addNoise(new Float32Array(4), new Float32Array(4), new Float32Array(3), 0.5);
    expect(add).toThrow(ShapeError);
    expect(add).toThrow('found 4, 3 and 4 numbers');
  });
});
