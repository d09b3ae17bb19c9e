import { describe, expect, it } from 'vitest';
import { overlaid, toBytes, toUnit } from '../../src/math/pixels.ts';

describe('toUnit and toBytes', () => {
  it('undo each other for every byte', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const unit = toUnit(bytes);
    expect([unit[0], unit[255]]).toEqual([-1, 1]);
    expect(toBytes(unit)).toEqual(bytes);
  });

  it('limits what lies outside', () => {
    expect([...toBytes(Float32Array.of(-3, 3, 0.0001))]).toEqual([0, 255, 128]);
  });
});

it('lays patterns over pixels and takes them off, halves to the even byte, within bytes', () => {
  const pixels = Uint8Array.of(10, 10, 11, 250, 3, 100);
  const pattern = Float32Array.of(0.5, 1.5, -0.5, 10, -7, 0.49);
  expect([...overlaid(pixels, pattern, 1)]).toEqual([10, 12, 10, 255, 0, 100]);
  expect([...overlaid(pixels, pattern, -1)]).toEqual([10, 8, 12, 240, 10, 100]);
});
