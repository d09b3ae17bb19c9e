import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AppendFile } from '../../src/datasets/append-file.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { temporaryFolder } from './make.ts';

test('gives back what was appended, read on or anywhere, while it grows', () => {
  const file = new AppendFile(join(temporaryFolder(), 'scratch'));
  const random = new RandomStream(randomKey(1, 'append-file'));
  const all = Buffer.alloc(4_000_000);
  let size = 0;
  let next = 0;
  while (size < 3_000_000) {
    const bytes = Buffer.alloc(1 + random.integer(40_000), size & 0xff);
    all.set(bytes, size);
    size += bytes.length;
    file.append(bytes);
    for (let reads = random.integer(4); reads > 0; reads--) {
      const length = random.integer(Math.min(100_000, size));
      // more often than not where the last read ended
      const from = random.integer(3) > 0 && next + length <= size ? next : random.integer(size - length);
      const found = new Uint8Array(length);
      file.read(found, from);
      expect(Buffer.compare(found, all.subarray(from, from + length))).toBe(0);
      next = from + length;
    }
  }
  expect(() => file.read(new Uint8Array(2), size - 1)).toThrow(RangeError);
  file.dispose();
});
