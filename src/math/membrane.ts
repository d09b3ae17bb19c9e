// Fills a hole in an image from what surrounds it, so that nothing of what stood there remains: each channel takes the
// shape of a membrane stretched over the hole, the solution of Laplace's equation with the surroundings as its rim.
// Smooth, without parameters, and the same for every image but for its rim (Bertalmio et al. 2000 for the problem).

/** Over-relaxation of the sweeps, in (0, 2), and the largest change, in pixel values, at which they end. */
const RELAXATION = 1.7;
const SETTLED = 0.05;
const MOST_SWEEPS = 500;

/**
 * The image with the pixels of the hole replaced.
 *
 * @param pixels uint8 [C, H, W]
 * @param hole   uint8 [H, W], 1 where the image is unknown; where nothing else is known, the image stays as it is
 * @returns uint8 [C, H, W]
 */
export function membraneFill(
  pixels: Uint8Array,
  hole: Uint8Array,
  [channels, height, width]: readonly [number, number, number],
): Uint8Array {
  const size = height * width;
  const inside = [...hole.keys()].filter((at) => hole[at]);
  if (inside.length === 0 || inside.length === size) return pixels;
  const neighbours = inside.map((at) => neighboursOf(at, height, width));
  const filled = pixels.slice();
  for (let c = 0; c < channels; c++) {
    const plane = Float64Array.from(pixels.subarray(c * size, (c + 1) * size));
    relax(plane, hole, inside, neighbours);
    for (const at of inside) filled[c * size + at] = Math.round(plane[at]!);
  }
  return filled;
}

/** Gauss–Seidel sweeps with over-relaxation, from the mean of what is known. */
function relax(
  plane: Float64Array,
  hole: Uint8Array,
  inside: readonly number[],
  neighbours: readonly (readonly number[])[],
): void {
  const known = plane.filter((_, at) => !hole[at]);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  for (const at of inside) plane[at] = mean;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let largest = 0;
    inside.forEach((at, i) => {
      const around = neighbours[i]!;
      const level = around.reduce((sum, next) => sum + plane[next]!, 0) / around.length;
      const change = RELAXATION * (level - plane[at]!);
      plane[at]! += change;
      largest = Math.max(largest, Math.abs(change));
    });
    if (largest < SETTLED) return;
  }
}

/** The pixels above, below, left and right, as far as the image goes. */
function neighboursOf(at: number, height: number, width: number): readonly number[] {
  const [y, x] = [Math.floor(at / width), at % width];
  const around: number[] = [];
  if (y > 0) around.push(at - width);
  if (y < height - 1) around.push(at + width);
  if (x > 0) around.push(at - 1);
  if (x < width - 1) around.push(at + 1);
  return around;
}
