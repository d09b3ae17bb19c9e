// Classes are matched by name between models and datasets, and where they cannot be, nothing is computed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { classNamesInModel } from '../../src/weights/onnx-class-names.ts';
import { rawPng } from '../datasets/make.ts';
import { dataelixir } from './program.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);

const COLORS: Readonly<Record<string, readonly number[]>> = {
  ant: [220, 30, 30],
  lion: [30, 220, 30],
  yak: [30, 30, 220],
};

/** An image of one color, a little different each time. */
function plain([r, g, b]: readonly number[], i: number): Buffer {
  const row = [0, ...Array.from({ length: 8 }, () => [r! + i, g! - i, b! + i]).flat()];
  return rawPng({ width: 8, height: 8, depth: 8, type: 2 }, Uint8Array.from(Array(8).fill(row).flat()));
}

function make(root: string, classes: readonly string[], like: readonly string[] = classes): void {
  for (const [kind, name] of classes.entries()) {
    for (let i = 0; i < 12; i++) {
      const path = at(root, name, `${i}.png`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, plain(COLORS[like[kind]!]!, i));
    }
  }
}

const evaluate = (...args: string[]) =>
  dataelixir(['evaluate', 'model.onnx', '--dataset-test', ...args], { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-names-'));
  make('all', ['ant', 'lion', 'yak']);
  make('one', ['lion']);
  make('other', ['tiger'], ['lion']);
  writeFileSync(
    at('config.yaml'),
    'classifier: { widths: [8], epochs: 30, batch: 12, learningRate: 0.05 }\n',
  );
  const args = ['train', 'all', '--config', 'config.yaml', '--output-path', 'model.onnx', '--workers', '1'];
  expect(await dataelixir(args, { cwd: folder })).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true }));

it('a model says the names, and a folder of one class is that class', async () => {
  expect(await classNamesInModel(at('model.onnx'))).toEqual(['ant', 'lion', 'yak']);
  const found = await evaluate('one');
  expect([found.code, found.stdout]).toEqual([0, '{"ba":1}\n']);
});

it('classes of other names are refused', async () => {
  const { code, stderr } = await evaluate('other');
  expect([code, stderr]).toEqual([3, expect.stringMatching(/\(ant, lion, yak\), found tiger; rename/)]);
});
