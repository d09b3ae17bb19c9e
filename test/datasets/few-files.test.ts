// A process that may open few files reads all samples, or ends: it never takes one that it could not open for a bad one.

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { OutputError, recognised, UnreadableError } from '../../src/errors.ts';
import { pngOf, temporaryFolder } from './make.ts';

const COUNT = 200;

it.runIf(process.platform === 'linux').each([
  ['some are left', 6, { usable: COUNT, bad: 0, ended: '' }],
  ['none is left', 0, { usable: 0, bad: 0, ended: 'UnreadableError' }],
])(
  'reads or ends where %s',
  async (_, free, expected) => {
    const root = temporaryFolder();
    for (const name of ['a', 'b']) mkdirSync(join(root, name));
    for (let n = 0; n < COUNT; n++)
      writeFileSync(join(root, n % 2 ? 'b' : 'a', `${n}.png`), pngOf(n, [1, 4, 4]));
    const script = ['--import', import.meta.resolve('tsx'), resolve('test/support/few-files.ts')];
    const shell = ['-c', 'ulimit -n 128 && exec "$@"', 'bash', process.execPath, ...script, root, `${free}`];
    const { stdout } = await promisify(execFile)('bash', shell);
    expect(JSON.parse(stdout)).toEqual(expected);
  },
  30_000,
);

it('says so wherever files run out', () => {
  const error = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE', path: '/x' });
  expect(recognised(error)).toBeInstanceOf(UnreadableError);
  expect(OutputError.of('out.tar', error)).toMatchObject({
    exitCode: 75,
    message: expect.stringMatching(/out\.tar, found: EMFILE.*ulimit -n/),
  });
});
