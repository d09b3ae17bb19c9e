// Every reader on damaged files. A few hundred in the suite; `npm run fuzz` takes 20,000. Whatever is read must be
// a sample that fits its dataset, or a quarantine entry with file, offset and reason; or the source is refused. A
// reader that hangs would hang the test as well: a thread beside it watches, and ends the process with the number
// of the input, as it does when memory runs away.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open.ts';
import { DatasetError } from '../../src/errors.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { mutate } from './mutate.ts';
import { makeSources, type Source } from './sources.ts';

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 300);
const FIRST = Number(process.env.FUZZ_FIRST ?? 0);
const SEED = 20_261_125;
const MAX_RESULTS = 1000;
const MAX_PIXELS = 2 ** 20;
const WATCH = `
  const { workerData } = require('node:worker_threads');
  const now = new Int32Array(workerData);
  let last = -1;
  setInterval(() => {
    const large = process.memoryUsage().rss > 2 ** 31;
    if (now[0] === last || large) {
      console.error('input ' + now[0] + (large ? ' takes too much memory' : ' hangs'));
      process.kill(process.pid, 'SIGKILL');
    }
    last = now[0];
  }, 60_000 / 2);
`;

type Outcome = 'refused' | 'samples set aside' | 'all read';

test('the sources are good before they are damaged', async () => {
  for (const source of await makeSources()) {
    const root = mkdtempSync(join(tmpdir(), 'dataelixir-fuzz-'));
    const outcome = await check(source, new Map(Object.entries(source.files)), root);
    rmSync(root, { recursive: true });
    expect(outcome, source.name).toBe('all read');
  }
});

test('damaged files: samples, quarantine entries or a refusal', { timeout: 3_600_000 }, async () => {
  const sources = await makeSources();
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-fuzz-'));
  const shared = new SharedArrayBuffer(4);
  const now = new Int32Array(shared);
  const watch = new Worker(WATCH, { eval: true, workerData: shared });
  const counts: Record<Outcome, number> = { refused: 0, 'samples set aside': 0, 'all read': 0 };
  const failures: string[] = [];
  let peak = 0;
  try {
    for (let i = FIRST; i < FIRST + INPUTS; i++) {
      now[0] = i;
      const source = sources[i % sources.length]!;
      const root = join(folder, String(i));
      const damaged = damage(source, sources, i);
      try {
        counts[await check(source, damaged, root)]++;
      } catch (error) {
        failures.push(`input ${i}, ${source.name}: ${(error as Error).stack}`);
      }
      rmSync(root, { recursive: true, force: true });
      peak = Math.max(peak, process.memoryUsage().rss);
    }
  } finally {
    await watch.terminate();
    rmSync(folder, { recursive: true });
  }
  const text = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  console.log(`${INPUTS} inputs: ${text.join(', ')}; RSS at most ${Math.round(peak / 2 ** 20)} MiB`);
  expect(failures.slice(0, 5)).toEqual([]);
  for (const [outcome, count] of Object.entries(counts)) expect(count, outcome).toBeGreaterThan(INPUTS / 50);
});

/** The files of a source, one of them damaged. */
function damage({ files }: Source, sources: readonly Source[], index: number): Map<string, Buffer> {
  const random = new RandomStream(randomKey(SEED, String(index)));
  const names = Object.keys(files);
  const name = names[random.integer(names.length)]!;
  const others = Object.values(sources[random.integer(sources.length)]!.files);
  const damaged = mutate(files[name]!, random, others[random.integer(others.length)]!);
  return new Map(Object.entries(files)).set(name, damaged);
}

/** Reads what was written into a folder. @throws {Error} when it is neither good, nor set aside, nor refused */
async function check(source: Source, files: ReadonlyMap<string, Buffer>, root: string): Promise<Outcome> {
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  const labels = source.name === 'idx' ? { labels: join(root, 'a-labels') } : {};
  const classes = source.name.includes('webdataset tar') ? { classes: 4 } : {};
  let bad = 0;
  let all = 0;
  try {
    const dataset = await openDataset(join(root, source.open), {
      maxPixels: MAX_PIXELS,
      ...labels,
      ...classes,
    });
    const { shape, classes: count } = dataset.info;
    const size = shape.reduce((product, extent) => product * extent);
    for await (const result of dataset.read()) {
      if (++all > MAX_RESULTS) throw new Error(`more than ${MAX_RESULTS} results`);
      if (!result.ok) {
        bad++;
        const { source: file, offset, message } = result.quarantined;
        expect(file.startsWith(root), file).toBe(true);
        expect(Number.isSafeInteger(offset) && offset >= 0, `offset ${offset}`).toBe(true);
        expect(message).toMatch(/^expected .*, found.*; ./s);
      } else {
        const { label, pixels } = result.sample;
        expect(pixels.length).toBe(size);
        expect(Number.isInteger(label) && label >= 0 && label < count, `label ${label}`).toBe(true);
      }
    }
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    expect(error.message).toMatch(/^expected .*, found.*; ./s);
    return 'refused';
  }
  return bad > 0 ? 'samples set aside' : 'all read';
}
