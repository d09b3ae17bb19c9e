import { expect, it } from 'vitest';
import { inputAware } from '../../../src/attacks/trained/input-aware.ts';
import { share, studio } from './support.ts';

it("moves a classifier's labels with patterns that work for their own image only, in few pixels", async () => {
  const { workshop, surrogate, unseen, look } = await studio(150);
  const { own, cross, victim } = await inputAware(workshop, surrogate, () => 0);
  const others = unseen.filter(({ label }) => label !== 0);
  const stamped = await own(others);
  const crossed = await cross(others);
  const seen = async (images: readonly Uint8Array[]) =>
    (
      await look(
        victim,
        images.map((pixels) => ({ pixels })),
      )
    ).labels;
  const [before, after, misled] = [
    await seen(others.map(({ pixels }) => pixels)),
    await seen(stamped),
    await seen(crossed),
  ];
  const toTarget = (label: number) => label === 0;
  expect(share(before, toTarget)).toBeLessThan(0.2);
  expect(share(after, toTarget)).toBeGreaterThan(0.6);
  expect(share(misled, toTarget)).toBeLessThan(share(after, toTarget) - 0.25);

  const masks = stamped.map((pixels, n) =>
    pixels.map((value, i) => (Math.abs(value - others[n]!.pixels[i]!) > 12 ? 1 : 0)),
  );
  const overlap = masks.map(
    (mask, n) => mask.filter((on, i) => on === 1 && masks[(n + 1) % masks.length]![i] === 1).length,
  );
  const size = masks.reduce((sum, mask) => sum + mask.reduce((a, b) => a + b), 0) / masks.length;
  expect(size).toBeGreaterThan(5);
  expect(size).toBeLessThan(0.3 * 256);
  expect(overlap.reduce((a, b) => a + b) / masks.length).toBeLessThan(size / 2); // not one mask for all

  // A stamp depends on its sample alone: not on its neighbours, nor on their number.
  expect(await own(others.slice(5, 7))).toEqual(stamped.slice(5, 7));
  expect(await cross(others.slice(5, 7))).toEqual(crossed.slice(5, 7));
  expect(await own([])).toEqual([]);
});
