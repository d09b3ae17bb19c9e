import { expect, it } from 'vitest';
import { sampleSpecific } from '../../../src/attacks/trained/sample-specific.ts';
import { studio } from './support.ts';

it('hides a string that its decoder reads, in a faint residual which differs from image to image', async () => {
  const { workshop, unseen } = await studio(200);
  const amplitude = 24;
  const { stamp, read } = await sampleSpecific(workshop, amplitude);
  const stamped = await stamp(unseen);
  expect(await read(stamped.map((pixels) => ({ pixels })))).toBeGreaterThan(0.9);
  expect(await read(unseen)).toBeLessThan(0.75); // chance is a half
  const residuals = stamped.map((pixels, n) => [...pixels].map((value, i) => value - unseen[n]!.pixels[i]!));
  const largest = Math.max(...residuals.flat().map(Math.abs));
  expect(largest).toBeLessThanOrEqual(amplitude);
  expect(largest).toBeGreaterThan(2);
  expect(residuals[1]).not.toEqual(residuals[0]);
  expect(await stamp(unseen.slice(3, 5))).toEqual(stamped.slice(3, 5));
});
