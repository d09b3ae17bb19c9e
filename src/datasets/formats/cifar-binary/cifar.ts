// What is particular to CIFAR among the formats: how many label bytes its records have, and which of CIFAR-100's two
// labels counts, the fine class out of a hundred or the coarse one out of twenty.

import { dirname } from 'node:path';
import type { DatasetOptions } from '../../dataset.ts';
import { recordShape } from '../../dataset-shape.ts';
import { classNamesIn } from '../../recognise.ts';
import type { Recognised } from '../../recognised.ts';
import { labelBytesOfFile } from './cifar-layout.ts';

/** Classes of CIFAR-10, or of CIFAR-100. */
export function cifarClasses(labelBytes = 1, { cifarLabels }: DatasetOptions): number {
  if (labelBytes === 1) return 10;
  return cifarLabels === 'coarse' ? 20 : 100;
}

/** Which byte of a record is its label. */
export function labelAt(labelBytes = 1, { cifarLabels }: DatasetOptions): number {
  return cifarLabels === 'coarse' ? 0 : labelBytes - 1;
}

/**
 * The part with the label bytes of its records, where it is of CIFAR binary, and the names of its classes.
 *
 * @throws {DatasetError} when its file fits neither layout
 */
export async function withLayout(part: Recognised, options: DatasetOptions): Promise<Recognised> {
  if (part.format !== 'cifar-binary') return part;
  // this project writes one label byte
  if (part.description) return { ...part, labelBytes: 1 };
  const [file] = part.files as [string];
  const { cifarLabels = 'fine', classes } = options;
  const labelBytes = options.labelBytes ?? (await labelBytesOfFile(file, recordShape(options), classes));
  if (labelBytes === 1) return { ...part, labelBytes };
  const { classNames: _, ...bare } = part;
  const classNames = await classNamesIn(dirname(file), `${cifarLabels}_label_names.txt`);
  return { ...bare, labelBytes, ...(classNames && { classNames }) };
}
