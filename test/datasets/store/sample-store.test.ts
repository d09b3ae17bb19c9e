import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { originalImage } from '../../../src/datasets/images/image-file.ts';
import type { Origin } from '../../../src/datasets/origin.ts';
import type { Sample } from '../../../src/datasets/sample.ts';
import { SampleStore } from '../../../src/datasets/store/sample-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Sample `i`: its pixels are bytes that no other sample has in that order. */
function numbered(i: number): Sample {
  const pixels = Uint8Array.from({ length: 3 * 4 * 5 }, (_, at) => (i * 31 + at * 7 + (i >> 8)) & 0xff);
  return { id: `a "quoted"\nid ${i} ü`, label: i % 70_001, pixels, shape: [3, 4, 5] };
}

test('gives back samples at any indices, before and after they reached the disk', () => {
  const store = new SampleStore(join(folder, 'new', 'raw'), [3, 4, 5]);
  expect(store.count).toBe(0);
  expect(store.append(numbered(0))).toBe(0);
  expect(store.read([0]).pixels).toEqual(numbered(0).pixels);

  for (let i = 1; i < 40_000; i++) store.append(numbered(i)); // 2.5 MB: more than the write buffer
  expect(store.count).toBe(40_000);
  const wanted = [39_999, 0, 12_345, 12_345, 1];
  const batch = store.read(Uint32Array.from(wanted));
  expect([...batch.labels]).toEqual(wanted.map((i) => numbered(i).label));
  wanted.forEach((i, at) => {
    expect(batch.pixels.subarray(at * 60, (at + 1) * 60)).toEqual(numbered(i).pixels);
  });
  store.dispose();
});

test('streams all samples in order with their ids, while others are appended', () => {
  const store = new SampleStore(join(folder, 'raw'), [3, 4, 5]);
  for (let i = 0; i < 5_000; i++) store.append(numbered(i));
  let next = 0;
  for (const sample of store.stream()) {
    expect(sample).toEqual(numbered(next));
    if (next++ % 100 === 0) store.append(numbered(9));
  }
  expect(next).toBe(5_000);
  expect(store.count).toBe(5_050);
  store.dispose();
});

test('an empty store streams nothing and reads nothing', () => {
  const store = new SampleStore(join(folder, 'raw'), [1, 2, 2]);
  expect([...store.stream()]).toEqual([]);
  expect(store.read([]).pixels.length).toBe(0);
  expect(() => store.read([0])).toThrow('expected an index in [0, 0), found 0');
  store.dispose();
});

test('refuses images of another size and indices that are not there', () => {
  const store = new SampleStore(join(folder, 'raw'), [1, 4, 5]);
  expect(() => store.append(numbered(3))).toThrow(
    /expected images of \[1,4,5\] \(20 bytes\), found 60 bytes/,
  );
  expect(() => store.read([-1])).toThrow(RangeError);
  expect(() => store.read([Number.NaN])).toThrow(RangeError);
  store.dispose();
});

test('images larger than the write buffer', () => {
  const shape = [3, 700, 700] as const;
  const store = new SampleStore(join(folder, 'raw'), shape);
  for (const label of [1, 2]) {
    store.append({ id: `${label}`, label, pixels: new Uint8Array(3 * 700 * 700).fill(label), shape });
  }
  const streamed = [...store.stream()];
  expect(streamed.map((sample) => sample.id)).toEqual(['1', '2']);
  expect(streamed.every((sample) => sample.pixels.every((value) => value === sample.label))).toBe(true);
  store.dispose();
});

test('dispose removes the files', () => {
  const path = join(folder, 'raw');
  const store = new SampleStore(path, [1, 2, 2]);
  expect(existsSync(`${path}.samples`)).toBe(true);
  store.dispose();
  expect(existsSync(`${path}.samples`)).toBe(false);
  expect(existsSync(`${path}.ids`)).toBe(false);
});

test('lines of NDJSON come back as they were, with where their image stands', () => {
  const store = new SampleStore(join(folder, 'lines'), [1, 1, 1]);
  const lines = ['{"image":"aGk="}', '{"image":"aGk=","label":2,"more":"ä\\n{"}\r', '{"path":"a.png"}'];
  const origins = lines.map((text, i): Origin => {
    const says = [{ label: 0 }, { id: '"ä"', label: 2 }, { label: 0, path: 'a.png' }][i]!;
    const rest = { format: 'ndjson' as const, line: Buffer.from(text), folder: 'a/"b"', says };
    return [
      { image: 'in line' as const, rest },
      { rest },
      { image: Buffer.from('hi'), size: [3, 4] as const, rest },
    ][i]!;
  });
  for (const [i, origin] of origins.entries()) {
    store.append({ id: String(i), label: 0, pixels: Uint8Array.of(i), shape: [1, 1, 1] }, origin);
  }
  const read = origins.map((_, i) => store.origin(i)!);
  expect(read).toEqual(origins);
  expect(read.map((origin) => originalImage(origin)?.toString())).toEqual(['hi', undefined, 'hi']);
  store.dispose();
});

test('origins of some samples come back with theirs', () => {
  const path = join(folder, 'raw');
  const store = new SampleStore(path, [3, 4, 5]);
  for (let i = 0; i < 300; i++) {
    store.append(numbered(i), i % 3 === 1 ? { image: Uint8Array.of(i & 0xff, 1) } : undefined);
    if (i === 150) expect([...store.origin(148)!.image!]).toEqual([148, 1]);
  }
  expect(store.origin(0)).toBeUndefined();
  expect(store.origin(298)).toEqual({ image: expect.any(Uint8Array) });
  expect([...store.origin(298)!.image!]).toEqual([298 & 0xff, 1]);
  expect([store.origin(299), store.origin(1000)]).toEqual([undefined, undefined]);
  store.dispose();
  expect(existsSync(`${path}.origins`)).toBe(false);
});
