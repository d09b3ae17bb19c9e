// What messages tell people to set or to pass exists: every text in the code is read against the schema.

import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { globSync } from 'tinyglobby';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { options } from '../../config/load.ts';
import { recognise } from '../../src/datasets/recognise.ts';
import { temporaryFolder } from '../datasets/make.ts';
import { projectPath } from '../support/paths.ts';

const root = projectPath('.');
const files = globSync(['src/**/*.ts', 'streams/**/*.ts', 'config/*.ts'], { cwd: root, absolute: true });

const byPath = new Map(options.map((named) => [named.path, named.option]));
const sections = [
  ...new Set(options.flatMap(({ path }) => (path.includes('.') ? [path.split('.')[0]!] : []))),
];
const flags = new Set([...options.map(({ arg }) => arg), 'config', 'help', 'version']);

/** Options of other programs. */
const FOREIGN = ['ignore-scripts', 'dereference', 'hard-dereference'];
/** What the help says of flags in general. */
const GENERAL = ['no-overwrite'];
/** Files that are called as an option might be. */
const FILES = ['dataset.json', 'dataset.names', 'state.safetensors'];
/** What `set` is followed by where a message has named the option before. */
const REFERENCES = ['it', 'that', 'the', '1', 'and'];

/** Texts of a file in the order in which they stand; what is put in is left out, and texts that are added become one. */
function sentencesOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text === undefined) ts.forEachChild(node, visit);
    else if (text.includes(' ')) found.push(text);
  };
  visit(source);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    const spans = node.templateSpans.map(
      ({ expression, literal }) => (textOf(expression) ?? '\u2026') + literal.text,
    );
    return node.head.text + spans.join('');
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined && right === undefined ? undefined : `${left ?? '\u2026'}${right ?? '\u2026'}`;
}

/** What a text names that nobody can set or pass. */
function unknownIn(text: string): string[] {
  const paths = [...text.matchAll(new RegExp(`(?<![\\w/.])(?:${sections.join('|')})\\.[A-Za-z]+`, 'g'))];
  const passed = [...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)];
  const set = [...text.matchAll(/(?<!training |test )\bset ([\w.*]+)(?: to ([\w-]+))?/g)];
  return [
    ...paths.map(([path]) => path).filter((path) => !byPath.has(path) && !FILES.includes(path)),
    ...passed.flatMap(([, flag]) =>
      flags.has(flag!) || [...FOREIGN, ...GENERAL].includes(flag!) ? [] : [`--${flag}`],
    ),
    ...set.flatMap(([whole, name, value]) => (isSettable(name!.replace(/\.$/, ''), value) ? [] : [whole])),
  ];
}

function isSettable(name: string, value: string | undefined): boolean {
  if (REFERENCES.includes(name)) return true;
  if (name.endsWith('.*')) return sections.includes(name.slice(0, -2));
  const option = byPath.get(name);
  return option !== undefined && (value === undefined || value === 'one' || fits(option.choices, value));
}

const fits = (choices: readonly string[] | undefined, value: string) => choices?.includes(value) ?? true;

describe('messages', () => {
  it.each(files.map((file) => [relative(root, file), file]))('%s names what exists', (_, file) => {
    expect(sentencesOf(file).flatMap(unknownIn)).toEqual([]);
  });

  it.each([
    'found none; set dataset.labels',
    'set dataset.format to shapes',
    'raise dataset.mostPixels',
    'pass --detect-fail-on',
  ])('are caught where they do not: %s', (text) => {
    expect(unknownIn(text)).not.toEqual([]);
  });

  it('list the formats that can be set', async () => {
    const path = join(temporaryFolder(), 'odd');
    writeFileSync(path, 'odd');
    const error = await recognise(path).catch((cause: Error) => cause);
    const listed = /set dataset\.format to one of (.*)$/.exec((error as Error).message)![1]!.split(', ');
    expect(['auto', ...listed]).toEqual(byPath.get('dataset.format')!.choices);
  });
});
