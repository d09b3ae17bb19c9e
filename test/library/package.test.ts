// The package as it is installed: built into a folder of its own and imported by name. A consumer's program compiles
// against the declarations, the example runs, and what is not the library cannot be reached.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { openWriter } from '../../src/index.ts';
import { projectPath } from '../support/paths.ts';
import { writeTinyModels } from '../support/tiny-models.ts';

const TSC = [projectPath('node_modules/typescript/bin/tsc')];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-consumer-'));
  const installed = join(folder, 'node_modules/dataelixir');
  mkdirSync(installed, { recursive: true });
  const outDir = join(installed, 'dist');
  execFileSync(process.execPath, [...TSC, '-p', projectPath('tsconfig.build.json'), '--outDir', outDir]);
  for (const name of ['package.json', 'config', 'node_modules']) {
    symlinkSync(projectPath(name), join(installed, name));
  }
  for (const name of ['rxjs', '@types']) {
    symlinkSync(projectPath(`node_modules/${name}`), join(folder, 'node_modules', name));
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(() => rmSync(folder, { recursive: true }));

const PROGRAM = `
import { detect, type PurifyEvent, purify, type Sample, transitions, type Verdict } from 'dataelixir';
import { from, type Observable } from 'rxjs';

declare const samples: Observable<Sample>;
const signal = AbortSignal.timeout(1000);
const events: Observable<PurifyEvent> = from(
  purify(samples, { classes: 10, denoiser: 'd', signal, settings: { diffusion: { rounds: 3 }, workers: 2 } }),
);
events.subscribe((event) => {
  if (event.kind === 'settled') event.sample.pixels.length + event.entry.rule.length;
  if (event.kind === 'verdict') event.evidence.map(({ trigger }) => trigger?.pattern[0]);
});
async function* records() {
  for await (const event of transitions(samples, { classes: 10, denoiser: 'd', observer: 'o' }))
    if (event.kind === 'transition') yield event.record;
}
const verdict: Verdict = await detect(records(), { classes: 10 });
export const labels: readonly number[] = verdict.targetLabels;
`;

const WRONG: readonly (readonly [file: string, good: string, bad: string, message: RegExp])[] = [
  ['option.ts', 'rounds: 3', 'round: 3', /'round' does not exist/],
  ['type.ts', 'rounds: 3', "rounds: 'three'", /'string' is not assignable to type 'number'/],
  ['missing.ts', "denoiser: 'd', signal", 'signal', /not assignable to parameter of type 'PurifyOptions'/],
  ['inside.ts', "from 'dataelixir'", "from 'dataelixir/dist/src/workers/pool.js'", /Cannot find module/],
];

it('compiles a program that uses it, with all declarations checked, and refuses wrong ones', () => {
  const write = (file: string, program: string) => writeFileSync(join(folder, file), program);
  write('right.ts', PROGRAM);
  for (const [file, good, bad] of WRONG) write(file, PROGRAM.replace(good, bad));
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  const files = ['right.ts', ...WRONG.map(([file]) => file)];
  const { stdout } = spawnSync(process.execPath, [...TSC, ...options, ...files], {
    cwd: folder,
    encoding: 'utf8',
  });
  const complaints = stdout.split('\n').filter((line) => /^\S+\(\d+,\d+\): error/.test(line));
  for (const [file, , , message] of WRONG) {
    const own = complaints.filter((line) => line.startsWith(`${file}(`)).join('\n');
    expect(own, file).toMatch(message);
  }
  // neither in the right program nor in any declaration of the package
  expect(complaints.filter((line) => !WRONG.some(([file]) => line.startsWith(`${file}(`)))).toEqual([]);
});

it('runs the example of docs/examples', async () => {
  const { denoiser, observer } = await writeTinyModels(folder);
  const options = { format: 'class-folders', classes: 10, shape: [3, 32, 32] } as const;
  const writer = await openWriter(join(folder, 'batch'), options);
  for (let i = 0; i < 20; i++) await writer.write(drawShape('train', i));
  await writer.close();
  copyFileSync(projectPath('docs/examples/stream.mjs'), join(folder, 'stream.mjs'));
  const args = ['stream.mjs', 'batch', denoiser, observer];
  const ended = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect(ended.stderr).toBe('targets: []\n20 samples settled\n');
  const lines = ended.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(20);
  expect(lines[0]).toEqual({ id: expect.any(String), label: expect.any(Number), rule: 'unflagged' });
  expect(ended.status).toBe(0);
});

it('names files that the build makes', () => {
  const installed = join(folder, 'node_modules/dataelixir');
  const { exports, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const named = [...Object.values<string>(exports['.']), ...Object.values<string>(bin)];
  expect(named).toHaveLength(3);
  expect(named.filter((path) => !existsSync(join(installed, path)))).toEqual([]);
});
