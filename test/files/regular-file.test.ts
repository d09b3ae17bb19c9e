// Whatever a name leads to, reading it ends: pipes that nobody writes to, sockets, devices that give for ever.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openRegular, readText, readWhole, withRegular } from '../../src/files/regular-file.ts';
import { temporaryFolder } from '../datasets/make.ts';

it('reads files whole, empty ones as well', async () => {
  const path = join(temporaryFolder(), 'a');
  for (const text of ['', 'a', 'ä'.repeat(100_000)]) {
    writeFileSync(path, text);
    expect(await readText(path)).toBe(text);
  }
});

it('does not take part of a file that grows for the whole', async () => {
  const path = join(temporaryFolder(), 'a');
  writeFileSync(path, 'abc');
  const grown = withRegular(path, (file, size) => {
    appendFileSync(path, 'd');
    return readWhole(file, size);
  });
  await expect(grown).rejects.toThrow('more than the 3 bytes that it had');
});

it.runIf(process.platform === 'linux')('opens nothing that is no regular file', async () => {
  const root = temporaryFolder();
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const server = createServer().listen(join(root, 'socket'));
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const device = /not a regular file but a pipe, a socket or a device/;
  for (const path of [join(root, 'pipe'), join(root, 'socket'), '/dev/zero']) {
    await expect(openRegular(path)).rejects.toThrow(device);
  }
  await expect(openRegular(root)).rejects.toThrow(/not a regular file but a folder/);
});
