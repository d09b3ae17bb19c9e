// Preloaded into a program (`node --import`): notes in the file that DISK_NOTES names, in their order, which files it
// puts on disk, renames and removes. What it does stays as it is.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const { appendFileSync, readlinkSync } = fs;
const note = (...parts) => appendFileSync(process.env.DISK_NOTES, `${parts.join(' ')}\n`);
const nameOf = (descriptor) => readlinkSync(`/proc/self/fd/${descriptor}`);

function around(owner, name, before) {
  const original = owner[name];
  owner[name] = function (...args) {
    before.call(this, ...args);
    return original.apply(this, args);
  };
}

if (isMainThread) {
  around(fs, 'fsyncSync', (descriptor) => note('sync', nameOf(descriptor)));
  for (const of of [
    ['renameSync', 'rename'],
    ['rmSync', 'rm'],
  ]) {
    around(fs, of[0], (...paths) => note(of[1], ...paths.filter((path) => typeof path === 'string')));
  }
  around(fs.promises, 'rename', (from, to) => note('rename', from, to));
  const file = await fs.promises.open(process.execPath);
  around(Object.getPrototypeOf(file), 'sync', function () {
    note('sync', nameOf(this.fd));
  });
  await file.close();
  syncBuiltinESMExports();
}
