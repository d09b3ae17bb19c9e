// What a disk says of a path in a line: denials cost the line, unless they are those of the folder that the user allowed.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pathsBelow } from '../../../../src/datasets/formats/ndjson/path-file.ts';
import { openDataset } from '../../../../src/datasets/open.ts';
import { ForbiddenError, SampleError, UnreadableError } from '../../../../src/errors.ts';
import { patience } from '../../../../src/files/patience.ts';
import { pngOf, readAll, temporaryFolder } from '../../make.ts';

const IMAGE = pngOf(1, [1, 2, 2]);
// root is refused nothing
const isRoot = process.geteuid?.() === 0;

describe.runIf(process.geteuid)('a denial', () => {
  let root: string;
  let folder: string;
  beforeAll(() => patience.giveUp());
  beforeEach(() => {
    root = temporaryFolder();
    folder = join(root, 'set');
    for (const name of ['set/closed', 'other']) {
      mkdirSync(join(root, name), { recursive: true });
      writeFileSync(join(root, name, 'a.png'), IMAGE);
    }
    writeFileSync(join(folder, 'denied.png'), IMAGE, { mode: 0 });
    for (const path of [root, folder]) chmodSync(path, 0o755);
  });
  afterEach(() => {
    if (isRoot) process.seteuid!(0);
    for (const name of ['set', 'set/closed', 'other']) chmodSync(join(root, name), 0o755);
  });

  /** From here on in a test these are closed, and it has no rights but those of their modes. */
  function close(...names: string[]): void {
    for (const name of names) chmodSync(join(root, name), 0);
    if (isRoot) process.seteuid!(65534);
  }

  it('costs the line that names the path', async () => {
    close('set/closed', 'other');
    const find = pathsBelow(folder, folder);
    for (const path of ['closed/a.png', '../other/a.png', join(root, 'other/a.png')]) {
      await expect(find(path)).rejects.toThrow(SampleError);
      await expect(find(path)).rejects.toThrow(/expected a readable file, found: EACCES.*; check the path/);
    }
    expect(await find('denied.png')).toMatch(/denied\.png$/);
  });

  it('ends the run where it is one of the folder that is allowed', async () => {
    const find = pathsBelow(folder, root);
    expect(await find('set/denied.png')).toMatch(/denied\.png$/);
    close('set', 'other');
    await expect(find('set/denied.png')).rejects.toThrow(UnreadableError);
    await expect(find('other/a.png')).rejects.toThrow(UnreadableError);
    await expect(pathsBelow(join(folder, 'closed'), root)('set/closed/a.png')).rejects.toThrow(
      UnreadableError,
    );
  });

  it('of a file costs its line, or the run where the user named it', async () => {
    const path = join(root, 'set.ndjson');
    const good = { id: 'good', label: 0, image: IMAGE.toString('base64') };
    const denied = { id: 'denied', label: 0, path: 'set/denied.png' };
    writeFileSync(path, `${JSON.stringify(good)}\n${JSON.stringify(denied)}\n`);
    writeFileSync(join(root, 'closed.ndjson'), '{}');
    close('closed.ndjson');
    const { samples, bad } = await readAll(await openDataset(path));
    expect(samples.map(({ id }) => id)).toEqual(['good']);
    expect(bad).toMatchObject([{ id: 'denied', code: 'sample', message: expect.stringMatching(/EACCES/) }]);
    await expect(openDataset(join(root, 'closed.ndjson'))).rejects.toThrow(ForbiddenError);
  });
});
