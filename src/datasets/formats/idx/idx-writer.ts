// Writes a pair of IDX files, `NAME-images-idx3-ubyte` and `NAME-labels-idx1-ubyte`, images as [N, H, W] or, in idx4,
// [N, H, W, 3]. The counts in their headers are filled in at the end. Samples are only numbered in this format.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageShape, interleave } from '../../sample.ts';
import { type PartWriter, unwritable } from '../part-writer.ts';

/** Writes into a folder. @param shape of every image */
export async function openIdxWriter(root: string, name: string, shape: ImageShape): Promise<PartWriter> {
  const refuse = (error: Error): never => {
    throw unwritable(root, error);
  };
  const [channels, height, width] = shape;
  const size = [height, width, ...(channels === 1 ? [] : [channels])];
  const part = `${name}-images-idx${1 + size.length}-ubyte`;
  const images = await open(join(root, part), 'w').catch(refuse);
  const labels = await open(join(root, `${name}-labels-idx1-ubyte`), 'w').catch(refuse);
  let count = 0;
  await images.writeFile(header([0, ...size])).catch(refuse);
  await labels.writeFile(header([0])).catch(refuse);
  return {
    parts: [part],
    write: async ({ label, pixels }) => {
      await images.writeFile(interleave(pixels, shape)).catch(refuse);
      await labels.writeFile(Uint8Array.of(label)).catch(refuse);
      count++;
    },
    close: async () => {
      await finish(images, [count, ...size]).catch(refuse);
      await finish(labels, [count]).catch(refuse);
    },
  };
}

function header(dimensions: readonly number[]): Buffer {
  const bytes = Buffer.from([0, 0, 8, dimensions.length, ...new Uint8Array(4 * dimensions.length)]);
  dimensions.forEach((extent, i) => {
    bytes.writeUInt32BE(extent, 4 + 4 * i);
  });
  return bytes;
}

async function finish(file: FileHandle, dimensions: readonly number[]): Promise<void> {
  const bytes = header(dimensions);
  await file.write(bytes, 0, bytes.length, 0).finally(() => file.close());
}
