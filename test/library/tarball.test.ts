// The package as `npm pack` makes it, unpacked into another project with no more around it than package.json asks for:
// what its pages link to is there, and the program runs.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataelixir } from '../cli/program.ts';
import { projectPath } from '../support/paths.ts';

let folder: string;
let installed: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-tarball-'));
  installed = join(folder, 'node_modules/dataelixir');
  mkdirSync(installed, { recursive: true });
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
  const name = execFileSync('npm', pack, { cwd: projectPath('.'), encoding: 'utf8' }).trim();
  execFileSync('tar', ['-xzf', join(folder, name), '--strip-components=1', '-C', installed]);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(projectPath(`node_modules/${dependency}`), link);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Files that the links of a page lead to, but for those of the web. */
function linksOf(page: string): string[] {
  const links = readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g);
  const paths = [...links].map(([, link]) => link!.replace(/#.*/, ''));
  return paths
    .filter((path) => path !== '' && !/^[a-z]+:/.test(path))
    .map((path) => join(dirname(page), path));
}

it('holds all that its pages link to', () => {
  const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const pages = names.filter((name) => name.endsWith('.md')).map((name) => join(installed, name));
  expect(pages).toContain(join(installed, 'README.md'));
  const links = pages.flatMap((page) => linksOf(page).map((path) => ({ page, path })));
  expect(links.length).toBeGreaterThan(20);
  const broken = links.filter(({ path }) => !existsSync(path) || relative(installed, path).startsWith('..'));
  expect(broken).toEqual([]);
});

it('runs where only its dependencies are', async () => {
  writeFileSync(
    join(folder, 'config.yaml'),
    '{ workers: 1, dataset: { train: ["shapes:train"], limit: 60 }, classifier: { widths: [4], epochs: 1, batch: 20 } }',
  );
  const program = [join(installed, 'dist/src/cli/main.js')];
  const args = ['train', '--config', 'config.yaml', '--output-path', 'model.onnx'];
  const ended = await dataelixir(args, { cwd: folder, env: { NODE_PATH: undefined } }, program);
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/written to model\.onnx/) });
  expect(existsSync(join(folder, 'model.onnx'))).toBe(true);
});
