// Every reader on damaged files: datasets, weights and what stands beside them. A few hundred in the suite; `npm run fuzz`
// takes 20,000. Whatever is read must be good, or a quarantine entry with file, offset and reason; or the source is refused.
// No input may cost more memory or time than a multiple of what it is, leave files open, or lead to a file outside of its
// folder. Equal numbers and seeds make equal inputs.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open.ts';
import { openRegular } from '../../src/files/regular-file.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { pick } from './mutate.ts';
import { opensOutside } from './opens.ts';
import { datasetTargets } from './sources.ts';
import { damage } from './structures/by-name.ts';
import { expectNoCanary, linkCanary, type Outcome, plantCanaries, type Target } from './target.ts';
import { type Cost, heldMemory, Watch } from './watch.ts';
import { weightTargets } from './weights.ts';

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 400);
const FIRST = Number(process.env.FUZZ_FIRST ?? 0);
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_125);
/** Of one input, whose files have some kilobytes; the most are promises of Parquet that are kept within its limit. */
const MOST: Cost = { memory: 600, cpu: 5000, open: 0 };
/** MiB by which what is held after all inputs may have grown since the first hundreds. */
const MOST_GROWTH = 32;
const WARM = 200;

type Counts = Record<Outcome, number>;

let folder: string;
let targets: readonly Target[];
beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'dataelixir-fuzz-')));
  plantCanaries(folder);
  targets = [...(await datasetTargets()), ...(await weightTargets())];
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the files are good before they are damaged', async () => {
  for (const target of targets) {
    const root = written(new Map(Object.entries(target.files)), target.name);
    expect(await target.read(root), target.name).toBe('all read');
  }
});

test('what leads outside, stays open or takes memory is noticed', async () => {
  const root = written(new Map([['a.bin', Buffer.alloc(8)]]), 'watched');
  const watch = new Watch(SEED);
  const canary = join(folder, 'canary.png');
  const open: FileHandle[] = [];
  const outside: string[] = [];
  const cost = await watch.during(0, root, async () => {
    const names = [join(root, 'a.bin'), join(root, 'link.png'), join(root, '../canary.png')];
    outside.push(
      ...(await opensOutside(root, async () => {
        for (const name of names) open.push(await openRegular(name));
      })),
    );
    Buffer.alloc(2 ** 27, 1);
  });
  await watch.end();
  for (const file of open) await file.close();
  expect(outside).toEqual([canary, canary]);
  expect(cost).toMatchObject({ open: process.platform === 'linux' ? 1 : 0 });
  expect(cost.memory).toBeGreaterThan(100);
  const found = await openDataset(canary.replace('.png', '.ndjson'), { paths: folder });
  for await (const result of found.read()) {
    if (!result.ok) throw new Error(result.quarantined.message);
    expect(() => expectNoCanary(result.sample.pixels)).toThrow(/an image from outside/);
    expect(() => expectNoCanary(result.sample.id)).toThrow(/of a file outside/);
  }
});

test('damaged files: samples or weights, quarantine entries or a refusal', {
  timeout: 7_200_000,
}, async () => {
  const watch = new Watch(SEED);
  const counts = new Map<string, Counts>(
    targets.map(({ name }) => [name, { refused: 0, 'samples set aside': 0, 'all read': 0 }]),
  );
  const failures: string[] = [];
  const most = { memory: 0, cpu: 0 };
  let held = Number.POSITIVE_INFINITY;
  let index = FIRST;
  const fail = (error: unknown) => {
    const { name } = targets[index % targets.length]!;
    const again = `FUZZ_SEED=${SEED} FUZZ_FIRST=${index} FUZZ_INPUTS=1 npm run fuzz`;
    const failure = `input ${index}, ${name} (${again}): ${error instanceof Error ? error.stack : String(error)}`;
    // a long run tells at once
    console.error(failure.slice(0, 2000));
    failures.push(failure);
  };
  process.on('unhandledRejection', fail);
  // they quote what they warn of on the terminal
  process.on('warning', fail);
  try {
    for (; index < FIRST + INPUTS; index++) {
      if (index === FIRST + Math.min(WARM, INPUTS >> 1)) held = heldMemory();
      const target = targets[index % targets.length]!;
      const root = written(damaged(target, index), String(index));
      const cost = await watch.during(index, root, async () => {
        try {
          let found: Outcome | undefined;
          const outside = await opensOutside(root, async () => {
            found = await target.read(root);
          });
          expect(outside, 'files that were opened outside').toEqual([]);
          counts.get(target.name)![found!]++;
        } catch (error) {
          fail(error);
        }
      });
      for (const key of ['memory', 'cpu', 'open'] as const) {
        if (cost[key] > MOST[key]) fail(`expected at most ${MOST[key]} of ${key}, found ${cost[key]}`);
      }
      most.memory = Math.max(most.memory, cost.memory);
      most.cpu = Math.max(most.cpu, cost.cpu);
      rmSync(root, { recursive: true, force: true });
    }
    const growth = heldMemory() - held;
    report(
      counts,
      `at most ${most.memory.toFixed()} MiB and ${most.cpu.toFixed()} ms an input, ${growth.toFixed()} MiB held after all`,
    );
    expect(failures.slice(0, 5)).toEqual([]);
    expect(growth).toBeLessThan(MOST_GROWTH);
  } finally {
    process.off('unhandledRejection', fail);
    process.off('warning', fail);
    await watch.end();
  }
  if (INPUTS < WARM) return;
  // who changes nothing, or breaks everything at its first byte, tests nothing
  for (const outcome of ['refused', 'samples set aside', 'all read'] as const) {
    const count = [...counts.values()].reduce((sum, of) => sum + of[outcome], 0);
    expect(count, outcome).toBeGreaterThan(INPUTS / 50);
  }
});

function report(counts: ReadonlyMap<string, Counts>, costs: string): void {
  const lines = [...counts].map(([name, of]) => {
    const numbers = Object.entries(of).map(([outcome, count]) => `${String(count).padStart(5)} ${outcome}`);
    return `${name.padEnd(30)}${numbers.join(', ')}`;
  });
  console.log([`${INPUTS} inputs of seed ${SEED} from ${FIRST}: ${costs}`, ...lines].join('\n'));
}

/** The files of a target, one of them damaged. */
function damaged({ files }: Target, index: number): Map<string, Buffer> {
  const random = new RandomStream(randomKey(SEED, String(index)));
  const name = pick(Object.keys(files), random);
  const other = pick(Object.values(pick(targets, random).files), random);
  return new Map(Object.entries(files)).set(name, damage(name)(files[name]!, random, other));
}

function written(files: ReadonlyMap<string, Buffer>, name: string): string {
  const root = join(folder, name.replaceAll(' ', '-'));
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  linkCanary(root);
  return root;
}
