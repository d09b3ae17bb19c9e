// Preloaded into a program (`node --import`): counts what its main thread does to files, its database and stdout, and kills
// it (SIGKILL) in the middle of the step that KILL_STEP names, half of whose bytes are written. At the end it writes how many
// steps there were into the file that KILL_STEPS names. What the program does stays as it is.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { ClassicLevel } from 'classic-level';

const CHANGES = ['rename', 'rm', 'rmdir', 'unlink', 'mkdir', 'mkdtemp', 'link', 'copyFile', 'truncate', 'cp'];
const WRITES = ['write', 'writev', 'writeFile', 'appendFile', 'fsync', 'sync', 'ftruncate', 'datasync'];
const { writeFileSync, writeSync } = fs;
const fatal = Number(process.env.KILL_STEP ?? 0);
let steps = 0;

function die() {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

/** Half of what is written, where that is text or bytes. */
const halfOf = (data) =>
  typeof data === 'string' || ArrayBuffer.isView(data) ? data.slice(0, data.length >> 1) : undefined;

function count(owner, name) {
  const original = owner[name];
  if (typeof original !== 'function') return;
  owner[name] = function (...args) {
    steps += 1;
    if (steps !== fatal) return original.apply(this, args);
    const half = halfOf(args[1]);
    if (half !== undefined && /^(append|write)(File)?Sync$/.test(name)) original.call(this, args[0], half);
    die();
  };
}

if (isMainThread) {
  for (const name of [...CHANGES, ...WRITES]) {
    count(fs, name);
    count(fs, `${name}Sync`);
    if (CHANGES.includes(name) || name.endsWith('File')) count(fs.promises, name);
  }
  const file = await fs.promises.open(process.execPath);
  for (const name of WRITES) count(Object.getPrototypeOf(file), name);
  await file.close();
  for (const name of ['put', 'batch', 'clear', 'open', 'close']) count(ClassicLevel.prototype, name);
  // a file or a pipe that takes half of a line
  const { write } = process.stdout;
  process.stdout.write = function (text, ...rest) {
    steps += 1;
    if (steps !== fatal) return write.call(this, text, ...rest);
    writeSync(1, halfOf(text) ?? '');
    return die();
  };
  syncBuiltinESMExports();
  process.on('exit', () => {
    if (process.env.KILL_STEPS) writeFileSync(process.env.KILL_STEPS, String(steps));
  });
}
