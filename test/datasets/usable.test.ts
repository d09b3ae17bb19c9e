// Too few usable samples end a run when all were read, with the reasons; equal ones are counted.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refuseToLog } from '../../src/app/datasets.ts';
import { TerminalLog } from '../../src/cli/log.ts';
import type { ReadResult } from '../../src/datasets/sample.ts';
import { usable } from '../../src/datasets/usable.ts';
import { DatasetError } from '../../src/errors.ts';
import { dataelixir } from '../cli/program.ts';
import { pngOf } from './make.ts';

async function* results(good: number, bad: readonly string[]): AsyncGenerator<ReadResult> {
  for (let i = 0; i < good; i++) {
    yield { ok: true, sample: { id: `${i}`, label: 0, pixels: new Uint8Array(1), shape: [1, 1, 1] } };
  }
  for (const [i, message] of bad.entries()) {
    yield { ok: false, quarantined: { code: 'sample', message, source: 'it', offset: i, id: `bad${i}` } };
  }
}

const sizes = (count: number) =>
  Array.from({ length: count }, (_, i) => `expected 3×3 at bad${i}, found ${i}×${i}; set dataset.resize`);

async function read(good: number, bad: readonly string[], least = 0.9, warn?: (text: string) => void) {
  const seen: boolean[] = [];
  for await (const { ok } of usable(results(good, bad), { name: 'it', least, warn })) seen.push(ok);
  return seen.length;
}

test('all results come, then the error with the reasons, most frequent first', async () => {
  const bad = [...sizes(11), ...Array<string>(20).fill('expected a PNG, found nothing; convert it')];
  const error = await read(40, bad).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatasetError);
  expect((error as Error).message).toBe(
    'expected 90 % of the samples of it to be usable, found 40 of 71 (20 like: expected a PNG, found nothing; convert it | ' +
      '11 like: expected 3×3 at bad0, found 0×0; set dataset.resize); do what is said there, or lower dataset.usable',
  );
  const warnings: string[] = [];
  expect(await read(40, bad, 0.9, (text) => warnings.push(text))).toBe(71);
  expect(warnings).toEqual([(error as Error).message]);
});

test('enough good ones, a lower share, or few bad ones end nothing', async () => {
  expect(await read(90, sizes(10))).toBe(100);
  expect(await read(3, sizes(17), 0.1)).toBe(20);
  expect(await read(1, sizes(9))).toBe(10);
  await expect(read(89, sizes(10))).rejects.toThrow(DatasetError);
});

test('equal warnings are folded into one with their count', async () => {
  const lines: string[] = [];
  const log = new TerminalLog({ write: (text: string) => lines.push(text) }, 'info');
  const refuse = refuseToLog({ log });
  for await (const result of results(0, [...sizes(5), 'expected a label, found none; add one'])) {
    if (!result.ok) await refuse(result.quarantined);
  }
  refuse.conclude();
  expect(lines.map((line) => line.trimEnd())).toEqual([
    expect.stringContaining('it at byte 0: expected 3×3 at bad0'),
    expect.stringContaining('it at byte 5: expected a label'),
    expect.stringContaining('4 more samples were refused like this one: expected 3×3 at bad0'),
  ]);
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-usable-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a classifier is not trained on the few that are left', async () => {
  const image = (i: number) => (i % 3 ? pngOf(i, [3, 4, 4]).toString('base64') : 'AAAA');
  const lines = Array.from({ length: 60 }, (_, i) => JSON.stringify({ label: i % 2, image: image(i) }));
  const args = ['train', '-', '--output-path', join(folder, 'model.onnx'), '--dataset-classes', '2'];
  const { code, stderr } = await dataelixir(args, { cwd: folder, stdin: `${lines.join('\n')}\n` });
  expect([code, stderr]).toEqual([3, expect.stringMatching(/found 40 of 60 \(20 like: .*dataset\.usable/)]);
  expect(existsSync(join(folder, 'model.onnx'))).toBe(false);
  expect(stderr.split('\n').filter((line) => line.includes('at byte'))).toHaveLength(1);
});
