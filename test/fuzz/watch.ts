// What an input costs. A thread beside the reader looks at the memory of the process, and ends it where an input hangs or
// memory runs away, with the number of the input: nothing else could, while the reader has the thread of the test.

import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

/** Seconds, and bytes of the whole process, after which it ends. */
const HANGS_S = 60;
const MOST_RSS = 2 ** 31;
const DESCRIPTORS = '/proc/self/fd';

const LOOK = `
  const { writeSync } = require('node:fs');
  const { workerData } = require('node:worker_threads');
  const now = new Int32Array(workerData.shared);
  let [last, since] = [-1, Date.now()];
  const end = (why) => {
    // what goes through the other thread would never be printed
    writeSync(2, 'input ' + now[0] + ' ' + why + '\\n');
    process.kill(process.pid, 'SIGKILL');
  };
  setInterval(() => {
    const rss = process.memoryUsage.rss();
    now[1] = Math.max(now[1], rss / 2 ** 20);
    if (now[0] !== last) [last, since] = [now[0], Date.now()];
    if (rss > workerData.mostRss) end('takes too much memory');
    if (Date.now() - since > 1000 * workerData.hangs) end('hangs');
  }, 10);
`;

export interface Cost {
  /** MiB that the process grew by at most, while an input was read. */
  readonly memory: number;
  /** Of all threads, in milliseconds. */
  readonly cpu: number;
  /** Files that were left open. */
  readonly open: number;
}

export class Watch {
  readonly #shared = new SharedArrayBuffer(8);
  readonly #now = new Int32Array(this.#shared);
  readonly #worker = new Worker(LOOK, {
    eval: true,
    workerData: { shared: this.#shared, mostRss: MOST_RSS, hangs: HANGS_S },
  });

  /**
   * @param index of the input, named where the process has to be ended
   * @param root  folder of its files
   */
  async during(index: number, root: string, work: () => Promise<void>): Promise<Cost> {
    const memory = process.memoryUsage.rss() / 2 ** 20;
    const cpu = process.cpuUsage();
    this.#now[1] = memory;
    this.#now[0] = index;
    await work();
    const { user, system } = process.cpuUsage(cpu);
    const peak = Math.max(this.#now[1]!, process.memoryUsage.rss() / 2 ** 20);
    // what is being closed is closed in a moment
    for (let turn = 0; turn < 200 && openIn(root) > 0; turn++) await setTimeout(10);
    return { memory: peak - memory, cpu: (user + system) / 1000, open: openIn(root) };
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Files below a folder that the process has open, where the system tells. */
function openIn(folder: string): number {
  if (!existsSync(DESCRIPTORS)) return 0;
  return readdirSync(DESCRIPTORS).filter((name) => targetOf(name).startsWith(folder)).length;
}

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`${DESCRIPTORS}/${descriptor}`);
  } catch {
    // closed since
    return '';
  }
}

/** MiB that are in use after all that can go is gone. */
export function heldMemory(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
