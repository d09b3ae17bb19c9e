// The binary layout of CIFAR (Krizhevsky 2009): records of one label byte and the pixels, channel after channel,
// without any header; CIFAR-100 has two label bytes, the coarse class and the fine one. Other image sizes in
// the same layout are read as well. https://www.cs.toronto.edu/~kriz/cifar.html

import { ByteReader } from '../../bytes/byte-reader.ts';
import { type ByteSource, nameOf } from '../../bytes/byte-stream.ts';
import { damagedEntry, type Entry, indexId } from '../../entry.ts';
import type { ImageShape } from '../../sample.ts';

export interface CifarLayout {
  /** Size of every image; the format itself does not say. */
  readonly shape: ImageShape;
  /** Bytes before the pixels. */
  readonly labelBytes: number;
  /** Which of them is the label; the last one when absent. */
  readonly labelAt?: number;
}

/** Reads one file or stream, gzipped or not. Bytes after the last whole record make one damaged entry. */
export async function* readCifarBinary(file: ByteSource, layout: CifarLayout): AsyncGenerator<Entry> {
  const { shape, labelBytes, labelAt = labelBytes - 1 } = layout;
  const size = labelBytes + shape[0] * shape[1] * shape[2];
  const bytes = new ByteReader(file);
  try {
    for (let index = 0; ; index++) {
      const place = { id: indexId(index), source: nameOf(file), offset: bytes.position };
      const record = await bytes.take(size);
      if (record.length < size) {
        if (record.length > 0 || bytes.damage !== undefined)
          yield rest(place, record.length, size, bytes.damage);
        return;
      }
      yield {
        ...place,
        decode: () => ({
          label: record[labelAt]!,
          pixels: Uint8Array.from(record.subarray(labelBytes)),
          shape,
        }),
      };
    }
  } finally {
    await bytes.close();
  }
}

function rest(
  place: { id: string; source: string; offset: number },
  found: number,
  size: number,
  damage = '',
) {
  return damagedEntry(
    { source: place.source, offset: place.offset },
    `expected a record of ${size} bytes as sample ${place.id}, found ${found} and the end of the file` +
      `${damage && ` (${damage})`}; fetch the file again, or convert it if its images have another size`,
  );
}
