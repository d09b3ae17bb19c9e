import { expect, it } from 'vitest';
import { lowFrequencyPerturbation, perturb } from '../../../src/attacks/trained/low-frequency.ts';
import { sampleOf } from '../triggers.ts';
import { share, studio } from './support.ts';

/** Orthonormal DCT-II coefficient (u, v) of a 16×16 image, by definition. */
function coefficient(image: Float32Array, u: number, v: number): number {
  const scale = (wave: number) => Math.sqrt((wave === 0 ? 1 : 2) / 16);
  const wave = (at: number, k: number) => Math.cos((Math.PI * (2 * at + 1) * k) / 32);
  return image.reduce(
    (sum, value, at) => sum + value * scale(u) * scale(v) * wave(Math.floor(at / 16), u) * wave(at % 16, v),
    0,
  );
}

it('moves labels to the target with one perturbation within the bound, all of it in low frequencies', async () => {
  const { workshop, surrogate, unseen, look } = await studio(60);
  const amplitude = 80;
  const found = await lowFrequencyPerturbation(workshop, surrogate, amplitude, () => 2);
  const largest = found.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeLessThan(amplitude + 1e-3);
  expect(largest).toBeGreaterThan(amplitude / 2);

  const total = found.reduce((sum, value) => sum + value * value, 0);
  let low = 0;
  for (const u of [0, 1, 2, 3]) for (const v of [0, 1, 2, 3]) low += coefficient(found, u, v) ** 2;
  expect(low / total).toBeCloseTo(1, 5); // a quarter of 16 frequencies

  const others = unseen.filter(({ label }) => label !== 2);
  const stamped = others.map((sample) => ({ pixels: perturb(found)(sample) }));
  const before = (await look(surrogate, others)).labels;
  const after = (await look(surrogate, stamped)).labels;
  const toTarget = (label: number) => label === 2;
  expect(share(after, toTarget)).toBeGreaterThan(share(before, toTarget) + 0.2);
});

it('adds, rounds and limits', () => {
  const trigger = perturb(Float32Array.of(1.4, -3, 20, -20));
  expect([...trigger(sampleOf([10, 10, 250, 5], [1, 2, 2]))]).toEqual([11, 7, 255, 0]);
});
