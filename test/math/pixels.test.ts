import { describe, expect, it } from 'vitest';
import { toBytes, toUnit } from '../../src/math/pixels.ts';

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
