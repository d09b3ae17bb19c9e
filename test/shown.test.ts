import { expect, test } from 'vitest';
import { DatasetError, fromFailure, SampleError, WeightsError } from '../src/errors.ts';
import { shown } from '../src/shown.ts';

const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown;

test.each([
  [undefined, 'none'],
  [null, 'null'],
  [-1.5, '-1.5'],
  ['a"b', '"a\\"b"'],
  ['x'.repeat(10_000_000), `"${'x'.repeat(40)}…"`],
  [[1, 'a', null], '[1,"a",null]'],
  [{ a: 1, toString: 1 }, '{"a":1,"toString":1}'],
  [['x'.repeat(500)], `["${'x'.repeat(78)}…`],
  [[[1]], 'a list'],
  [[], 'a list'],
  [{ a: {} }, 'an object'],
  [deep, 'a list'],
  [Array(1000).fill(0), 'a list'],
])('a value in a message takes no more than a line: %#', (value, text) => {
  expect(shown(value)).toBe(text);
});

test.each([DatasetError, SampleError, WeightsError])('a message keeps its start and its end', (kind) => {
  const message = `expected a name, found ${'x'.repeat(1_000_000)}; rename it`;
  const error = new kind(message);
  expect(error.message).toMatch(/^expected a name, found x+ … x+; rename it$/);
  expect(error.message.length).toBeLessThanOrEqual(2000);
  // also from another thread
  expect(fromFailure({ code: error.code, message: error.message }).message).toBe(error.message);
  const short = `expected a name, found ${'x'.repeat(1900)}; rename it`;
  expect(new kind(short).message).toBe(short);
});
