// sharp, that is libvips, which decodes JPEG and other kinds, and resizes. It is loaded when it is first needed, so that threads and
// runs that never need it do not carry it.

import { EngineError } from '../../errors.ts';

/** @throws {EngineError} when it is not installed */
export async function loadSharp() {
  try {
    const { default: sharp } = await import('sharp');
    // images are many and small: a cache of files and threads within an image only cost memory and time
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  } catch (error) {
    throw new EngineError(
      `expected sharp to read images and to resize, found: ${(error as Error).message.split('\n')[0]}; run npm install for this machine`,
    );
  }
}
