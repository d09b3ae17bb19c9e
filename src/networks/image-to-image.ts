// A small encoder and decoder from images to images of the same size: a 3×3 stem, halvings by strided convolutions,
// enlargements by nearest neighbours, and sums across from each level of one side to that of the other (Ronneberger
// et al. 2015 concatenate there). Generators of triggers and encoders of hidden messages are made of it. It
// normalises within each image (Wu & He 2018), so that what it makes of one does not depend on the others.

import { ShapeError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import * as op from '../graph/operators.ts';
import type { Scope } from './scope.ts';
import { same } from './scope.ts';

const GROUPS = 8;
const EPSILON = 1e-5;

/**
 * @param name   prefix of the weights' names
 * @param x      [N, C, H, W]; H and W divisible by 2 for each width after the first
 * @param widths channels at full size, half size and so on: each a multiple of 8
 * @returns [N, channels, H, W], of any range
 * @throws {ShapeError} when a side cannot be halved that often
 */
export function imageToImage(
  scope: Scope,
  name: string,
  x: Tensor,
  channels: number,
  widths: readonly number[],
): Tensor {
  const { g } = scope;
  checkSides(x, 2 ** (widths.length - 1));
  const layer = (part: string, h: Tensor, width: number, stride: number) => {
    const convolved = scope.conv(`${name}.${part}.conv`, h, width, 3, same(3, stride), false);
    return op.relu(g, scope.groupNorm(`${name}.${part}.norm`, convolved, GROUPS, EPSILON));
  };
  const levels: Tensor[] = [];
  for (const [i, width] of widths.entries()) {
    levels.push(layer(`down${i}`, levels.at(-1) ?? x, width, i === 0 ? 1 : 2));
  }
  let h = layer('middle', levels.at(-1)!, widths.at(-1)!, 1);
  for (let i = widths.length - 2; i >= 0; i--) {
    h = op.add(g, layer(`up${i}`, op.upsample2x(g, h), widths[i]!, 1), levels[i]!);
  }
  return scope.conv(`${name}.out`, h, channels, 3, same(3));
}

function checkSides(x: Tensor, unit: number): void {
  const [height, width] = x.shape.slice(2) as [number, number];
  if (height % unit === 0 && width % unit === 0) return;
  throw new ShapeError(
    `expected images with sides divisible by ${unit}, found ${height}×${width}; resize or pad them first`,
  );
}
