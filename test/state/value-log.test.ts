import { appendFileSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Sample } from '../../src/datasets/sample.ts';
import { StateError } from '../../src/errors.ts';
import { CandidateStore } from '../../src/state/candidates.ts';
import { State } from '../../src/state/state.ts';
import { ValueLog } from '../../src/state/value-log.ts';
import { temporaryFolder } from '../datasets/make.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function openLog(folder: string): Promise<ValueLog> {
  const log = await ValueLog.open(folder);
  open.push(log);
  return log;
}

const bytesOf = (n: number) => Buffer.alloc(1 + ((n * 37) % 500), n);
const manyOf = (from: number, count: number) => Array.from({ length: count }, (_, i) => bytesOf(from + i));

describe('a value log', () => {
  it('gives values back by their places, in any order, neighbours or not, also opened again', async () => {
    const folder = temporaryFolder();
    const log = await ValueLog.open(folder);
    const places = [...(await log.append(manyOf(0, 50))), ...(await log.append(manyOf(50, 50)))];
    expect(await log.read(places)).toEqual(manyOf(0, 100));
    await log.sync();
    await log.close();
    const again = await openLog(folder);
    const more = await again.append([bytesOf(100)]);
    const asked = [places[7], undefined, places[3], places[4], more[0], places[99], places[7]];
    const expected = [bytesOf(7), undefined, bytesOf(3), bytesOf(4), bytesOf(100), bytesOf(99), bytesOf(7)];
    expect(await again.read(asked)).toEqual(expected);
    expect(await again.read([])).toEqual([]);
    expect(await again.append([])).toEqual([]);
  });

  it('keeps apart what is appended at the same time', async () => {
    const log = await openLog(temporaryFolder());
    const places = await Promise.all(Array.from({ length: 40 }, (_, n) => log.append(manyOf(n, 3))));
    const found = await Promise.all(places.map((some) => log.read(some)));
    expect(found).toEqual(Array.from({ length: 40 }, (_, n) => manyOf(n, 3)));
  });

  it('gives what is cut off or damaged for not there, and goes on behind it', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'values');
    const log = await ValueLog.open(folder);
    const places = await log.append(manyOf(0, 10));
    await log.close();
    truncateSync(path, statSync(path).size - 1);
    const bytes = readFileSync(path);
    bytes[bytesOf(0).length + 2]! ^= 1;
    writeFileSync(path, bytes);
    appendFileSync(path, 'what a killed run left');
    const again = await openLog(folder);
    const [more] = await again.append([bytesOf(10)]);
    const expected: unknown[] = manyOf(0, 11);
    expected[1] = undefined;
    expected[9] = undefined;
    expect(await again.read([...places, more])).toEqual(expected);
  });

  it('says what the disk has against it', async () => {
    const folder = temporaryFolder();
    symlinkSync('/dev/full', join(folder, 'values'));
    const log = await openLog(folder);
    const refused = log.append([bytesOf(1)]);
    await expect(refused).rejects.toThrow(StateError);
    await expect(refused).rejects.toThrow(/expected a state that can be read and written at .*ENOSPC/);
    await expect(ValueLog.open(join(folder, 'missing'))).rejects.toThrow(StateError);
  });
});

describe('candidates of a state', () => {
  const sampleOf = (n: number): Sample => ({
    id: `s${n}`,
    label: 0,
    pixels: Uint8Array.of(n),
    shape: [1, 1, 1],
  });
  const samples = Array.from({ length: 600 }, (_, n) => sampleOf(n));

  it('that were lost are not found, the others are; all that are there come in the order of their keys', async () => {
    const folder = temporaryFolder();
    const state = await State.open(folder, '1');
    const store = new CandidateStore(state);
    await store.keep(samples, manyOf(0, 600), 'sample');
    await store.keep(samples.slice(0, 2), manyOf(0, 2), 'canary');
    await state.close();
    truncateSync(
      join(folder, 'values'),
      manyOf(0, 500).reduce((sum, { length }) => sum + length, 0),
    );
    const again = await State.open(folder, '1');
    open.push(again);
    const found = await new CandidateStore(again).find(samples, 'sample');
    expect(found).toEqual([...manyOf(0, 500), ...Array(100).fill(undefined)]);
    expect(await new CandidateStore(again).find(samples.slice(0, 3), 'canary')).toEqual([
      ...manyOf(0, 2),
      undefined,
    ]);
    const keys: string[] = [];
    for await (const { key } of again.contents()) if (key.startsWith('cand')) keys.push(key);
    expect(keys).toHaveLength(500);
    expect(keys).toEqual([...keys].sort());
  });

  it('are kept by a state of this format only', async () => {
    const folder = temporaryFolder();
    const state = await State.open(folder, '1.2.3');
    const meta = { format: 1, version: '0.9', classes: 0, slot: 'a', run: 0 };
    await state.database.put<string, unknown>('meta', meta, { valueEncoding: 'json' });
    await state.close();
    await expect(State.open(folder, '1.2.3')).rejects.toThrow(
      /expected a state of format 2 at .*, found format 1, written by dataelixir 0.9; use that version/,
    );
  });
});
