// Whatever a name leads to, reading it ends: pipes that nobody writes to, sockets, devices that give for ever.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openRegular, readRegular, readText } from '../../src/files/regular-file.ts';
import { temporaryFolder } from '../datasets/make.ts';

it('reads files whole, empty ones as well', async () => {
  const path = join(temporaryFolder(), 'a');
  for (const text of ['', 'a', 'ä'.repeat(100_000)]) {
    writeFileSync(path, text);
    expect(await readText(path)).toBe(text);
  }
});

it('reads no more than it may', async () => {
  const path = join(temporaryFolder(), 'a');
  writeFileSync(path, 'abc');
  expect(await readText(path, 3)).toBe('abc');
  await expect(readText(path, 2)).rejects.toThrow('3 bytes, above 2');
  await expect(readRegular(path, (size) => new RangeError(`${size}`))).rejects.toThrow(RangeError);
});

it.runIf(process.platform === 'linux')('takes nothing of what says that it has nothing', async () => {
  await expect(readText('/proc/self/status')).rejects.toThrow('more than the 0 bytes that it had');
  await expect(readRegular('/proc/self/pagemap')).rejects.toThrow('EINVAL');
});

it('does not take part of a file that grows for the whole', async () => {
  const path = join(temporaryFolder(), 'a');
  writeFileSync(path, 'abc');
  const grown = readRegular(path, () => {
    appendFileSync(path, 'd');
    return undefined;
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
