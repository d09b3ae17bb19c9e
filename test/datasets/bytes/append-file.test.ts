import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AppendFile } from '../../../src/datasets/bytes/append-file.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';
import { temporaryFolder } from '../make.ts';

test('gives back what was appended, read on or anywhere, while it grows', () => {
  const file = new AppendFile(join(temporaryFolder(), 'scratch'));
  const random = new RandomStream(randomKey(1, 'append-file'));
  const all = Buffer.alloc(4_000_000);
  let size = 0;
  let next = 0;
  const views: { readonly found: Uint8Array; readonly from: number }[] = [];
  while (size < 3_000_000) {
    const bytes = Buffer.alloc(1 + random.integer(40_000), size & 0xff);
    all.set(bytes, size);
    size += bytes.length;
    file.append(bytes);
    for (let reads = random.integer(4); reads > 0; reads--) {
      const length = random.integer(Math.min(100_000, size));
      // more often than not where the last read ended
      const from = random.integer(3) > 0 && next + length <= size ? next : random.integer(size - length);
      const found = random.integer(2) > 0 ? file.view(length, from) : new Uint8Array(length);
      if (!Buffer.isBuffer(found)) file.read(found, from);
      views.push({ found, from });
      expect(Buffer.compare(found, all.subarray(from, from + length))).toBe(0);
      next = from + length;
    }
  }
  for (const { found, from } of views.slice(0, 500)) {
    expect(Buffer.compare(found, all.subarray(from, from + found.length))).toBe(0);
  }
  expect(() => file.view(2, size - 1)).toThrow(RangeError);
  expect(() => file.read(new Uint8Array(2), size - 1)).toThrow(RangeError);
  file.dispose();
});
