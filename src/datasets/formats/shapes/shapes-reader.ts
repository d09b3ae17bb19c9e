// The bundled procedural dataset as a source like any other: `shapes:train`, `shapes:test`, and `shapes:denoiser`
// for further images that are in neither. See `drawn-shapes.ts` for what it shows.

import { DatasetError } from '../../../errors.ts';
import type { Entry } from '../../entry.ts';
import { drawShape, SHAPE_SPLITS, type ShapeSplit, shapeId } from './drawn-shapes.ts';

/**
 * Draws the samples of a split one by one.
 *
 * @throws {DatasetError} when there is no such split
 */
export async function* readShapes(source: string): AsyncGenerator<Entry> {
  const split = source.replace(/^shapes:/, '');
  if (!isSplit(split)) {
    const known = Object.keys(SHAPE_SPLITS).map((name) => `shapes:${name}`);
    throw new DatasetError(`expected ${known.join(', ')}, found ${source}; correct the source`);
  }
  for (let index = 0; index < SHAPE_SPLITS[split].count; index++) {
    yield { id: shapeId(split, index), source, offset: index, decode: () => drawShape(split, index) };
  }
}

function isSplit(name: string): name is ShapeSplit {
  return Object.hasOwn(SHAPE_SPLITS, name);
}
