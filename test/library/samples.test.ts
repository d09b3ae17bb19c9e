import { expect, test } from 'vitest';
import type { ReadResult, Sample } from '../../src/datasets/sample.ts';
import { openSamples } from '../../src/library/samples.ts';

test('ids that no output can hold are set aside, with no more of them than a message takes', async () => {
  const given = async function* (): AsyncGenerator<Sample> {
    for (const id of ['a', '', '\ud800', 'i'.repeat(5000), 'b']) {
      yield { id, label: 0, pixels: new Uint8Array(1), shape: [1, 1, 1] };
    }
  };
  const { source } = await openSamples(given(), 1);
  const results: ReadResult[] = [];
  for await (const result of source) results.push(result);
  expect(results.map((result) => (result.ok ? result.sample.id : result.quarantined.message))).toEqual([
    'a',
    expect.stringMatching(/found an empty one/),
    expect.stringMatching(/half of a surrogate pair in "\\ud800"/),
    expect.stringMatching(/at most 4096 characters, found 5000/),
    'b',
  ]);
  expect(JSON.stringify(results[3]).length).toBeLessThan(300);
});

test.each([
  [new Float32Array(3), 'found 3 in Float32Array'],
  [[1, 2, 3], 'found 3 in Array'],
  [new Uint8Array(2), 'found 2'],
  [undefined, 'found undefined'],
  [null, 'found null'],
])('pixels of another type are told by it: %o', async (pixels, found) => {
  const good = { id: 'a', label: 0, pixels: new Uint8Array(3), shape: [3, 1, 1] } as const;
  const given = async function* (): AsyncGenerator<Sample> {
    yield good;
    yield { ...good, id: 'b', pixels: pixels as Uint8Array };
  };
  const { source } = await openSamples(given(), 1);
  const results: ReadResult[] = [];
  for await (const result of source) results.push(result);
  expect(results[1]).toMatchObject({
    quarantined: { message: `expected 3 pixels in a Uint8Array, ${found} at sample b` },
  });
});
