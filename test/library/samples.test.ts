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
