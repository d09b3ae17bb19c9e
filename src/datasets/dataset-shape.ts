// What shape the images of a dataset have: the one that is told, that of the first good image, or the one that all are
// resized to.

import type { DatasetInfo, DatasetOptions } from './dataset.ts';
import { sizeOfShape } from './images/resize.ts';
import type { ImageShape } from './sample.ts';

const CIFAR_SHAPE: ImageShape = [3, 32, 32];

/** The shape of a dataset whose first good image has `found`. */
export function shapeOf(found: ImageShape, { shape, size }: DatasetOptions): ImageShape {
  return shape ?? (size ? [found[0], ...size] : found);
}

/** @param oneSize whether all images of the source have the size of the first */
export function cameAs(
  found: ImageShape,
  options: DatasetOptions,
  oneSize: boolean,
): Pick<DatasetInfo, 'came'> {
  const [, height, width] = shapeOf(found, options);
  const same = found[1] === height && found[2] === width;
  return options.resize && oneSize && !same ? { came: sizeOfShape(found) } : {};
}

/** Size of CIFAR's records, which is not that of the dataset where images are resized. */
export function recordShape({ shape, resize }: DatasetOptions, described?: ImageShape): ImageShape {
  return (resize ? undefined : shape) ?? described ?? CIFAR_SHAPE;
}
