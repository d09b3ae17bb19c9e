// Evidence that one can look at: the trigger of each flagged class as a PNG, as it was recovered from what
// purification removed. Gray is no difference, brighter and darker is what poisoned images have more and less of.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePng } from '../datasets/png.ts';
import type { ImageShape } from '../datasets/sample.ts';
import type { Residuals } from '../defense/residuals.ts';
import { locateTrigger } from '../defense/trigger.ts';

const NO_DIFFERENCE = 127.5;

/** Writes `trigger-<label>.png` for every target label whose trigger could be located. */
export async function writeTriggers(
  folder: string,
  residuals: Residuals,
  targets: readonly number[],
  shape: ImageShape,
): Promise<void> {
  for (const label of targets) {
    const trigger = locateTrigger(residuals, label, targets, shape);
    if (!trigger) continue;
    const pixels = Uint8Array.from(trigger.pattern, (value) => Math.round(NO_DIFFERENCE + value / 2));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `trigger-${label}.png`), encodePng({ pixels, shape }));
  }
}
