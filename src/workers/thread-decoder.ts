// Decodes the PNG files of large datasets in a thread of its own: where networks are fast, decoding is what keeps a
// reader busiest. Files are gathered for as long as the reader does not wait for them, because a message costs as much
// as decoding a small image. Other kinds of files have native decoders with threads of their own.

import { hasPngSignature } from 'fast-png';
import { Piscina } from 'piscina';
import type { Decoder } from '../datasets/dataset.ts';
import type { Image } from '../datasets/entry.ts';
import { decodeImage } from '../datasets/images/image.ts';
import type { ImageShape } from '../datasets/sample.ts';
import { type Failure, fromFailure } from '../errors.ts';
import { moduleOf, threadOptions } from './threads.ts';

/** PNG files back to back. */
export interface FilesToDecode {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
  readonly maxPixels: readonly number[];
}

/** Images back to back, and of each file the shape of its image or what is wrong with it. */
export interface DecodedFiles {
  readonly pixels: Uint8Array;
  readonly files: readonly (ImageShape | Failure)[];
}

/** Images that are decoded here first: for a small dataset no thread starts. */
const FIRST_HERE = 2000;
const AHEAD = 512;
/** Files a message, and messages that the thread has at a time: while it decodes, the reader goes on. */
const BATCH = 64;
const BATCHES = 4;
/** A larger image is decoded here, one at a time: it gains nothing by company, and many at once would fill the memory. */
const MOST_PIXELS = 1 << 14;
/** After so long without work the thread ends. */
const IDLE_MS = 5000;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly maxPixels: number;
  readonly done: (image: Image | Promise<Image>) => void;
}

let images = 0;
let waiting: Waiting[] = [];
let thread: Piscina<FilesToDecode, DecodedFiles> | undefined;
let here: Promise<unknown> = Promise.resolve();

/** One thread for all readers of the process; it keeps no process alive. */
export const threadDecoder: Decoder = {
  ahead: AHEAD,
  decode: (bytes, maxPixels) => {
    images += 1;
    if (images <= FIRST_HERE || !isSmallPng(bytes)) {
      const decoded = here.then(() => decodeImage(bytes, maxPixels));
      here = decoded.catch(() => undefined);
      return decoded;
    }
    return new Promise((done) => {
      const count = waiting.push({ bytes, maxPixels, done });
      if (count === BATCH) send();
      else if (count === 1) setImmediate(send);
    });
  },
};

/** By the header, which comes first; what else is wrong with the file its decoder finds. */
function isSmallPng(bytes: Uint8Array): boolean {
  if (!hasPngSignature(bytes) || bytes.length < 24 || bytes.length > 4 * MOST_PIXELS) return false;
  const header = new DataView(bytes.buffer, bytes.byteOffset, 24);
  return header.getUint32(16) * header.getUint32(20) <= MOST_PIXELS;
}

function send(): void {
  if (waiting.length === 0) return;
  const files = waiting;
  waiting = [];
  thread ??= new Piscina({
    ...threadOptions(moduleOf('decode.worker')),
    concurrentTasksPerWorker: BATCHES,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
  });
  const task = {
    bytes: Buffer.concat(files.map(({ bytes }) => bytes)),
    lengths: files.map(({ bytes }) => bytes.length),
    maxPixels: files.map(({ maxPixels }) => maxPixels),
  };
  thread.run(task).then(
    ({ pixels, files: decoded }) => {
      let end = 0;
      for (const [n, { done }] of files.entries()) {
        const found = decoded[n]!;
        if ('code' in found) {
          done(Promise.reject(fromFailure(found)));
          continue;
        }
        const begin = end;
        end += found[0] * found[1] * found[2];
        done({ pixels: pixels.subarray(begin, end), shape: found });
      }
    },
    // a thread that dies of them says nothing about each
    () => {
      for (const { bytes, maxPixels, done } of files) done(decodeImage(bytes, maxPixels));
    },
  );
}
