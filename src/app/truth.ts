// Holds a manifest of decisions against the ground truth, line by line.

import { createReadStream } from 'node:fs';
import type { Truth } from '../attacks/truth.ts';
import { type DetectionFigures, DetectionTally } from '../defense/repair/evaluation.ts';
import { lines } from '../files/lines.ts';
import type { ManifestEntry } from '../ports/records.ts';

/**
 * How good the decisions were.
 *
 * @param manifest path of the purified dataset's manifest
 * @param truths the truth by id; samples without one are clean
 */
export async function detectionFigures(
  manifest: string,
  truths: ReadonlyMap<string, Truth>,
): Promise<DetectionFigures> {
  const tally = new DetectionTally();
  for await (const line of lines(createReadStream(manifest))) {
    const { id, given, label, image }: ManifestEntry = JSON.parse(line);
    const truth = truths.get(id);
    const dropped = image === 'none';
    tally.add({
      poisoned: truth?.poisoned === true,
      accused: dropped || label !== given,
      label: dropped ? undefined : label,
      trueLabel: truth?.trueLabel ?? given,
    });
  }
  return tally.figures();
}
