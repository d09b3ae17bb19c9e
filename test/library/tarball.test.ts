// The package as `npm pack` makes it, unpacked into another project with no more around it than package.json asks for:
// it is small, what its pages link to is there, and the program repairs a dataset with a denoiser that came with it.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataelixir } from '../cli/program.ts';
import { projectPath } from '../support/paths.ts';

/** Bytes: 7.1 million of them are the denoisers. */
const LARGEST = 8e6;

let folder: string;
let archive: string;
let installed: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-tarball-'));
  installed = join(folder, 'node_modules/dataelixir');
  mkdirSync(installed, { recursive: true });
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
  const name = execFileSync('npm', pack, { cwd: projectPath('.'), encoding: 'utf8' }).trim();
  archive = join(folder, name);
  execFileSync('tar', ['-xzf', archive, '--strip-components=1', '-C', installed]);
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

it('is small, and holds nothing that only tests and builds need', () => {
  expect(statSync(archive).size).toBeLessThanOrEqual(LARGEST);
  const names = readdirSync(installed).filter((name) => !/^(LICENSE|package\.json|.*\.md)$/.test(name));
  expect(names.sort()).toEqual(['config', 'dist', 'docs', 'models']);
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.endsWith('.map') || /^config\/.*\.ts$/.test(name))).toEqual([]);
});

it('holds all that its pages link to', () => {
  const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const pages = names.filter((name) => name.endsWith('.md')).map((name) => join(installed, name));
  expect(pages).toContain(join(installed, 'README.md'));
  const links = pages.flatMap((page) => linksOf(page).map((path) => ({ page, path })));
  expect(links.length).toBeGreaterThan(20);
  const broken = links.filter(({ path }) => !existsSync(path) || relative(installed, path).startsWith('..'));
  expect(broken).toEqual([]);
});

it('repairs a dataset where only its dependencies are', async () => {
  writeFileSync(
    join(folder, 'config.yaml'),
    `workers: 1
dataset: { train: ["shapes:train"], limit: 40 }
classifier: { widths: [4], epochs: 1, batch: 20 }
denoiser: { path: models/shapes.safetensors }
diffusion: { rounds: 1, steps: 1 }
detect: { rule: divergence }
output: { path: purified.ndjson, format: ndjson }`,
  );
  const program = [join(installed, 'dist/src/cli/main.js')];
  const args = ['purify', '--config', 'config.yaml'];
  const ended = await dataelixir(args, { cwd: folder, env: { NODE_PATH: undefined } }, program);
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('40 written') });
  expect(JSON.parse(ended.stdout)).toMatchObject({ samples: 40 });
  expect(readFileSync(join(folder, 'purified.ndjson'), 'utf8').trimEnd().split('\n')).toHaveLength(40);
}, 60_000);
