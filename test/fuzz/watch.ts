// What an input costs. A thread beside the reader looks at the memory of the process, and ends it where an input hangs or
// memory runs away, with the number of the input: nothing else could, while the reader has the thread of the test.

import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

/** After so many milliseconds of work or of nothing, or with so many bytes, the process ends. */
const LIMITS = { cpu: 30_000, wall: 600_000, rss: 2 ** 31 };
const DESCRIPTORS = '/proc/self/fd';

const LOOK = `
  const { writeSync } = require('node:fs');
  const { workerData } = require('node:worker_threads');
  const { seed, limits: { cpu, wall, rss: mostRss } } = workerData;
  const now = new Int32Array(workerData.shared);
  let [last, since, used] = [-1, 0, process.cpuUsage()];
  const end = (why) => {
    // what goes through the other thread would never be printed
    writeSync(2, 'input ' + now[0] + ' ' + why + ': FUZZ_SEED=' + seed + ' FUZZ_FIRST=' + now[0] + ' FUZZ_INPUTS=1 npm run fuzz\\n');
    process.kill(process.pid, 'SIGKILL');
  };
  setInterval(() => {
    const rss = process.memoryUsage.rss();
    now[1] = Math.max(now[1], rss / 2 ** 20);
    if (now[0] !== last) [last, since, used] = [now[0], Date.now(), process.cpuUsage()];
    const { user, system } = process.cpuUsage(used);
    if (rss > mostRss) end('takes too much memory');
    // of another program's work the time of day would tell, not of this one's
    if (user + system > 1000 * cpu || Date.now() - since > wall) end('hangs');
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
  readonly #worker: Worker;

  /** @param seed of the inputs, named with their number */
  constructor(seed: number) {
    this.#worker = new Worker(LOOK, {
      eval: true,
      workerData: { shared: this.#shared, seed, limits: LIMITS },
    });
  }

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
