// The last step of a sample whose image was resized for the networks: it leaves in the size that it came in, untouched
// or with what was repaired carried back.

import type { Image } from './entry.ts';
import { decodeImage } from './images/image.ts';
import { originalImage } from './images/image-file.ts';
import { carryBack } from './images/resize.ts';
import type { Origin } from './origin.ts';
import type { Sample } from './sample.ts';
import { fitChannels } from './settle.ts';

/**
 * A sample with pixels and shape of the size that it came in; itself where that is the size that it has.
 *
 * @param sample   as the networks saw it, or purified
 * @param origin   what it was in its source
 * @param purified whether its pixels are to be carried back, else the original ones are given
 */
export async function inOwnSize(
  sample: Sample,
  origin: Origin | undefined,
  purified: boolean,
): Promise<Sample> {
  const file = origin?.size && originalImage(origin);
  if (!file) return sample;
  const decoded: Image = await decodeImage(file, origin.size[0] * origin.size[1]);
  const original = fitChannels(decoded, sample.shape[0] === 1 ? 1 : 3);
  const { pixels, shape } = purified ? await carryBack(original, sample) : original;
  return { ...sample, pixels, shape };
}
