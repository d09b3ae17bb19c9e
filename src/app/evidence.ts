// Evidence that one can look at, for each flagged class: the trigger as it was recovered from what purification
// removed, and the samples that weigh most against the class. Pictures are PNGs, so that any viewer shows them.

import { writeFile } from 'node:fs/promises';
import { encodePng } from '../datasets/images/png.ts';
import type { ImageShape } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { Trigger } from '../defense/carriers/trigger.ts';
import type { Knowledge, Weighty } from '../defense/repair/knowledge.ts';
import { unwritten } from '../errors.ts';

const NO_DIFFERENCE = 127.5;
const COLUMNS = 8;

/**
 * Writes `trigger-<label>.png` (left the mean of what was removed: gray is no difference, brighter and darker is what
 * poisoned images have more and less of; right its spread from image to image, black where there is none),
 * `samples-<label>.png` with the raw images that weigh most, heaviest first, and `samples-<label>.ndjson` that names
 * them. A trigger that could not be located is left out.
 *
 * @param pathOf a file by its name, in a folder that is there
 */
export async function writeEvidence(
  pathOf: (name: string) => string,
  { triggers, heaviest }: Pick<Knowledge, 'triggers' | 'heaviest'>,
  store: SampleStore,
): Promise<void> {
  const write = async (name: string, content: Uint8Array | string) => {
    const path = pathOf(name);
    await writeFile(path, content).catch(unwritten(path));
  };
  for (const [label, trigger] of triggers) {
    await write(`trigger-${label}.png`, triggerPicture(trigger, store.shape));
  }
  for (const [label, samples] of heaviest) {
    if (samples.length === 0) continue;
    await write(`samples-${label}.png`, samplesPicture(samples, store));
    const lines = samples.map(({ id, name, weight }) => JSON.stringify({ id, name, weight }));
    await write(`samples-${label}.ndjson`, `${lines.join('\n')}\n`);
  }
}

function triggerPicture({ pattern, spread }: Trigger, shape: ImageShape): Uint8Array {
  const mean = Uint8ClampedArray.from(pattern, (value) => Math.round(NO_DIFFERENCE + value / 2));
  return grid([mean, Uint8ClampedArray.from(spread, Math.round)], 2, shape);
}

function samplesPicture(samples: readonly Weighty[], store: SampleStore): Uint8Array {
  const { pixels } = store.read(samples.map(({ index }) => index));
  const size = pixels.length / samples.length;
  const images = samples.map((_, i) => pixels.subarray(i * size, (i + 1) * size));
  return grid(images, Math.min(COLUMNS, images.length), store.shape);
}

/** Images of one shape side by side, in rows. */
function grid(
  images: readonly ArrayLike<number>[],
  columns: number,
  [channels, height, width]: ImageShape,
): Uint8Array {
  const [h, w] = [height * Math.ceil(images.length / columns), width * columns];
  const pixels = new Uint8Array(channels * h * w);
  images.forEach((image, n) => {
    const [top, left] = [Math.floor(n / columns) * height, (n % columns) * width];
    for (let i = 0; i < image.length; i++) {
      const [x, y, c] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
      pixels[(c * h + top + y) * w + left + x] = image[i]!;
    }
  });
  return encodePng({ pixels, shape: [channels, h, w] });
}
