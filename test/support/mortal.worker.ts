// The real worker thread, but mortal.

import type { Task } from '../../src/workers/protocol.ts';
import { kills, mortality } from './mortality.ts';

export default async function mortal(task: Task): Promise<unknown> {
  const dies = kills(task);
  if (dies && mortality.moment === 'before') await die();
  if (dies && mortality.moment === 'writing') dieInSecondSharedWrite();
  // imported late, so that a worker which is to die at once starts quickly
  const { default: run } = await import('../../src/workers/network.worker.ts');
  const answer = await run(task);
  if (dies) await die();
  return answer;
}

function die(): Promise<never> {
  if (mortality.manner === 'exit') process.exit(3);
  setImmediate(() => {
    throw new Error('thrown by the mortal worker');
  });
  return new Promise(() => undefined);
}

function dieInSecondSharedWrite(): void {
  const write = Float32Array.prototype.set;
  let writes = 0;
  Float32Array.prototype.set = function (this: Float32Array, ...args: Parameters<typeof write>) {
    if (this.buffer instanceof SharedArrayBuffer && ++writes === 2) process.exit(3);
    write.apply(this, args);
  };
}
