// What the pages link to and name is there: files and headings, options of the program, paths of the project. Whoever
// moves or renames something is told which page still has the old name.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { options } from '../../config/load.ts';
import { projectPath } from '../support/paths.ts';

const root = projectPath('.');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort();
/** Pages that tell of today alone. */
const current = pages.filter((page) => page !== 'CHANGELOG.md');

/** Options of other programs. */
const FOREIGN = [
  ...['list', 'only', 'redo', 'commit', 'write', 'ignore-scripts'],
  ...['trace-gc', 'heap-growing-percent', 'initial-old-space-size', 'optimize-for-size'],
];

const textOf = (page: string) => readFileSync(join(root, page), 'utf8');
const proseOf = (page: string) => textOf(page).replaceAll(/^```.*?^```$/gms, '');

/** What stands between backticks. */
function codeOf(page: string): string[] {
  return [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** Anchors of the headings of a page, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!.toLowerCase());
  return headings.map((heading) => heading.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

/** Links of a page, with those of pictures, but not those to the web. */
function linksOf(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

function isBroken(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : relative(root, join(root, dirname(page), path));
  if (!existsSync(join(root, target)) || target.startsWith('..')) return true;
  return (
    anchor !== undefined && !(statSync(join(root, target)).isFile() && anchorsOf(target).includes(anchor))
  );
}

/** Options in the examples and between backticks that nobody can pass or set. */
function unknownOptions(page: string): string[] {
  const args = new Set([...options.map(({ arg }) => arg), ...['config', 'help'], ...FOREIGN]);
  const examples = [...textOf(page).matchAll(/^```(?:sh|yaml)\n(.*?)^```$/gms)].map(([, code]) => code!);
  const passed = [...examples, ...codeOf(page)].flatMap((text) => [
    ...text.matchAll(/(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?![\w-])/g),
  ]);
  const paths = new Set(options.map(({ path }) => path));
  const sections = new Set(
    [...paths].filter((path) => path.includes('.')).map((path) => path.split('.')[0]!),
  );
  const named = codeOf(page).flatMap((text) => {
    const [path, section, name] = /^([a-z]+)\.([a-zA-Z]+)(?=$|:)/.exec(text) ?? [];
    return path && sections.has(section!) && !['json', 'onnx', 'names'].includes(name!) ? [path] : [];
  });
  return [
    ...passed.map(([, name]) => name!).filter((name) => !args.has(name)),
    ...named.filter((path) => !paths.has(path)),
  ];
}

/** Paths of the project between backticks that are not there. */
function missingPaths(page: string): string[] {
  const paths = codeOf(page).flatMap(
    (text) =>
      /(?<![\w/.-])(?:src|streams|config|test|docs|fixtures|models(?=\/[\w-]+\.safetensors))\/[\w/.-]+/.exec(
        text,
      ) ?? [],
  );
  return paths.filter((path) => !existsSync(join(root, path)));
}

it.each(pages)('all links of %s lead to something', (page) => {
  expect(linksOf(page).filter((link) => isBroken(page, link))).toEqual([]);
});

it.each(current)('%s names options that exist', (page) => {
  expect(unknownOptions(page)).toEqual([]);
});

it.each(current)('%s names paths of the project that are there', (page) => {
  expect(missingPaths(page)).toEqual([]);
});

it('would show what leads nowhere', () => {
  expect(linksOf('README.md').length).toBeGreaterThan(15);
  expect(isBroken('README.md', 'docs/none.md')).toBe(true);
  expect(isBroken('README.md', 'docs/method.md#nowhere')).toBe(true);
  expect(isBroken('docs/method.md', '#reasons')).toBe(false);
  expect(codeOf('docs/method.md')).toContain('detect.falseAlarm');
});
