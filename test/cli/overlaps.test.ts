// Inputs and outputs that are one place under two names, on a real file system: the same, inside each other, over links,
// and where nothing is there yet.

import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { matcherOf, patternOf } from '../../src/app/globs.ts';
import { refuseOverlaps } from '../../src/cli/overlaps.ts';
import { ConfigError } from '../../src/errors.ts';
import { temporaryFolder } from '../datasets/make.ts';

let root: string;
const at = (path: string) => join(root, path);
beforeEach(() => {
  root = temporaryFolder();
  mkdirSync(at('data/cat'), { recursive: true });
  writeFileSync(at('data/cat/0.png'), '');
  writeFileSync(at('a.ndjson'), '');
});

const output = (path: string, name = 'output.path') => ({ name, path: at(path), remedy: '--output-path' });
const input = (path: string) => ({ name: 'dataset.train', path: at(path) });
function message(action: () => void): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.replaceAll(root, '');
  }
  return '';
}
const refused = (from: string, to: string) => message(() => refuseOverlaps([input(from)], [output(to)]));

describe('refuses, and names both', () => {
  it.each([
    ['a.ndjson', 'a.ndjson', '/a.ndjson the same as /a.ndjson'],
    ['data/cat/0.png', 'data', '/data around /data/cat/0.png'],
    ['data', 'data/cat/out', '/data/cat/out inside /data'],
    // not there yet, neither of them
    ['new/data', 'new/data', '/new/data the same as /new/data'],
    ['new/data', 'new/data/deep/out', '/new/data/deep/out inside /new/data'],
    ['new/out/data', 'new/out', '/new/out around /new/out/data'],
  ])('%s read, %s written', (from, to, found) => {
    expect(refused(from, to)).toBe(
      `expected output.path to lie apart from dataset.train, found ${found}; choose another --output-path`,
    );
  });

  it('through links, to what is there and to what is not', () => {
    symlinkSync('data', at('link'));
    expect(refused('data', 'link/out')).toContain('found /link/out (/data/out) inside /data;');
    expect(refused('link/cat', 'data')).toContain('found /data around /link/cat (/data/cat);');
    symlinkSync(at('data/later/file'), at('dangling'));
    expect(refused('data', 'dangling')).toContain('found /dangling (/data/later/file) inside /data;');
    symlinkSync('loop', at('loop'));
    expect(refused('data', 'loop')).toBe('');
  });

  it('a file under two names', () => {
    linkSync(at('a.ndjson'), at('b.ndjson'));
    expect(refused('a.ndjson', 'b.ndjson')).toContain('/b.ndjson the same as /a.ndjson');
  });

  it('what a pattern matches, there or not', async () => {
    const source = at('data/*.tar');
    const pattern = { ...input('data/*.tar'), matches: matcherOf((await patternOf(source))!) };
    const found = (to: string) => message(() => refuseOverlaps([pattern], [output(to)]));
    expect(found('data/out.tar')).toContain('found /data/out.tar among /data/*.tar;');
    expect(found('data/folder.tar/out')).toContain('found /data/folder.tar/out among');
    expect(found('data')).toContain('found /data around /data/*.tar;');
    expect([found('data/out.ndjson'), found('data/sub/out.tar'), found('out.tar')]).toEqual(['', '', '']);
  });

  it('two outputs in one place, but not what belongs to one option', () => {
    const [dataset, windows] = [output('out'), output('out/windows', 'detect.windows')];
    expect(message(() => refuseOverlaps([], [dataset, windows]))).toContain(
      'expected detect.windows to lie apart from output.path, found /out/windows inside /out;',
    );
    expect(message(() => refuseOverlaps([], [output('x'), output('x')]))).toBe('');
  });
});

it('takes places that only look alike, inputs that overlap, devices and pipes', () => {
  expect([refused('a.ndjson', 'a.ndjson.gz'), refused('data', 'data2'), refused('data', '..')]).toEqual([
    '',
    '',
    expect.stringContaining(' around '),
  ]);
  expect(message(() => refuseOverlaps([input('data'), input('data/cat')], [output('out')]))).toBe('');
  execFileSync('mkfifo', [at('pipe')]);
  expect(refused('pipe', 'pipe')).toBe('');
  const device = { name: 'stdin', path: '/dev/null' };
  expect(message(() => refuseOverlaps([device], [{ ...device, remedy: '' }]))).toBe('');
});
