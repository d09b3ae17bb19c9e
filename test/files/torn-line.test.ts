import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cutTornLine } from '../../src/files/torn-line.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-torn-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Two blocks and more, none of which ends where a line does. */
const LONG = 'ü'.repeat(100_000);

it.each([
  ['', ''],
  ['{"a":1}\n{"b":2}\n', '{"a":1}\n{"b":2}\n'],
  ['{"a":1}\n{"b"', '{"a":1}\n'],
  ['{"a"', ''],
  [LONG, ''],
  [`{"a":1}\n${LONG}`, '{"a":1}\n'],
  [`${LONG}\n{"b"`, `${LONG}\n`],
])('cuts off half a line (%#)', (before, after) => {
  const path = join(folder, 'lines.ndjson');
  writeFileSync(path, before);
  cutTornLine(path);
  expect(readFileSync(path, 'utf8') === after).toBe(true);
});

it('makes no file where there is none', () => {
  const path = join(folder, 'none.ndjson');
  cutTornLine(path);
  expect(existsSync(path)).toBe(false);
});
