// What an attack does to one image. A trigger is a pure function: the same sample always gets the same stamp, in
// any order and on any thread. It sees the id so that attacks which vary from image to image can key their random
// numbers by it.

import type { Sample } from '../datasets/sample.ts';

/**
 * Stamps the trigger on an image.
 *
 * @returns new pixels, uint8 [C, H, W]; the sample itself stays as it is
 */
export type Trigger = (sample: Sample) => Uint8Array;
