// Writes what numpy.savez would: `images`, uint8 [N, H, W] or [N, H, W, 3], `labels`, int64, and `ids`, UTF-8 bytes.
// An array's size stands before it, so that the images first go into a file of their own beside the target, which
// yazl then stores in the zip. Times and modes are fixed: equal samples make equal archives.

import { createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { type ImageShape, interleave } from '../../sample.ts';
import { type PartWriter, unwritable } from '../part-writer.ts';

const HEADER_BYTES = 128;
// the zip format counts in local time from 1980
const FIXED = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false, forceDosTimestamp: true };

/** Writes one archive. @param shape of every image */
export async function openNpzWriter(path: string, shape: ImageShape): Promise<PartWriter> {
  const refuse = (error: Error): never => {
    throw unwritable(path, error);
  };
  const spool = `${path}.images`;
  const images = await open(spool, 'w').catch(refuse);
  const labels: number[] = [];
  const ids: Buffer[] = [];
  await images.writeFile(Buffer.alloc(HEADER_BYTES)).catch(refuse);
  return {
    parts: [basename(path)],
    write: async ({ id, label, pixels }) => {
      await images.writeFile(interleave(pixels, shape)).catch(refuse);
      labels.push(label);
      ids.push(Buffer.from(id));
    },
    close: async () => {
      const [channels, height, width] = shape;
      const dimensions = [labels.length, height, width, ...(channels === 1 ? [] : [channels])];
      try {
        const written = images.write(header('|u1', dimensions), 0, HEADER_BYTES, 0);
        await written.finally(() => images.close());
        const zip = new ZipFile();
        zip.addFile(spool, 'images.npy', FIXED);
        zip.addBuffer(labelArray(labels), 'labels.npy', FIXED);
        zip.addBuffer(idArray(ids), 'ids.npy', FIXED);
        zip.end();
        await pipeline(zip.outputStream, createWriteStream(path));
      } catch (error) {
        refuse(error as Error);
      } finally {
        await rm(spool, { force: true });
      }
    },
  };
}

/** Version 1 of the array format; numpy wants the data to begin at a multiple of 64 bytes. */
function header(type: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const bytes = Buffer.from(`\x93NUMPY\x01\x00..${text.padEnd(HEADER_BYTES - 11)}\n`, 'latin1');
  bytes.writeUInt16LE(HEADER_BYTES - 10, 8);
  return bytes;
}

function labelArray(labels: readonly number[]): Buffer {
  const data = BigInt64Array.from(labels, BigInt);
  return Buffer.concat([header('<i8', [labels.length]), Buffer.from(data.buffer)]);
}

function idArray(ids: readonly Buffer[]): Buffer {
  const size = ids.reduce((most, id) => Math.max(most, id.length), 1);
  const data = Buffer.alloc(ids.length * size);
  ids.forEach((id, i) => {
    id.copy(data, i * size);
  });
  return Buffer.concat([header(`|S${size}`, [ids.length]), data]);
}
