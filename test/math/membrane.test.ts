import { describe, expect, it } from 'vitest';
import { membraneFill } from '../../src/math/membrane.ts';

const [HEIGHT, WIDTH] = [7, 9];
const SIZE = HEIGHT * WIDTH;

/** A plane of 3 a row and 5 a column: harmonic, so that a membrane over any hole inside is the plane itself. */
const ramp = Uint8Array.from({ length: SIZE }, (_, at) => 3 * Math.floor(at / WIDTH) + 5 * (at % WIDTH) + 40);

function holeAt(...cells: readonly (readonly [y: number, x: number])[]): Uint8Array {
  const hole = new Uint8Array(SIZE);
  for (const [y, x] of cells) hole[y * WIDTH + x] = 1;
  return hole;
}

const square = holeAt([2, 3], [2, 4], [2, 5], [3, 3], [3, 4], [3, 5], [4, 3], [4, 4], [4, 5]);

describe('membraneFill', () => {
  it('continues a ramp through a hole, whatever stood there', () => {
    const stamped = ramp.map((value, at) => (square[at] ? 255 * (at % 2) : value));
    expect([...membraneFill(stamped, square, [1, HEIGHT, WIDTH])]).toEqual([...ramp]);
  });

  it('takes a single pixel from the mean of its neighbours', () => {
    const filled = membraneFill(ramp, holeAt([0, 0]), [1, HEIGHT, WIDTH]);
    expect(filled[0]).toBe((ramp[1]! + ramp[WIDTH]!) / 2);
  });

  it('fills each channel from itself and leaves everything else alone', () => {
    const pixels = Uint8Array.from({ length: 3 * SIZE }, (_, i) => Math.floor(i / SIZE) * 50 + (i % 7));
    const filled = membraneFill(pixels, square, [3, HEIGHT, WIDTH]);
    filled.forEach((value, i) => {
      const [channel, at] = [Math.floor(i / SIZE), i % SIZE];
      if (!square[at]) expect(value).toBe(pixels[i]);
      else expect(Math.abs(value - channel * 50 - 3)).toBeLessThanOrEqual(3);
    });
  });

  it('lets nothing of the hole through', () => {
    const other = ramp.map((value, at) => (square[at] ? 255 - value : value));
    expect(membraneFill(other, square, [1, HEIGHT, WIDTH])).toEqual(
      membraneFill(ramp, square, [1, HEIGHT, WIDTH]),
    );
  });

  it('fills most of an image from one known pixel', () => {
    const hole = new Uint8Array(SIZE).fill(1);
    hole[10] = 0;
    expect(new Set(membraneFill(ramp, hole, [1, HEIGHT, WIDTH]))).toEqual(new Set([ramp[10]]));
  });

  it.each([0, 1])('leaves an image as it is where everything is %d', (known) => {
    const hole = new Uint8Array(SIZE).fill(known);
    expect(membraneFill(ramp, hole, [1, HEIGHT, WIDTH])).toEqual(ramp);
  });
});
