// Structural similarity of two images (Wang et al. 2004, "Image quality assessment: from error visibility to
// structural similarity"), with the settings the reference uses: a uniform 3×3 window, sample covariance, data
// range 255, windows that would cross the border left out, mean over channels. Agrees with scikit-image 0.19.3.

import { ShapeError } from '../errors.ts';

const WINDOW = 3;
const AREA = WINDOW * WINDOW;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** Sums of a, b, a², b² and a·b over the three rows above one another in each column. */
interface ColumnSums {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly aa: Float64Array;
  readonly bb: Float64Array;
  readonly ab: Float64Array;
}

/**
 * Mean structural similarity.
 *
 * @param a     uint8 [C, H, W]
 * @param b     same shape as a
 * @param shape [C, H, W], H and W at least 3
 * @returns in [−1, 1]; 1 for equal images
 * @throws {ShapeError} when the pixels do not fit the shape or the image is smaller than the window
 */
export function structuralSimilarity(
  a: Uint8Array,
  b: Uint8Array,
  shape: readonly [channels: number, height: number, width: number],
): number {
  const [channels, height, width] = shape;
  const plane = height * width;
  if (a.length !== channels * plane || b.length !== a.length || height < WINDOW || width < WINDOW) {
    throw new ShapeError(
      `expected two images of [${shape.join()}], at least ${WINDOW} by ${WINDOW}, found ${a.length} and ${b.length} pixels; ` +
        'compare images of one size',
    );
  }
  const row = () => new Float64Array(width);
  const columns: ColumnSums = { a: row(), b: row(), aa: row(), bb: row(), ab: row() };
  let total = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y + WINDOW <= height; y++) {
      sumColumns(columns, a, b, c * plane + y * width, width);
      total += similarityOfRow(columns, width);
    }
  }
  return total / (channels * (height - WINDOW + 1) * (width - WINDOW + 1));
}

function sumColumns(columns: ColumnSums, a: Uint8Array, b: Uint8Array, start: number, width: number): void {
  for (let x = 0; x < width; x++) {
    const i = start + x;
    const [a0, a1, a2] = [a[i]!, a[i + width]!, a[i + 2 * width]!];
    const [b0, b1, b2] = [b[i]!, b[i + width]!, b[i + 2 * width]!];
    columns.a[x] = a0 + a1 + a2;
    columns.b[x] = b0 + b1 + b2;
    columns.aa[x] = a0 * a0 + a1 * a1 + a2 * a2;
    columns.bb[x] = b0 * b0 + b1 * b1 + b2 * b2;
    columns.ab[x] = a0 * b0 + a1 * b1 + a2 * b2;
  }
}

/** Sum of the similarities of all windows of a row. Products of integer sums are exact, so equal images give 1. */
function similarityOfRow({ a, b, aa, bb, ab }: ColumnSums, width: number): number {
  let total = 0;
  for (let x = 0; x + WINDOW <= width; x++) {
    const sumA = a[x]! + a[x + 1]! + a[x + 2]!;
    const sumB = b[x]! + b[x + 1]! + b[x + 2]!;
    const squares = aa[x]! + aa[x + 1]! + aa[x + 2]! + (bb[x]! + bb[x + 1]! + bb[x + 2]!);
    const products = ab[x]! + ab[x + 1]! + ab[x + 2]!;
    const sumsSquared = sumA * sumA + sumB * sumB;
    const variances = (AREA * squares - sumsSquared) / (AREA * (AREA - 1));
    const covariance = (AREA * products - sumA * sumB) / (AREA * (AREA - 1));
    const luminance = (2 * sumA * sumB) / AREA ** 2 + C1;
    const luminances = sumsSquared / AREA ** 2 + C1;
    total += (luminance * (2 * covariance + C2)) / (luminances * (variances + C2));
  }
  return total;
}
