// What is made of a state that cannot be written to, so that it can be read; test/cli/merge.test.ts does so without the
// right to write.

import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CandidateStore } from '../../src/state/candidates.ts';
import { openDatabase } from '../../src/state/database.ts';
import { snapshotOf } from '../../src/state/snapshot.ts';
import { State } from '../../src/state/state.ts';
import { ValueLog } from '../../src/state/value-log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-snapshots-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const files = () => readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'base64')]);

/** A state of two samples, the first of them in a table, the other in the log alone. */
async function makeState(): Promise<void> {
  const state = await State.open(folder, 'test');
  const candidates = new CandidateStore(state);
  for (const [n, id] of ['a', 'b'].entries()) {
    const pixels = Uint8Array.of(n);
    await candidates.keep([{ id, label: 0, pixels, shape: [1, 1, 1] }], [Uint8Array.of(n, n)], 'sample');
    if (n === 0) await state.database.compactRange('', '~');
  }
  await state.close();
}

it('has links to what never changes and copies of the rest; what is read there changes nothing', async () => {
  await makeState();
  const before = files();
  const copy = await snapshotOf(folder);
  const entries = readdirSync(copy, { withFileTypes: true });
  expect(
    Object.fromEntries(entries.map((one) => [one.name.replace(/\d+/, 'N'), one.isSymbolicLink()])),
  ).toEqual({
    'N.ldb': true,
    'N.log': false,
    CURRENT: false,
    'MANIFEST-N': false,
    'dataelixir.json': false,
    values: true,
  });
  const database = await openDatabase(folder, copy);
  const values = await ValueLog.open(copy, true);
  const blocks: (readonly (readonly [string, Uint8Array])[])[] = [];
  for await (const block of new CandidateStore({ database, values }).blocks('sample')) blocks.push(block);
  await database.compactRange('', '~');
  await Promise.all([database.close(), values.close()]);
  rmSync(copy, { recursive: true });
  expect(blocks.flat().map(([key, value]) => [key.split('/')[1], [...value]])).toEqual([
    ['a', [0, 0]],
    ['b', [1, 1]],
  ]);
  expect(files()).toEqual(before);
});

it('refuses what cannot be read or changes meanwhile, and leaves nothing behind', async () => {
  const scratch = mkdtempSync(join(folder, 'tmp-'));
  vi.stubEnv('TMPDIR', scratch);
  await expect(snapshotOf(join(folder, 'none'))).rejects.toThrow(
    /expected a state that can be read .*none, found/,
  );
  const state = join(folder, 'state');
  mkdirSync(state);
  for (let n = 0; n < 200; n++) writeFileSync(join(state, `${n}.log`), 'x');
  const found = snapshotOf(state);
  const timer = setInterval(() => appendFileSync(join(state, '0.log'), 'x'), 0);
  await expect(found.finally(() => clearInterval(timer))).rejects.toThrow(
    /found another process at work on it/,
  );
  vi.unstubAllEnvs();
  expect(readdirSync(scratch)).toEqual([]);
});
